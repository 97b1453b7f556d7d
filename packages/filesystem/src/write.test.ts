import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folders, type Folders } from "./folders.ts";
import { place } from "./testing/place.ts";
import { writeWhole } from "./write.ts";

describe("a file is whole from the moment it stands in its place", () => {
  const size = 16 * 1024 * 1024;

  it.each([
    ["create", undefined],
    ["replace", undefined],
    ["create", () => {}],
    ["replace", () => {}],
  ] as const)("%s, told when it is ready: %o", async (how, onReady) => {
    using at = place();
    // The folders are there: opening one is over long before so much is written.
    at.write("a/other", "");
    at.write(".trueup/tmp/x", "");
    rmSync(join(at.root, ".trueup/tmp/x"));
    const below = folders({ root: at.root });
    const tmp = join(at.root, ".trueup/tmp");
    const sizes: number[][] = [];
    // The path of the file is asked for right before it is linked or renamed: what is unfinished then is what is put there.
    const watched: Folders = {
      ...below,
      making: (path, use) =>
        below.making(path, (folder) =>
          path !== "a"
            ? use(folder)
            : use({
                ...folder,
                at(name) {
                  sizes.push(readdirSync(tmp).map((file) => statSync(join(tmp, file)).size));
                  return folder.at(name);
                },
              }),
        ),
    };
    const options = { how, ...(onReady === undefined ? {} : { onReady }) };
    expect(await writeWhole(watched, "a/file", Buffer.alloc(size), options)).toBe(true);
    expect(sizes).toEqual([[size]]);
    expect(statSync(join(at.root, "a/file")).size).toBe(size);
    expect(readdirSync(tmp)).toEqual([]);
  });
});
