import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createController } from "@trueup/core";
import { filesystem } from "@trueup/filesystem";
import { workingTree } from "@trueup/git";
import { sqliteStore } from "@trueup/sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const program = join(import.meta.dirname, "../../examples/ci/plan.ts");
const config = (name: string, value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  value: ${value}\n`;

let root: string;
const at = (...path: string[]): string => join(root, ...path);

/** Runs the program as a pipeline does. */
async function plan(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return await new Promise((resolve) => {
    const child = execFile(process.execPath, [program, ...args], (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

/** All that stands in the target. */
async function everything(): Promise<readonly (readonly [string, string])[]> {
  const files = (await readdir(at("live"), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).toSorted();
  return await Promise.all(paths.map(async (path) => [path, await readFile(path, "utf8")] as const));
}

const standing = (): string[] => ["--live", at("live"), "--state", at("trueup.sqlite")];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "trueup-ci-"));
  await mkdir(at("main"));
  await writeFile(at("main/a.yaml"), config("a", "one"));
  await writeFile(at("main/b.yaml"), config("b", "one"));
  const store = sqliteStore({ path: at("trueup.sqlite") });
  const target = filesystem({ root: at("live") });
  const controller = createController({
    sources: { main: workingTree({ path: at("main") }) },
    targets: { live: target },
    store,
    applications: [{ name: "shop", source: "main", target: "live" }],
  });
  expect((await controller.sync("shop")).outcome).toBe("succeeded");
  await controller.stop();
  await store.close?.();
  await target.close?.();
});
afterAll(async () => await rm(root, { recursive: true }));

describe("the plan of a directory in a pipeline", () => {
  it("ends with 0 where nothing would change", async () => {
    const { code, stdout, stderr } = await plan(at("main"), ...standing());
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("shop");
  });

  it("ends with 2 where something would, says what, deletions too, and writes nothing but the comment", async () => {
    await mkdir(at("branch"));
    await writeFile(at("branch/a.yaml"), config("a", "two"));
    const before = await everything();
    expect(before.filter(([, text]) => text.includes("value: one"))).toHaveLength(2);
    const { code, stdout } = await plan(at("branch"), ...standing(), "--markdown", at("plan.md"));
    expect(code).toBe(2);
    expect(stdout).toContain("ConfigMap b");
    const comment = await readFile(at("plan.md"), "utf8");
    expect(comment.split("\n")[0]).toBe("### `shop`: 1 to update, 1 to delete");
    expect(comment).toContain("-   value: one\n+   value: two");
    expect(await everything()).toEqual(before);
    // Nothing was applied, or recorded as if it were: it is asked again and says the same.
    expect((await plan(at("branch"), ...standing())).code).toBe(2);
    expect((await plan(at("main"), ...standing())).code).toBe(0);
  });

  it("ends with 1 where a document is bad, and names each with file and line", async () => {
    await mkdir(at("bad"));
    await writeFile(at("bad/a.yaml"), "kind: ConfigMap\nmetadata:\n  name: a\n");
    await writeFile(at("bad/b.yaml"), "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n  name: c\n");
    const { code, stderr } = await plan(at("bad"), ...standing());
    expect(code).toBe(1);
    expect(
      stderr
        .trimEnd()
        .split("\n")
        .map((line) => line.split(":").slice(0, 2).join(":")),
    ).toEqual(["a.yaml:1", "b.yaml:5"]);
  });

  it("ends with 1 where an object is another's", async () => {
    // A store of its own is another installation: what is live bears the mark of the first.
    await sqliteStore({ path: at("another.sqlite") }).close?.();
    const { code, stdout } = await plan(at("main"), "--live", at("live"), "--state", at("another.sqlite"));
    expect(code).toBe(1);
    expect(stdout).toContain("ConfigMap a");
  });

  it("ends with 1, and the usage, where it is called wrongly, and makes no store", async () => {
    expect((await plan(at("main"))).stderr).toContain("usage: node plan.ts");
    const { code, stderr } = await plan(at("main"), "--live", at("live"), "--state", at("nowhere.sqlite"));
    expect([code, stderr.includes("nowhere.sqlite is not there")]).toEqual([1, true]);
    await expect(readFile(at("nowhere.sqlite"))).rejects.toThrow("ENOENT");
  });
});
