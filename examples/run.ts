// `pnpm examples [name …]`: runs each example as a program, and says which ended well.
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { dirname, join } from "node:path";
import { styleText } from "node:util";

const all = globSync("*/main.ts", { cwd: import.meta.dirname })
  .map(dirname)
  .toSorted();
const chosen = process.argv.length > 2 ? process.argv.slice(2) : all;
const unknown = chosen.filter((name) => !all.includes(name));
if (unknown.length > 0) throw new Error(`no example is named ${unknown.join(", ")}; there are ${all.join(", ")}`);

let failed = 0;
for (const name of chosen) {
  console.log(styleText("bold", `\n── ${name} ──`));
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, name, "main.ts")], {
    stdio: "inherit",
    timeout: 120_000,
  });
  if (status !== 0) {
    failed++;
    console.error(styleText("red", `${name} ended with ${status ?? "a timeout"}`));
  }
}
console.log(`\n${chosen.length - failed} of ${chosen.length} examples ended well`);
process.exitCode = failed === 0 ? 0 : 1;
