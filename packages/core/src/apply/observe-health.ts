import { targetOf, type Key } from "@trueup/spec";
import { observeItems } from "../plan/plan.ts";
import { callsAbout, type Engine, type Runtime } from "../runtime.ts";
import { observedHealth } from "./health.ts";

/** How objects of an application are, read now. */
export async function observeHealth(
  engine: Engine,
  runtime: Runtime,
  keys: readonly Key[],
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<Key, ReturnType<typeof observedHealth>>> {
  const items = keys.map((key) => {
    const tracked = runtime.record?.inventory.get(key);
    return tracked === undefined ? { key } : { key, tracked };
  });
  const options = { ...callsAbout(engine, runtime.application), ...(signal && { signal }) };
  const found = new Map<Key, ReturnType<typeof observedHealth>>();
  for (const [key, observed] of await observeItems(options, items)) {
    const target = engine.guarded.get(targetOf(key))?.target;
    const judge = target?.health?.bind(target);
    found.set(key, observedHealth(observed, judge === undefined ? undefined : ({ live }) => judge(live)));
  }
  return found;
}
