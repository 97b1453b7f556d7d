// node plan.ts <directory> --live <directory> --state <file> [--path deploy] [--markdown plan.md]
// What merging this directory would change. Ends with 0 where nothing, 2 where something, 1 where it cannot be said.
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { createController } from "@trueup/core";
import { formatPlan, formatPlanMarkdown } from "@trueup/diff";
import { filesystem } from "@trueup/filesystem";
import { workingTree } from "@trueup/git";
import { isTrueUpError } from "@trueup/spec";
import { sqliteStore } from "@trueup/sqlite";

const options = {
  live: { type: "string" },
  state: { type: "string" },
  path: { type: "string" },
  markdown: { type: "string" },
} as const;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const [directory, ...more] = positionals;
  const { live, state, path, markdown } = values;
  if (directory === undefined || live === undefined || state === undefined || more.length > 0)
    throw new Error(
      "usage: node plan.ts <directory> --live <directory> --state <file> [--path deploy] [--markdown plan.md]",
    );
  // The service's own store: without its inventory everything that is live would look like somebody else's.
  if (!existsSync(state)) throw new Error(`${state} is not there: it is the store of the service that applies`);

  const target = filesystem({ root: live });
  const store = sqliteStore({ path: state });
  const controller = createController({
    sources: { checkout: workingTree({ path: directory }) },
    targets: { live: target },
    store,
    // As the service has it, but for the source; and whatever happens here, it only looks.
    applications: [
      { name: "shop", source: "checkout", target: "live", mode: "observe", ...(path !== undefined && { path }) },
    ],
  });
  try {
    const plan = await controller.plan("shop");
    console.log(formatPlan(plan));
    if (markdown !== undefined) await writeFile(markdown, formatPlanMarkdown(plan));
    if (plan.findings.some(({ severity }) => severity === "error")) return 1;
    return plan.changes.length > 0 ? 2 : 0;
  } finally {
    await controller.stop();
    await store.close?.();
    await target.close?.();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  // Every bad document of the directory at once, each with file, line and field.
  const errors = isTrueUpError(error) && error.errors !== undefined ? error.errors : [error];
  for (const one of errors) console.error(one instanceof Error ? one.message : String(one));
  process.exitCode = 1;
}
