// `pnpm test:servers <version> [filter …]`: the tests against real servers, with another Kubernetes than the pinned one.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const [version, ...filters] = process.argv.slice(2);
if (version === undefined || !/^1\.\d+(\.\d+)?$/.test(version)) {
  console.error("usage: pnpm test:servers <1.32 | 1.32.13> [filter …]");
  process.exit(2);
}
const tests = filters.length > 0 ? filters : ["test/kubernetes", "test/servers"];
// pnpm puts the workspace's programs on the path.
const { status, error } = spawnSync("vitest", ["run", ...tests], {
  cwd: join(import.meta.dirname, "../.."),
  stdio: "inherit",
  shell: process.platform === "win32",
  env: { ...process.env, TRUEUP_KUBERNETES_VERSION: version },
});
if (error !== undefined) throw error;
process.exitCode = status ?? 1;
