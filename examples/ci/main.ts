// What a pull request would change, as its pipeline asks: a plan of the checked-out directory, Markdown for a comment, and an
// exit code as of `terraform plan -detailed-exitcode`.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createController } from "@trueup/core";
import { filesystem } from "@trueup/filesystem";
import { workingTree } from "@trueup/git";
import { sqliteStore } from "@trueup/sqlite";
import { configMap, temporary } from "../temporary.ts";

await using directory = await temporary();
const [main, live, state] = [directory.join("main"), directory.join("live"), directory.join("trueup.sqlite")];
await cp(join(import.meta.dirname, "shop"), main, { recursive: true });

// The service: what is on the main branch runs.
const target = filesystem({ root: live });
const store = sqliteStore({ path: state });
const service = createController({
  sources: { main: workingTree({ path: main }) },
  targets: { live: target },
  store,
  applications: [{ name: "shop", source: "main", path: "deploy", target: "live" }],
});
await service.sync("shop");
await service.stop();
await store.close?.();
await target.close?.();

/** The pipeline of a branch: its exit code, and what it would post. */
async function pipeline(branch: string): Promise<{ code: number; said: string; comment: string }> {
  const markdown = directory.join("plan.md");
  await writeFile(markdown, "");
  const args = [branch, "--live", live, "--state", state, "--path", "deploy", "--markdown", markdown];
  const { code, said } = await new Promise<{ code: number; said: string }>((resolve) => {
    const child = execFile(process.execPath, [join(import.meta.dirname, "plan.ts"), ...args], (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, said: stdout + stderr }),
    );
  });
  return { code, said, comment: await readFile(markdown, "utf8") };
}

const unchanged = await pipeline(main);
console.log(`nothing changed: ${unchanged.code}`);

const branch = directory.join("branch");
await cp(main, branch, { recursive: true });
await writeFile(join(branch, "deploy/settings.yaml"), configMap("settings", "closed"));
const changed = await pipeline(branch);
console.log(`a change: ${changed.code}\n${changed.comment}`);

await writeFile(join(branch, "deploy/settings.yaml"), "kind: ConfigMap\nmetadata:\n  name: settings\n");
const broken = await pipeline(branch);
console.log(`a bad document: ${broken.code}\n${broken.said}`);
assert.deepEqual([unchanged.code, changed.code, broken.code], [0, 2, 1]);
