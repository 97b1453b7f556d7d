import { randomUUID } from "node:crypto";
import {
  formatKey,
  toTrueUpError,
  TrueUpError,
  type Applied,
  type Application,
  type ChangeRecord,
  type Deleted,
  type Health,
  type Key,
  type Lease,
  type Owner,
  type RowChange,
  type TargetState,
  type Tracked,
  type WriteContext,
  targetOf,
} from "@trueup/spec";
import { sleep } from "./call.ts";
import type { GuardedTarget } from "./guard.ts";
import { createHealthWaiter, observedHealth, type HealthWaiter } from "./health.ts";
import type { Keyed } from "../keyed.ts";
import { isBarrier, type Graph, type Node } from "./order.ts";
import { callContext, type PlannedItem, type Planning } from "../plan/plan.ts";
import type { Late } from "../plan/reference-run.ts";
import { rowOf } from "../plan/row.ts";
import { scrubbed } from "../plan/scrub.ts";
import { createStepper, type StepOutcome } from "./stepper.ts";

export interface ApplyOptions {
  readonly application: Application;
  readonly planning: Pick<Planning, "changes" | "failures" | "health">;
  /** The order of creates and updates, and that of deletes. */
  readonly graph: Graph;
  readonly deletes: Graph;
  readonly targets: ReadonlyMap<string, GuardedTarget>;
  readonly targetNames?: (routed: string) => string | undefined;
  readonly owner: Owner;
  readonly keyed: Keyed;
  /** Checked before every write. Default: one that always holds. */
  readonly lease?: Lease;
  /** Identifies this run in the rows it writes. Default: made up. */
  readonly run?: string;
  /** Takes result rows; they may be written in groups. Default: they are in the results only. */
  readonly record?: (rows: readonly RowChange[]) => void;
  /** Writes rows that must be on disk before a call goes on. Default: as `record`. */
  readonly persist?: (rows: readonly RowChange[]) => Promise<void>;
  /** Waits for what others wait for. Default: reads it anew, for up to the application's `healthTimeoutMs`. */
  readonly health?: HealthWaiter;
  /** Before the first call about an object. */
  readonly onStart?: (key: Key) => void;
  /** Plans a change again at its turn: what it refers to is known by then. Default: it stays as it is. */
  readonly late?: (planned: PlannedItem) => Promise<Late>;
  readonly onResult?: (result: ObjectResult) => void;
  readonly signal?: AbortSignal;
}

type Applying = ApplyOptions & Required<Pick<ApplyOptions, "lease" | "run" | "record" | "persist" | "health">>;

export interface ObjectResult {
  readonly key: Key;
  readonly record: ChangeRecord;
  readonly durationMs: number;
  readonly error?: TrueUpError;
  /** The row after an apply. */
  readonly tracked?: Tracked;
  readonly retryAfterMs?: number;
}

/** Step 6: makes the changes of a plan, each after what it waits for. Settles when every call has; throws only where the run cannot go on. What `persist` could not write is that object's failure. */
export async function apply(given: ApplyOptions): Promise<readonly ObjectResult[]> {
  const { record = () => {} } = given;
  const options: Applying = {
    ...given,
    lease: given.lease ?? unleased(given.application.name),
    run: given.run ?? randomUUID(),
    record,
    persist: given.persist ?? (async (rows) => record(rows)),
    health: given.health ?? readingHealth(given),
  };
  const results: ObjectResult[] = [];
  const onResult = (result: ObjectResult): void => {
    results.push(result);
    options.onResult?.(result);
  };
  await walk(options, options.graph, (change) => change.action !== "delete", onResult);
  const failed = results.find(({ record }) => record.outcome !== "done");
  const unplanned = options.planning.failures.size > 0;
  // What is pruned may be what a change that failed should have replaced: nothing is lost by waiting.
  if (failed === undefined && !unplanned)
    await walk(options, options.deletes, (change) => change.action === "delete", onResult);
  else skipDeletes(options, failed, onResult);
  return results;
}

function skipDeletes(
  options: Applying,
  failed: ObjectResult | undefined,
  onResult: (result: ObjectResult) => void,
): void {
  const [unplanned] = options.planning.failures.keys();
  const cause = failed?.key ?? unplanned;
  for (const [key, { change }] of options.planning.changes) {
    if (change.action !== "delete") continue;
    onResult(
      resultOf(
        key,
        change,
        "skipped",
        0,
        `not pruned, as ${cause === undefined ? "the run" : formatKey(cause)} failed`,
      ),
    );
  }
}

async function walk(
  options: Applying,
  graph: Graph,
  mine: (change: PlannedItem["change"]) => boolean,
  onResult: (result: ObjectResult) => void,
): Promise<void> {
  const { planning, application, signal, lease } = options;
  const stepper = createStepper(graph);
  const awaited = new Set([...graph.before.values()].flat());
  const limit = application.concurrency ?? 16;
  const queue: Key[] = [];
  let taken = 0;
  const waiting: Key[] = [];
  let running = 0;
  await new Promise<void>((resolve, reject) => {
    let broken = false;
    const complete = (node: Node, outcome: StepOutcome): void => {
      stepper.complete(node, outcome);
      for (const { node: skipped, because } of stepper.skipped()) {
        if (isBarrier(skipped)) continue;
        const change = planning.changes.get(skipped)?.change;
        if (change === undefined || !mine(change)) continue;
        const why = isBarrier(because) ? because.slice(1) : formatKey(because);
        onResult(resultOf(skipped, change, "skipped", 0, `waits for ${why}, which failed`));
      }
    };
    const begin = (node: Key): void => {
      running++;
      const settle = async (): Promise<void> => {
        try {
          const outcome = await step(node);
          running--;
          complete(node, outcome);
          pump();
        } catch (error) {
          broken = true;
          reject(error);
        }
      };
      void settle();
    };
    const pump = (): void => {
      if (broken) return;
      for (let ready = stepper.ready(); ready.length > 0; ready = stepper.ready()) {
        for (const node of ready) {
          if (isBarrier(node)) {
            complete(node, "done");
            continue;
          }
          const planned = planning.changes.get(node);
          if (planned !== undefined && mine(planned.change)) queue.push(node);
          else if (planning.failures.has(node)) complete(node, "failed");
          else if (awaited.has(node) && isUnhealthy(planning.health.get(node) ?? options.health.known(node)))
            waiting.push(node);
          else complete(node, "done");
        }
      }
      while (running < limit && taken < queue.length) begin(queue[taken++] as Key);
      for (const node of waiting.splice(0)) begin(node);
      if (running === 0 && taken === queue.length && stepper.finished) resolve();
    };
    pump();
  });

  async function step(node: Key): Promise<StepOutcome> {
    const planned = planning.changes.get(node);
    if (planned === undefined || !mine(planned.change)) {
      return (await options.health.wait(node, signal)).status === "healthy" ? "done" : "failed";
    }
    const startedAt = performance.now();
    const over = endedBy(lease, signal);
    if (over !== undefined) {
      onResult({ ...resultOf(node, planned.change, "skipped", 0, over.message), error: over });
      return "failed";
    }
    options.onStart?.(node);
    let current = planned;
    try {
      const late = options.late && (await options.late(planned));
      if (late?.status === "stands") {
        options.record(late.settled.map((tracked) => ({ type: "track", tracked })));
        onResult(
          resultOf(
            node,
            planned.change,
            "done",
            performance.now() - startedAt,
            "stands as declared: nothing was written",
          ),
        );
        return "done";
      }
      if (late?.status === "put-off") {
        onResult({
          ...resultOf(node, planned.change, "pending", performance.now() - startedAt, late.reason),
          retryAfterMs: 0,
        });
        return "failed";
      }
      if (late !== undefined) current = late.planned;
      const { record, tracked, retryAfterMs, health } = await carryOut(options, graph, current);
      const more = { ...(tracked && { tracked }), ...(retryAfterMs !== undefined && { retryAfterMs }) };
      onResult({ key: node, record, durationMs: performance.now() - startedAt, ...more });
      if (record.outcome === "pending") return "failed";
      if (!awaited.has(node) || !isUnhealthy(health)) return "done";
      return (await options.health.wait(node, signal)).status === "healthy" ? "done" : "failed";
    } catch (thrown) {
      const error = scrubbed(toTrueUpError(thrown), current.item.declared);
      const result = resultOf(node, planned.change, "failed", performance.now() - startedAt, error.message);
      onResult({ ...result, error });
      return "failed";
    }
  }
}

const isUnhealthy = (health: Health | undefined): boolean =>
  health !== undefined && health.status !== "healthy" && health.status !== "suspended";

/** Why nothing more may be started. */
function endedBy(lease: Lease, signal: AbortSignal | undefined): TrueUpError | undefined {
  if (!lease.valid())
    return new TrueUpError(
      "LEASE_LOST",
      `the lease of application ${lease.application} is lost: nothing more is written`,
    );
  return signal?.aborted === true ? toTrueUpError(signal.reason, "ABORTED") : undefined;
}

/** For those who run without a store: nobody else is there to write. */
function unleased(application: string): Lease {
  const { signal } = new AbortController();
  const nothing = async (): Promise<void> => {};
  return { application, holder: "this process", token: 1, signal, valid: () => true, renew: nothing, release: nothing };
}

function readingHealth(options: ApplyOptions): HealthWaiter {
  const { application, targets, planning } = options;
  const waiter = createHealthWaiter({
    timeoutMs: () => application.healthTimeoutMs ?? 300_000,
    async observe(keys, signal) {
      const read = keys.map(async (key) => {
        const target = targets.get(targetOf(key));
        const item = planning.changes.get(key)?.item ?? { key };
        const context = callContext({ ...options, ...(signal && { signal }) }, item);
        const observed = (await target?.observe([item], context))?.get(key);
        const judge = target?.target.health?.bind(target.target);
        return [key, observedHealth(observed, judge && (({ live }) => judge(live)))] as const;
      });
      return new Map(await Promise.all(read));
    },
  });
  // What it was never told of it takes to be healthy.
  for (const [key, health] of planning.health) waiter.report(key, health);
  return waiter;
}

interface CarriedOut {
  readonly record: ChangeRecord;
  readonly tracked?: Tracked;
  readonly retryAfterMs?: number;
  readonly health?: Health;
}

async function carryOut(
  options: Applying,
  graph: Graph,
  { item, planned, seen, change }: PlannedItem,
): Promise<CarriedOut> {
  const { key, declared } = item;
  const target = options.targets.get(targetOf(key));
  if (target === undefined) throw new TrueUpError("UNAVAILABLE", `the target of ${formatKey(key)} is not there`);
  let row = item.tracked;
  let state = row?.state;
  const deadline = performance.now() + (options.application.healthTimeoutMs ?? 300_000);
  // A stop starts nothing more, but lets the write in flight end: only a lost lease cuts it off.
  const context: WriteContext = {
    ...callContext({ ...options, signal: options.lease.signal }, item),
    lease: options.lease,
    async checkpoint(next: TargetState) {
      state = next;
      row = { ...(row ?? { key, apiVersion: declared?.manifest.apiVersion ?? "", dependsOn: [] }), state: next };
      await options.persist([{ type: "track", tracked: row }]);
    },
  };
  for (let now = seen; ;) {
    const current = row === undefined ? item : { ...item, tracked: row };
    const answer: Applied | Deleted =
      change.action === "delete"
        ? await target.delete(row as Tracked, now, context)
        : await target.apply(current, planned, now, context);
    if (answer.status === "gone") {
      options.record([{ type: "untrack", key }]);
      return { record: recordOf(change, "done") };
    }
    if (answer.status === "done") {
      if (declared === undefined) throw new TrueUpError("INTERNAL", `${target.name} applied what was not declared`);
      const dependsOn = graph.dependsOn.get(key) ?? [];
      const { live, mask } = answer;
      const tracked = rowOf({
        ...options,
        key,
        declared,
        live,
        mask,
        state: answer.state ?? state,
        before: row,
        dependsOn,
      });
      options.record([{ type: "track", tracked }]);
      const health = target.target.health?.(live) ?? { status: "healthy" as const };
      options.health.report(key, health);
      const notes = answer.notes?.map(({ message }) => message).join("; ");
      return { record: recordOf(change, "done", notes), tracked, health };
    }
    if (answer.state !== undefined) await context.checkpoint(answer.state);
    if (performance.now() + answer.retryAfterMs > deadline) {
      return { record: recordOf(change, "pending", "the target still works on it"), retryAfterMs: answer.retryAfterMs };
    }
    await sleep(answer.retryAfterMs, options.signal);
    const over = endedBy(options.lease, options.signal);
    if (over !== undefined) throw over;
    const again = (await target.observe([row === undefined ? item : { ...item, tracked: row }], context)).get(key);
    if (again === undefined || again.status === "unknown") {
      throw again?.error ?? new TrueUpError("UNAVAILABLE", `${formatKey(key)} could not be read again`);
    }
    now = again;
  }
}

const recordOf = (change: PlannedItem["change"], outcome: ChangeRecord["outcome"], message?: string): ChangeRecord => ({
  key: change.key,
  action: change.action,
  reason: change.reason,
  outcome,
  ...(message !== undefined && { message }),
});

function resultOf(
  key: Key,
  change: PlannedItem["change"],
  outcome: ChangeRecord["outcome"],
  durationMs: number,
  message: string,
): ObjectResult {
  return { key, record: recordOf(change, outcome, message), durationMs };
}
