import { rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { folders } from "./folders.ts";
import { place } from "./testing/place.ts";

it("makes a folder once for all who write in it at the same time", async () => {
  using at = place();
  const made: string[] = [];
  const below = folders({ root: at.root, onMake: async (path) => void made.push(path) });
  const writes = Array.from({ length: 16 }, async (_, i) => {
    await below.making("shop/ConfigMap", async (folder) => await writeFile(folder.at(`${i}.yaml`), ""));
  });
  await Promise.all(writes);
  expect(made).toEqual(["shop/ConfigMap", "shop"]);
});

it("makes a folder again that was removed", async () => {
  using at = place();
  const made: string[] = [];
  const below = folders({ root: at.root, onMake: async (path) => void made.push(path) });
  const write = (): Promise<void> =>
    below.making("shop", async (folder) => await writeFile(folder.at("a.yaml"), "a: 1\n"));
  await write();
  rmSync(join(at.root, "shop"), { recursive: true });
  await write();
  expect(made).toEqual(["shop", "shop"]);
});

it("tells all who wait for a folder why it cannot be made", async () => {
  using at = place();
  at.write("shop", "");
  const below = folders({ root: at.root });
  const write = (): Promise<void> => below.making("shop/ConfigMap", async () => {});
  const results = await Promise.allSettled([write(), write()]);
  for (const result of results) {
    expect(result).toMatchObject({
      status: "rejected",
      reason: { code: "FORBIDDEN", message: "shop is no folder: nothing is read or written behind it" },
    });
  }
});
