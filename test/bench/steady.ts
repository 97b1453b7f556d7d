import { createController, memoryStore } from "@trueup/core";
import { memoryTarget } from "@trueup/testkit";
import { cpu, median, type Row } from "./bench.ts";
import { sourceOf } from "./objects.ts";

export const name = "steady";

/** Nothing changed: 10,000 objects in 100 applications of one repository, on a target that can watch. */
export async function run(): Promise<readonly Row[]> {
  const source = sourceOf(10_000);
  const { watch: _, ...polled } = source;
  const target = memoryTarget();
  const controller = createController({
    sources: { repo: { ...polled, calls: source.calls } as typeof source },
    targets: { live: target },
    store: memoryStore(),
    pollMs: 3_600_000,
    applications: Array.from({ length: 100 }, (_, i) => ({
      name: `team-${i}`,
      source: "repo",
      path: `apps/team-${i}`,
      target: "live",
    })),
  });
  let finished = 0;
  const all = new Promise<void>((resolve) => {
    controller.subscribe((event) => {
      if (event.type === "run-finished" && ++finished === 100) resolve();
    });
  });
  await controller.start();
  await all;
  await new Promise((resolve) => setTimeout(resolve, 500));

  target.calls.reset();
  const before = { ...source.calls };
  const runs = finished;
  const passes: number[] = [];
  for (let pass = 0; pass < 100; pass++) passes.push(await cpu(async () => await controller.refresh("repo")));
  const { observe, apply, delete: deleted } = target.calls;
  const asked = source.calls.resolve - before.resolve;

  // A commit that touches nothing of any application: 100 sub-trees are compared, none is rendered.
  source.commit({ "README.md": "changed" });
  const elsewhere = await cpu(async () => await controller.refresh("repo"));
  await new Promise((resolve) => setTimeout(resolve, 100));
  const runsAfter = finished - runs;
  await controller.stop();
  return [
    { what: "target calls in 100 passes", value: observe + apply + deleted, unit: "calls", limit: 0 },
    { what: "requests to Git a pass", value: asked / 100, unit: "requests", limit: 1 },
    { what: "CPU a pass (median of 100)", value: median(passes), unit: "ms", limit: 5 },
    {
      what: "runs after a commit in another path",
      value: runsAfter,
      unit: "runs",
      limit: 0,
      note: `${elsewhere.toFixed(0)} ms of CPU`,
    },
  ];
}
