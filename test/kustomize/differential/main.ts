// `node test/kustomize/differential/main.ts [count] [seed]`: random kustomizations, built by the reference and by ours.
import { compare } from "./compare.ts";
import { generateCase } from "./kustomizations.ts";
import { referenceBinary } from "./reference.ts";

const count = Number(process.argv[2] ?? 1000);
const first = Number(process.argv[3] ?? Date.now() % 1_000_000);
const SHOWN = Number(process.argv[4] ?? 10);

const binary = await referenceBinary();
const tally = { "same output": 0, "both refuse": 0, different: 0 };
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
process.once("SIGINT", () => stop.abort());
for (let seed = first; seed < first + count && !stop.signal.aborted; seed++) {
  const made = generateCase(seed);
  const comparison = await compare(binary, made);
  tally[comparison.outcome]++;
  if (comparison.outcome === "different" && tally.different <= SHOWN) {
    console.log(`seed ${seed} (${made.dir})\n    ${comparison.why}`);
  }
}
const done = tally["same output"] + tally["both refuse"] + tally.different;
console.log(
  `${done} kustomizations from seed ${first}: ${tally["same output"]} with the same bytes, ${tally["both refuse"]} refused by both, ${tally.different} different`,
);
process.exitCode = tally.different === 0 ? 0 : 1;
