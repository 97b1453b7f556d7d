// `pnpm conformance <suite> <file>`: runs cases that come from other systems against ours.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { diffSuite } from "./kubernetes-diff.ts";
import { healthSuite } from "./kubernetes-health.ts";
import { kustomizeSuite } from "./kustomize.ts";
import { mergeSuite } from "./kustomize-merge.ts";
import type { Suite } from "./suite.ts";

const SUITES: Readonly<Record<string, Suite>> = {
  kustomize: kustomizeSuite,
  "kustomize-merge": mergeSuite,
  health: healthSuite,
  diff: diffSuite,
};
const SHOWN = 20;

const { positionals, values: options } = parseArgs({
  allowPositionals: true,
  options: { dialect: { type: "string" } },
});
const [name = "", file] = positionals;
const suite = Object.hasOwn(SUITES, name) ? SUITES[name] : undefined;
if (suite === undefined || file === undefined) {
  console.error(
    `usage: pnpm conformance <${Object.keys(SUITES).join("|")}> <cases.json> [--dialect trueup|argocd|kstatus]`,
  );
  process.exit(2);
}

let passed = 0;
let failed = 0;
const leftOut = new Map<string, string[]>();
for await (const { name: title, result } of suite.run(JSON.parse(readFileSync(file, "utf8")), options)) {
  if (result.outcome === "passed") {
    passed++;
  } else if (result.outcome === "left out") {
    leftOut.set(result.why, [...(leftOut.get(result.why) ?? []), title]);
  } else {
    failed++;
    if (failed <= SHOWN) console.log(`FAILED ${title}\n    ${result.why}`);
  }
}
if (failed > SHOWN) console.log(`… and ${failed - SHOWN} more that failed`);
for (const [why, titles] of leftOut)
  console.log(`left out: ${why}\n${titles.map((title) => `    ${title}`).join("\n")}`);
console.log(`${passed} passed, ${failed} failed`);
if (leftOut.size > 0) console.log(`(${[...leftOut.values()].flat().length} left out, listed above with the reason)`);
process.exitCode = failed === 0 ? 0 : 1;
