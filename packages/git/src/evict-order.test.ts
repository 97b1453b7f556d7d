import type * as Fs from "node:fs";
import { mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync, type PathLike } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { evictCache, useMarker } from "./evict-cache.ts";

const removed = vi.hoisted((): { paths: string[] } => ({ paths: [] }));
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof Fs>();
  const rmSync = (path: PathLike, options?: Parameters<typeof fs.rmSync>[1]): void => {
    removed.paths.push(String(path));
    fs.rmSync(path, options);
  };
  return { ...fs, rmSync };
});

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "trueup-evict-order-"));
  removed.paths.length = 0;
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(root, { recursive: true, force: true });
});

it("a repository's indexes go first, what says that it is in use last", () => {
  const directory = join(root, `repo-${"a".repeat(16)}`);
  mkdirSync(directory);
  const [a, b, c] = ["a", "b", "c"].map((letter) => `pack-${letter.repeat(40)}`);
  const names = [`${a}.pack`, `${a}.idx`, "used", `tmp-${"0".repeat(16)}`, `${b}.pack`, `${c}.idx`, `${b}.idx`];
  for (const name of names) {
    writeFileSync(join(directory, name), "x");
    utimesSync(join(directory, name), 1, 1);
  }
  evictCache(root, { cacheBytes: 1, cacheUnusedMs: 1 });
  const order = removed.paths.map((path) => basename(path));
  expect(order.toSorted()).toEqual(names.toSorted());
  expect(order.slice(0, 3).toSorted()).toEqual([`${a}.idx`, `${b}.idx`, `${c}.idx`]);
  expect(order.slice(3, -1).every((name) => name !== "used")).toBe(true);
  expect(order.at(-1)).toBe("used");
});

it("the marker's times are those of now, both of them", () => {
  const now = Date.parse("2026-05-01T00:00:00Z");
  vi.useFakeTimers({ now, toFake: ["Date"] });
  useMarker(root)();
  const { atimeMs, mtimeMs } = statSync(join(root, "used"));
  expect([atimeMs, mtimeMs]).toEqual([now, now]);
});
