// `pnpm soak kubernetes [--minutes N] [--seed N] [--objects N]`
import { parseArgs } from "node:util";
import { isFlat, soakKubernetes } from "./kubernetes.ts";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: "string" }, seed: { type: "string" }, objects: { type: "string" } },
});
const minutes = Number(values.minutes ?? "10");
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
const objects = Number(values.objects ?? "2000");
if (
  positionals[0] !== "kubernetes" ||
  ![minutes, seed, objects].every((value) => Number.isFinite(value) && value >= 0)
) {
  console.error("usage: pnpm soak kubernetes [--minutes N] [--seed N] [--objects N]");
  process.exit(2);
}
console.log(`${objects} objects, ${minutes} minutes, seed ${seed}`);
const report = await soakKubernetes({ minutes, seed, objects, log: (line) => console.log(line) });
const { deeds, failedRequests, heap, problems, runs, settledMs } = report;
console.log(
  Object.entries(deeds)
    .map(([what, count]) => `${count} ${what}`)
    .join(", "),
);
console.log(
  `${runs} runs, ${failedRequests} requests made to fail, settled in at most ${Math.max(...settledMs).toFixed(0)} ms`,
);
console.log(
  `heap, MB: ${heap.map((megabytes) => megabytes.toFixed(1)).join(" ")} (${isFlat(heap) ? "flat" : "growing"})`,
);
console.log(
  problems.length === 0 ? "live equals Git, and nothing of others' was touched" : `${problems.length} problems`,
);
for (const { what } of problems) console.log(`  ${what}`);
if (problems.length > 0 || !isFlat(heap)) {
  console.log(`again: pnpm soak kubernetes --minutes ${minutes} --objects ${objects} --seed ${seed}`);
  process.exitCode = 1;
}
