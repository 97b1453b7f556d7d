import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { watchDirectories, type DirectoryWatch } from "./watch-directories.ts";

/** Longer than what changes is left to settle, by far. */
const QUIET_MS = 150;

describe("watchDirectories", () => {
  let root: string;
  let watch: DirectoryWatch;
  let calls: number;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "trueup-watch-"));
    mkdirSync(join(root, "a"));
    mkdirSync(join(root, "b"));
    calls = 0;
  });
  afterEach(() => {
    watch.stop();
    rmSync(root, { recursive: true, force: true });
  });
  const start = (...names: string[]): void => {
    watch = watchDirectories(
      names.map((name) => join(root, name)),
      () => calls++,
    );
  };
  const write = (path: string): void => writeFileSync(join(root, path), "1");
  const called = async (times: number): Promise<void> => {
    await vi.waitFor(() => expect(calls).toBe(times), { timeout: 5000, interval: 5 });
    await delay(QUIET_MS);
    expect(calls).toBe(times);
  };

  it("calls once for what changes together, and again for what changes later", async () => {
    start("a");
    for (const name of ["x", "y", "z"]) write(`a/${name}`);
    await called(1);
    write("a/x");
    await called(2);
  });

  it("hears nothing of other directories, nor of .git", async () => {
    start("a");
    write("b/x");
    mkdirSync(join(root, "a", ".git"));
    await called(0);
    write("a/.gitignore");
    await called(1);
  });

  it("watches what it is given last, and no more", async () => {
    start("a");
    watch.update([join(root, "b")]);
    // What is new may have changed before it was watched.
    await called(1);
    write("a/x");
    await called(1);
    write("b/x");
    await called(2);
    watch.update([join(root, "b")]);
    await called(2);
    write("b/x");
    await called(3);
  });

  it("says of a directory that is new that something may have changed in it", async () => {
    start("a");
    watch.update([join(root, "a"), join(root, "b")]);
    await called(1);
    for (const [index, path] of ["a/x", "b/x"].entries()) {
      write(path);
      await called(2 + index);
    }
  });

  it("passes over a directory that is not there, and takes it when it is", async () => {
    start("a", "later");
    write("a/x");
    await called(1);
    mkdirSync(join(root, "later"));
    watch.update([join(root, "a"), join(root, "later")]);
    await called(2);
    write("later/x");
    await called(3);
  });

  it("is silent once it was stopped, also of what it has heard already", async () => {
    start("a");
    write("a/x");
    await vi.waitFor(() => expect(calls).toBe(1), { interval: 1 });
    watch.update([join(root, "a"), join(root, "b")]);
    watch.stop();
    watch.update([join(root, "a"), join(root, "b")]);
    write("a/y");
    write("b/y");
    await called(1);
  });
});
