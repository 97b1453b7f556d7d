// `pnpm model [count] [seed] [path]`: so many random sequences (default 500), the same for the same seed; the path of a
// failure, as it is printed, runs that sequence alone.
import fc from "fast-check";
import { runSequence, type Met } from "./run-sequence.ts";
import { sequences } from "./sequence.ts";

const [count = "500", seed = String(Date.now() % 2 ** 31), path] = process.argv.slice(2);
const met: Met[] = [];
const startedAt = performance.now();
const seconds = (): string => ((performance.now() - startedAt) / 1_000).toFixed(0);
const details = await fc.check(
  fc.asyncProperty(sequences, async (sequence) => {
    met.push(await runSequence(sequence));
    if (met.length % 100 === 0) console.log(`${met.length} sequences, ${seconds()} s`);
  }),
  { numRuns: Number(count), seed: Number(seed), ...(path !== undefined && { path, endOnFailure: true }) },
);
const total = (field: keyof Met): number => met.reduce((sum, one) => sum + one[field], 0);
console.log(
  `${met.length} sequences in ${seconds()} s, seed ${seed}: ${total("runs")} runs, ` +
    `${total("writes")} writes, ${total("deletes")} deletions, ${total("deaths")} deaths of processes, ` +
    `${total("interrupted")} interrupted runs, ${total("checks")} checks`,
);
if (details.failed) {
  console.error(String(details.errorInstance));
  console.error(fc.defaultReportMessage?.(details) ?? details);
  console.error(`\nagain: pnpm model 1 ${seed} ${details.counterexamplePath ?? ""}`);
  process.exitCode = 1;
}
