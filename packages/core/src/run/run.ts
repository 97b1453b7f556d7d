import type { ChangeRecord, Outcome, Plan, Revision, TrueUpError } from "@trueup/spec";
import { apply } from "../apply/apply.ts";
import { gate, type Blocked } from "../gate/gate.ts";
import { intent } from "./intent.ts";
import { beginRun, isSettled, type RunOptions } from "./begin-run.ts";
import { orderPlan } from "./order-plan.ts";
import { createHooks } from "../hooks/run-hooks.ts";
import { planRun } from "./plan-run.ts";
import { renderRun } from "./render-run.ts";
import { isHeldAt, resolve } from "./resolve.ts";
import type { Engine, Runtime } from "../runtime.ts";
import { verify } from "./verify.ts";

export interface RunResult {
  /** `settled`: nothing had changed, nothing was done. `elsewhere`: another controller holds the application. */
  readonly outcome: Outcome | "settled" | "elsewhere";
  readonly revision?: Revision;
  readonly plan?: Plan;
  readonly changes: readonly ChangeRecord[];
  readonly error?: TrueUpError;
  /** What kept the plan from being applied. */
  readonly blocked?: Blocked;
  /** When the target asked to be called again. */
  readonly retryAfterMs?: number;
}

/** One run of one application: the eight steps. Each is a function in a file of its name. Never throws. */
export async function run(engine: Engine, runtime: Runtime, options: RunOptions): Promise<RunResult> {
  const { application } = runtime;
  await using about = beginRun(engine, runtime, options);
  const { step, signal } = about;
  const hooks = createHooks(engine, runtime, about.hookRun);
  try {
    // 1. What is current; and where nothing can have changed, that was all.
    let resolved = await step("resolve", () => resolve(engine, runtime, options.trigger, signal));
    about.opened(resolved);
    if (isSettled(engine, runtime, resolved)) return about.settled();
    if (!(await about.claim())) return about.elsewhere();
    if (about.record.state.suspended !== undefined) return about.suspended();
    if (!isHeldAt(runtime, resolved)) {
      resolved = await step("resolve", () => resolve(engine, runtime, options.trigger, signal));
      about.opened(resolved);
    } else if (about.mayBeBehind(resolved)) {
      // Going on would take back what another controller rolled out: the source is asked, and has to answer.
      resolved = await step("resolve", () => resolve(engine, runtime, "manual", signal));
      about.opened(resolved);
    }

    // 2. and 3. The tree becomes objects; they and what is live become a plan.
    const rendered = await step("render", () => renderRun(engine, runtime, resolved, signal));
    const planning = await step("plan", () => planRun(engine, runtime, resolved, rendered, signal));
    about.planned(planning, rendered);

    // 4. May it be applied?
    const { record } = about;
    const gated = await step("gate", () =>
      about.withinLimits(
        gate({ ...about.gateOptions(), application, planning, inventory: record.inventory, state: record.state }),
      ),
    );
    if (gated.status === "blocked") return await step("record", () => about.blocked(gated));

    // 5. and 6. What will be ours is on disk before the first write; then each change, after what it waits for.
    const orders = orderPlan(engine, rendered, planning);
    await about.handOver(planning);
    if (gated.status === "open") {
      await step("intent", () =>
        about.intend(intent({ ...about.intentOptions(), ...orders, runtime, planning, gate: gated })),
      );
      await hooks.before();
      about.applied(await step("apply", () => apply({ ...about.applyOptions(), ...orders, application, planning })));
    }
    about.settle(planning, orders);

    // 7. and 8. Is it well, and stays so? And what became of it.
    const health = await step("verify", () => verify({ ...about.verifyOptions(), health: runtime.health }));
    const verdict = await hooks.after(about.verdict(health));
    return await step("record", () => about.finished(health, verdict));
  } catch (error) {
    await hooks.failed(error);
    return await about.failed(error);
  }
}
