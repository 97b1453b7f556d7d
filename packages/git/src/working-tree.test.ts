import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Source } from "@trueup/spec";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
// By the first call otherwise, in whatever time that takes.
import "./working-tree-source.ts";
import { workingTree, type WorkingTreeOptions } from "./working-tree.ts";

const EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

describe("workingTree", () => {
  let root: string;
  const sources: Source[] = [];

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "trueup-working-tree-"));
  });
  afterEach(async () => {
    for (const source of sources.splice(0)) await source.close?.();
    rmSync(root, { recursive: true, force: true });
  });
  function open(options: Partial<WorkingTreeOptions> = {}): Source & Required<Pick<Source, "watch">> {
    const source = workingTree({ path: root, ...options });
    sources.push(source);
    if (source.watch === undefined) throw new Error("cannot be watched");
    return { ...source, watch: source.watch };
  }
  // At once: what is written in steps may be heard of in steps.
  const write = (path: string, text: string): void => writeFileSync(join(root, path), text);

  it("is named after its path, and its revisions are trees", async () => {
    expect(open().name).toBe(root);
    expect(open({ name: "mine" }).name).toBe("mine");
    expect(await open().resolve()).toEqual({ id: EMPTY_TREE, ref: "working tree" });
  });

  it("says what a revision is to the one before it", async () => {
    const source = open();
    const first = await source.resolve();
    write("a", "1");
    const second = await source.resolve();
    expect((await source.open(second)).relation).toBe("unknown");
    expect((await source.open(second, { previous: second })).relation).toBe("same");
    expect((await source.open(second, { previous: first })).relation).toBe("forward");
    expect(await source.open(second)).not.toHaveProperty("commit");
  });

  it("leaves out what it is told to, besides what ignore files name", async () => {
    write("a.md", "1");
    write("a.yaml", "1");
    write("b.yaml", "1");
    write(".sourceignore", "/b.yaml\n");
    const listed = async (options: Partial<WorkingTreeOptions>): Promise<string[]> => {
      const source = open(options);
      const { tree } = await source.open(await source.resolve());
      return (await tree.list()).map(({ path }) => path);
    };
    expect(await listed({})).toEqual([".sourceignore", "a.md", "a.yaml"]);
    expect(await listed({ ignore: "*.md" })).toEqual([".sourceignore", "a.yaml"]);
  });

  it("opens what another resolved while the files are the same, and nothing else", async () => {
    write("a", "1");
    const revision = await open().resolve();
    const source = open();
    const { tree } = await source.open(revision);
    expect(Buffer.from(await tree.read("a")).toString()).toBe("1");
    write("a", "22");
    await expect(open({ name: "mine" }).open(revision)).rejects.toMatchObject({
      code: "STALE",
      message: `mine: the files are no longer those of ${revision.id}`,
    });
    await expect(source.open(revision, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "ABORTED" });
    await expect(source.resolve({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "ABORTED" });
  });

  it("refuses names that lead elsewhere on other systems, as any source does", async () => {
    write("a\\b", "1");
    const source = open();
    await expect(source.open(await source.resolve())).rejects.toMatchObject({
      code: "INVALID",
      message: String.raw`the tree is refused: a backslash in "a\\b" in "/"`,
    });
  });

  describe("watched", () => {
    /** What was called so far, once nothing more comes. */
    const after = async (calls: () => number, least: number): Promise<number> => {
      await vi.waitFor(() => expect(calls()).toBeGreaterThanOrEqual(least), { timeout: 5000, interval: 5 });
      await delay(150);
      return calls();
    };

    it("calls after a change, also in directories that came since", async () => {
      const source = open();
      await source.resolve();
      let calls = 0;
      source.watch(() => calls++);
      await delay(50);
      write("a", "1");
      expect(await after(() => calls, 1)).toBe(1);
      mkdirSync(join(root, "d"));
      expect(await after(() => calls, 2)).toBe(2);
      write("d/a", "1");
      await source.resolve();
      // The scan found a directory that was not watched.
      expect(await after(() => calls, 3)).toBe(3);
      write("d/a", "2");
      expect(await after(() => calls, 4)).toBe(4);
    });

    it("calls each who watches, until they stop or it is closed", async () => {
      const source = open();
      const calls = { one: 0, two: 0 };
      const stop = source.watch(() => calls.one++);
      source.watch(() => calls.two++);
      await delay(50);
      write("a", "1");
      await after(() => Math.min(calls.one, calls.two), 1);
      stop();
      write("a", "2");
      await after(() => calls.two, 2);
      expect(calls).toEqual({ one: 1, two: 2 });
      await source.close?.();
      write("a", "3");
      source.watch(() => calls.one++)();
      source.watch(() => calls.one++);
      await delay(50);
      write("a", "4");
      await delay(150);
      expect(calls).toEqual({ one: 1, two: 2 });
    });

    it("not at all, where it was closed before anybody asked", async () => {
      const source = open();
      await source.close?.();
      let calls = 0;
      source.watch(() => calls++);
      await delay(50);
      write("a", "1");
      await delay(150);
      expect(calls).toBe(0);
      await expect(source.resolve()).rejects.toMatchObject({ code: "INVALID", message: `${root} was closed` });
    });

    it("not at all, where it is stopped before its code was loaded", async () => {
      const source = open();
      let calls = 0;
      source.watch(() => calls++)();
      await delay(50);
      write("a", "1");
      await delay(150);
      expect(calls).toBe(0);
    });
  });
});
