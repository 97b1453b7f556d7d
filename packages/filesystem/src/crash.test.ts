import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { parseYaml } from "@trueup/manifest";
import { converge, SECOND } from "./testing/scenario.ts";

const child = fileURLToPath(new URL("./testing/crash-child.ts", import.meta.url));
const CHILDREN = 4;

/** A folder with a root in which others have files too. */
function prepare(): string {
  const folder = mkdtempSync(join(tmpdir(), "trueup-crash-"));
  for (const [path, content] of FOREIGN) {
    mkdirSync(join(folder, "root", path, ".."), { recursive: true });
    writeFileSync(join(folder, "root", path), content);
  }
  return folder;
}

const FOREIGN = [
  ["prod/Service.example.dev/foreign.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: foreign}\n"],
  ["etc/theirs", "theirs\n"],
] as const;

const run = async (folder: string, step: number) =>
  await promisify(execFile)(process.execPath, [child, folder, String(step)], { timeout: 60_000 }).then(
    ({ stdout }) => ({ killed: false, calls: Number(stdout) }),
    (error: { signal?: string; stderr?: string }) => {
      if (error.signal !== "SIGKILL") throw error;
      return { killed: true, calls: step };
    },
  );

const files = (root: string): string[] =>
  (readdirSync(root, { recursive: true }) as string[])
    .filter((path) => !path.startsWith(".trueup") && statSync(join(root, path)).isFile())
    .toSorted();

/** What must hold whenever the process died. */
function checkAfterDeath(root: string): void {
  for (const [path, content] of FOREIGN) expect(readFileSync(join(root, path), "utf8")).toBe(content);
  for (const path of files(root)) {
    const text = readFileSync(join(root, path), "utf8");
    if (path.endsWith(".yaml")) expect(parseYaml(text, { file: path })).toMatchObject({ errors: [], documents: [{}] });
    else expect(["first\n", "second\n", "blob\n", "theirs\n"]).toContain(text);
  }
}

/** What must hold once it ran again. */
function checkAfterRestart(root: string): void {
  checkAfterDeath(root);
  expect(files(root)).toEqual([
    "etc/theirs",
    "prod/Service.example.dev/foreign.yaml",
    "prod/Service.example.dev/web.yaml",
    "var/motd",
  ]);
  expect(readFileSync(join(root, "prod/Service.example.dev/web.yaml"), "utf8")).toContain("replicas: 2");
  expect(readFileSync(join(root, "var/motd"), "utf8")).toBe("second\n");
  expect(statSync(join(root, "var/motd")).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(root, ".trueup/files"))).toHaveLength(1);
  expect(readdirSync(join(root, ".trueup/tmp")).length).toBeLessThanOrEqual(1);
}

it(
  "fault 36: killed before any system call that changes the directory, it converges, orphans nothing and leaves others' files",
  { timeout: 300_000 },
  async () => {
    const whole = prepare();
    const { killed, calls } = await run(whole, 0);
    expect(killed).toBe(false);
    checkAfterRestart(join(whole, "root"));
    rmSync(whole, { recursive: true });
    expect(calls).toBeGreaterThan(60);

    const steps = Array.from({ length: calls }, (_, index) => index + 1).values();
    const worker = async (): Promise<void> => {
      for (const step of steps) {
        const folder = prepare();
        expect((await run(folder, step)).killed, `step ${step}`).toBe(true);
        const root = join(folder, "root");
        checkAfterDeath(root);
        await converge(folder, SECOND);
        checkAfterRestart(root);
        rmSync(folder, { recursive: true });
      }
    };
    await Promise.all(Array.from({ length: CHILDREN }, worker));
  },
);
