import { fdatasync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { syncer } from "./sync.ts";

vi.mock("node:fs", { spy: true });

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trueup-sync-"));
  path = join(folder, "log");
  writeFileSync(path, "");
});
afterEach(() => {
  vi.resetAllMocks();
  rmSync(folder, { recursive: true });
});

/** Where the system tells. */
const openFiles = (): readonly string[] =>
  process.platform === "linux"
    ? readdirSync("/proc/self/fd")
        .map((fd) => readlink(`/proc/self/fd/${fd}`))
        .filter((file) => file === path)
    : [];
const readlink = (file: string): string => {
  try {
    return readlinkSync(file);
  } catch {
    return "";
  }
};

it("asks once for all who came before it began, and anew for those who came later", async () => {
  let under = (): void => {};
  const asked = vi.mocked(fdatasync).mockImplementationOnce((_, callback) => (under = () => callback(null)));
  const { sync } = syncer(path);
  const done: string[] = [];
  const ask = async (name: string): Promise<void> => {
    await sync();
    done.push(name);
  };
  const first = [ask("a"), ask("b")];
  await vi.waitFor(() => expect(asked).toHaveBeenCalledTimes(1));
  const later = [ask("c"), ask("d")];
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([asked.mock.calls.length, done]).toEqual([1, []]);
  under();
  await Promise.all([...first, ...later]);
  expect([asked.mock.calls.length, done]).toEqual([2, ["a", "b", "c", "d"]]);
});

it("tells those who waited of an error, not those after them, and leaves no file open", async () => {
  const before = openFiles();
  vi.mocked(fdatasync).mockImplementationOnce((_, callback) => callback(new Error("EIO")));
  const { sync, close } = syncer(path);
  const [first, second] = [sync(), sync().then(() => sync())];
  await expect(first).rejects.toThrow("EIO");
  await expect(second).rejects.toThrow("EIO");
  expect(openFiles()).toEqual(before);
  await expect(sync()).resolves.toBeUndefined();
  close();
  expect(openFiles()).toEqual(before);
});

it("opens the file once, and keeps it until it is closed, also by those who come later", async () => {
  const before = openFiles();
  const log = syncer(path);
  await log.sync();
  const held = openFiles();
  expect(held.length).toBe(before.length + (process.platform === "linux" ? 1 : 0));
  await log.sync();
  expect(openFiles()).toEqual(held);
  const last = log.sync();
  log.close();
  await last;
  expect(openFiles()).toEqual(before);
  await log.sync();
  expect(openFiles()).toEqual(before);
});

it("has nothing to do where there is no file, and says what else is in the way", async () => {
  await expect(syncer(join(folder, "absent")).sync()).resolves.toBeUndefined();
  await expect(syncer(folder).sync()).rejects.toThrow("EISDIR");
});
