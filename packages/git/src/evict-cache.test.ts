import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { evictCache, useMarker } from "./evict-cache.ts";

const NOW = Date.parse("2026-05-01T00:00:00Z");
const HOUR = 3_600_000;
const PACK = `pack-${"a".repeat(40)}`;

describe("evictCache", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "trueup-evict-"));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const name = (letter: string): string => `repo-${letter.repeat(16)}`;
  const file = (path: string, bytes: number, age: number): void => {
    writeFileSync(path, Buffer.alloc(bytes));
    utimesSync(path, (NOW - age) / 1000, (NOW - age) / 1000);
  };
  function repository(letter: string, bytes: number, unused: number): string {
    const path = join(root, name(letter));
    mkdirSync(path);
    file(join(path, `${PACK}.pack`), bytes - 10, 0);
    file(join(path, `${PACK}.idx`), 10, 0);
    file(join(path, "used"), 0, unused);
    return path;
  }
  const left = (): string[] => readdirSync(root).toSorted();
  const evict = (cacheBytes = Infinity, cacheUnusedMs = Infinity): void =>
    evictCache(root, { cacheBytes, cacheUnusedMs }, NOW);

  it("removes what nobody used for long", () => {
    repository("a", 100, 10 * HOUR);
    repository("b", 100, 10 * HOUR + 1);
    evict(Infinity, 10 * HOUR);
    expect(left()).toEqual([name("a")]);
  });

  it("removes what was used longest ago, until the rest is within the limit", () => {
    repository("a", 100, 2 * HOUR);
    repository("b", 100, 3 * HOUR);
    repository("c", 100, HOUR);
    evict(300);
    expect(left()).toHaveLength(3);
    evict(299);
    expect(left()).toEqual([name("a"), name("c")]);
    evict(100);
    expect(left()).toEqual([name("c")]);
  });

  it("passes over what leads nowhere, and removes it with the rest", () => {
    const path = repository("a", 100, 2 * HOUR);
    symlinkSync(join(root, "nowhere"), join(path, `pack-${"b".repeat(40)}.idx`));
    symlinkSync(join(root, "nowhere"), join(root, name("b")));
    evict(100);
    expect(readdirSync(path)).toHaveLength(4);
    evict(99);
    expect(existsSync(join(path, `${PACK}.pack`))).toBe(false);
  });

  it("keeps what is in use, whatever it takes", () => {
    repository("a", 100, 600_000);
    repository("b", 100, 600_001);
    evict(1);
    expect(left()).toEqual([name("a")]);
  });

  it("touches nothing that is not its own", () => {
    const path = repository("a", 100, HOUR);
    writeFileSync(join(path, "notes.txt"), "mine");
    mkdirSync(join(root, "other"));
    writeFileSync(join(root, "other", `${PACK}.pack`), "x");
    writeFileSync(join(root, name("f")), "a file");
    evict(1, 1);
    expect(left()).toEqual(["other", name("a"), name("f")]);
    expect(readdirSync(path)).toEqual(["notes.txt"]);
    expect(readdirSync(join(root, "other"))).toEqual([`${PACK}.pack`]);
    evictCache(join(root, "nowhere"), { cacheBytes: 1, cacheUnusedMs: 1 });
  });

  it("goes by the directory's own time where nothing says when it was used", () => {
    const path = repository("a", 100, 0);
    rmSync(join(path, "used"));
    utimesSync(path, (NOW - HOUR) / 1000, (NOW - HOUR) / 1000);
    evict(Infinity, HOUR);
    expect(left()).toHaveLength(1);
    evict(Infinity, HOUR - 1);
    expect(left()).toEqual([]);
  });

  it("clears away what a process left half written, once it is old", () => {
    const path = repository("a", 100, 0);
    file(join(path, `tmp-${"0".repeat(16)}`), 5, HOUR + 1);
    file(join(path, `tmp-${"1".repeat(16)}`), 5, HOUR);
    evict();
    expect(readdirSync(path).toSorted()).toEqual([`${PACK}.idx`, `${PACK}.pack`, `tmp-${"1".repeat(16)}`, "used"]);
  });
});

describe("useMarker", () => {
  it("says so once a minute, and never fails", () => {
    vi.useFakeTimers({ now: NOW, toFake: ["Date"] });
    const root = mkdtempSync(join(tmpdir(), "trueup-evict-"));
    const used = join(root, "used");
    try {
      const touch = useMarker(root);
      touch();
      expect(statSync(used).mtimeMs).toBe(NOW);
      vi.setSystemTime(NOW + 59_999);
      touch();
      expect(statSync(used).mtimeMs).toBe(NOW);
      vi.setSystemTime(NOW + 60_000);
      touch();
      expect(statSync(used).mtimeMs).toBe(NOW + 60_000);
      expect(statSync(used).mode & 0o777).toBe(0o600);
      rmSync(root, { recursive: true });
      vi.setSystemTime(NOW + 120_000);
      touch();
      expect(existsSync(root)).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });
});
