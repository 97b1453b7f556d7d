// `pnpm bench [name …]`: each bench in a process of its own, so that none warms up, or crowds, another.
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { basename, join } from "node:path";
import { holds, table, type Bench } from "./bench.ts";

const helpers = new Set(["main", "bench", "objects"]);
const all = globSync("*.ts", { cwd: import.meta.dirname })
  .map((file) => basename(file, ".ts"))
  .filter((name) => !helpers.has(name) && !name.endsWith(".test") && !name.endsWith(".work"))
  .toSorted();

const [only, ...names] = process.argv.slice(2);
if (only === "--only" && names[0] !== undefined) {
  const bench = (await import(join(import.meta.dirname, `${names[0]}.ts`))) as Bench;
  const rows = await bench.run();
  console.log(`\n${bench.name}\n${table(rows)}`);
  process.exitCode = rows.every(holds) ? 0 : 1;
} else {
  const chosen = process.argv.length > 2 ? process.argv.slice(2) : all;
  const unknown = chosen.filter((name) => !all.includes(name));
  if (unknown.length > 0) throw new Error(`no bench is named ${unknown.join(", ")}; there are ${all.join(", ")}`);
  for (const name of chosen) {
    const { status } = spawnSync(process.execPath, [...process.execArgv, import.meta.filename, "--only", name], {
      stdio: "inherit",
    });
    if (status !== 0) process.exitCode = 1;
  }
}
