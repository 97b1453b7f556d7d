import { access, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { withLock } from "./lock.ts";

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "trueup-lock-"));
  path = join(directory, "deep/lock");
});
afterEach(() => rm(directory, { recursive: true }));

const nobodyWaits = (): void => expect.fail("nothing to wait for");

it("lets one in after the other, and says so to who waits", async () => {
  const seen: string[] = [];
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const first = withLock(path, nobodyWaits, async () => {
    seen.push("a in");
    await released;
    seen.push("a out");
    return "a";
  });
  await expect.poll(() => seen).toEqual(["a in"]);
  const onWait = (): void => {
    seen.push("b waits");
    release();
  };
  const second = withLock(path, onWait, () => Promise.resolve("b"));
  expect(await Promise.all([first, second])).toEqual(["a", "b"]);
  expect(seen).toEqual(["a in", "b waits", "a out"]);
});

it("is free again after a failure", async () => {
  const fails = withLock(path, nobodyWaits, () => Promise.reject(new Error("no")));
  await expect(fails).rejects.toThrow("no");
  await expect(access(path)).rejects.toThrow("ENOENT");
});

it("is taken over from a process that died", async () => {
  await withLock(path, nobodyWaits, () => Promise.resolve());
  await writeFile(path, "");
  const longAgo = new Date(Date.now() - 31_000);
  await utimes(path, longAgo, longAgo);
  let waits = 0;
  expect(
    await withLock(
      path,
      () => waits++,
      () => Promise.resolve("taken"),
    ),
  ).toBe("taken");
  expect(waits).toBe(1);
});
