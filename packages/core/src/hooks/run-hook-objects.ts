import {
  DEPENDS_ON,
  formatKey,
  isOwnMark,
  targetOf,
  TrueUpError,
  type Application,
  type Change,
  type Declared,
  type Health,
  type Item,
  type Key,
  type Observed,
  type Planned,
  type Tracked,
} from "@trueup/spec";
import { apply, type ApplyOptions, type ObjectResult } from "../apply/apply.ts";
import { explained } from "../run/explain.ts";
import { observedHealth, type HealthWaiter } from "../apply/health.ts";
import type { RoutedHook } from "./hook-objects.ts";
import { order, orderDeletes, type Graph } from "../apply/order.ts";
import { callContext, observeItems, type PlannedItem } from "../plan/plan.ts";
import { intendedRow } from "../plan/row.ts";
import { MAX_MESSAGE } from "./run-hook-function.ts";

type Applying = Omit<ApplyOptions, "application" | "planning" | "graph" | "deletes" | "onResult" | "onStart"> &
  Required<Pick<ApplyOptions, "record" | "persist">>;

export interface HookObjectsOptions {
  readonly application: Application;
  /** As it stands now. */
  readonly inventory: () => ReadonlyMap<Key, Tracked>;
  readonly apply: Applying;
  /** Of hooks only: an application is not unwell while its hooks run. */
  readonly health: HealthWaiter;
  /** Of one wave. */
  readonly hooks: readonly RoutedHook[];
  /** What they are run for: what is rolled out, and the phase. */
  readonly run: string;
  readonly signal: AbortSignal;
  readonly onStart: (key: Key) => void;
  /** Told once for each hook: what was wrong with it, if anything. */
  readonly onEnd: (key: Key, error: TrueUpError | undefined) => Promise<void>;
}

/**
 * Makes the objects of one wave of hooks, and waits until each is complete. What an earlier run left of them is deleted
 * first; what this very rollout began before the process ended is waited for where it still works.
 */
export async function runHookObjects(options: HookObjectsOptions): Promise<void> {
  const { hooks, run, onEnd } = options;
  const seen = await observe(options, [...itemsOf(options).values()]);
  const failures = new Map<Key, TrueUpError>();
  const resumed = new Set<Key>();
  const stale: Tracked[] = [];
  for (const hook of hooks) {
    const found = standsFrom(options, hook, seen);
    if (found instanceof TrueUpError) failures.set(hook.key, found);
    else if (found === "resumed") resumed.add(hook.key);
    else stale.push(...found);
  }
  const left = await deleteHookObjects(options, stale, seen);
  for (const hook of hooks) {
    const error = stale.filter((row) => isOf(row, hook)).flatMap(({ key }) => left.get(key) ?? [])[0];
    if (error !== undefined) failures.set(hook.key, error);
  }

  const starting = hooks.filter(({ key }) => !failures.has(key));
  const graph = orderOf(options, starting);
  const changes = new Map<Key, PlannedItem>();
  for (const { key, id, declared } of starting) {
    const before = resumed.has(key) ? options.inventory().get(key) : undefined;
    const row = intendedRow(key, declared, before, graph.dependsOn.get(key) ?? []);
    const item = { key, declared, tracked: { ...row, hook: { id, run } } };
    const now = resumed.has(key) ? seen.get(key) : undefined;
    changes.set(key, plannedItem(item, "create", "a hook", now ?? { status: "absent" }));
  }
  // On disk before the first is made: a crash leaves none behind that nobody knows.
  if (changes.size > 0)
    await options.apply.persist(
      [...changes.values()].map(({ item }) => ({ type: "track", tracked: item.tracked as Tracked })),
    );
  const results = await applyAll(options, changes, graph, NOTHING, options.onStart);
  for (const [key, error] of failures) {
    options.onStart(key);
    await onEnd(key, error);
  }
  await Promise.all(
    results.map(async (result) => {
      const error = result.error ?? (await incomplete(options, result));
      await onEnd(result.key, error);
    }),
  );
}

const NOTHING: Graph = { nodes: new Set(), before: new Map(), dependsOn: new Map() };

/** The hooks' objects, and what earlier runs left under other names. */
function itemsOf({ hooks, inventory }: HookObjectsOptions): Map<Key, Item> {
  const items = new Map<Key, Item>();
  for (const tracked of inventory().values()) {
    if (hooks.some((hook) => isOf(tracked, hook))) items.set(tracked.key, { key: tracked.key, tracked });
  }
  for (const { key, declared } of hooks) items.set(key, { ...items.get(key), key, declared });
  return items;
}

const isOf = (row: Tracked, { id, key }: RoutedHook): boolean => row.key === key || row.hook?.id === id;

/** What must go before the hook runs; or that it runs already; or why it cannot run. */
function standsFrom(
  options: HookObjectsOptions,
  hook: RoutedHook,
  seen: ReadonlyMap<Key, Observed>,
): readonly Tracked[] | "resumed" | TrueUpError {
  const { inventory, run } = options;
  const found = seen.get(hook.key);
  if (found === undefined || found.status === "unknown") {
    return found?.error ?? new TrueUpError("UNAVAILABLE", `${formatKey(hook.key)} could not be read`);
  }
  const row = inventory().get(hook.key);
  const { deletePolicies: policies } = hook;
  const isStale = ({ key }: Tracked): boolean =>
    // There is no other way to run it again under its name.
    key === hook.key || policies.length === 0 || policies.includes("before-creation");
  if (row === undefined && found.status === "found") {
    const target = options.apply.targets.get(targetOf(hook.key))?.target;
    if (!isOwnMark(target?.ownerOf?.(found.live, hook.key), callContext(contextOptions(options), { key: hook.key }))) {
      const message = `${formatKey(hook.key)} stands there already and is not this application's`;
      return new TrueUpError("NOT_OURS", message, { key: hook.key });
    }
    const { uid } = found.live;
    const { apiVersion } = hook.declared.manifest;
    return [{ key: hook.key, apiVersion, dependsOn: [], ...(uid !== undefined && { uid }) }];
  }
  const ours = row?.hook?.run === run && found.status !== "absent";
  if (ours && healthOf(options, hook.key, found).status !== "degraded") return "resumed";
  return [...inventory().values()].filter((other) => isOf(other, hook) && isStale(other));
}

/**
 * Deletes hooks' objects and their rows, and answers what could not be. What is gone already only loses its row.
 */
export async function deleteHookObjects(
  options: Omit<HookObjectsOptions, "hooks" | "run" | "onStart" | "onEnd" | "health">,
  rows: readonly Tracked[],
  known?: ReadonlyMap<Key, Observed>,
): Promise<ReadonlyMap<Key, TrueUpError>> {
  if (rows.length === 0) return new Map();
  const seen =
    known ??
    (await observe(
      options,
      rows.map((tracked) => ({ key: tracked.key, tracked })),
    ));
  const errors = new Map<Key, TrueUpError>();
  const changes = new Map<Key, PlannedItem>();
  for (const tracked of rows) {
    const { key } = tracked;
    const found = seen.get(key);
    if (found === undefined || found.status === "unknown")
      errors.set(key, found?.error ?? new TrueUpError("UNAVAILABLE", `${formatKey(key)} could not be read`));
    else if (found.status === "absent") options.apply.record([{ type: "untrack", key }]);
    else changes.set(key, plannedItem({ key, tracked }, "delete", "a hook that is through", found));
  }
  const items = [...changes.values()].map(({ item }) => item);
  const deletes = items.length === 0 ? NOTHING : orderDeletes(items, orderers(options));
  for (const { key, record, error } of await applyAll(options, changes, NOTHING, deletes)) {
    if (record.outcome === "done") continue;
    errors.set(
      key,
      error ?? new TrueUpError("HOOK_FAILED", `${formatKey(key)} is not deleted yet: ${record.message}`, { key }),
    );
  }
  return errors;
}

function plannedItem(item: Item, action: Change["action"], reason: string, seen: Observed): PlannedItem {
  const planned: Planned = { action, reason, stamp: action };
  return { item, planned, seen, change: { key: item.key, action, reason, stamp: action } };
}

async function applyAll(
  options: Omit<HookObjectsOptions, "hooks" | "run" | "onStart" | "onEnd" | "health"> &
    Partial<Pick<HookObjectsOptions, "health">>,
  changes: ReadonlyMap<Key, PlannedItem>,
  graph: Graph,
  deletes: Graph,
  // Not of deletions: what goes before a hook is made is no start of it.
  onStart?: HookObjectsOptions["onStart"],
): Promise<readonly ObjectResult[]> {
  if (changes.size === 0) return [];
  const { application, signal, health } = options;
  return await apply({
    ...options.apply,
    application,
    graph,
    deletes,
    planning: { changes, failures: new Map(), health: new Map() },
    signal,
    onResult: () => {},
    ...(onStart && { onStart }),
    ...(health && { health }),
  });
}

/** Why a hook that was applied is not complete; undefined once it is. */
async function incomplete(
  options: HookObjectsOptions,
  { key, record }: ObjectResult,
): Promise<TrueUpError | undefined> {
  if (record.outcome !== "done") return new TrueUpError("HOOK_FAILED", record.message ?? record.outcome, { key });
  const health = await options.health.wait(key, options.signal);
  if (health.status === "healthy") return undefined;
  if (options.signal.aborted) return toAborted(options.signal);
  // Gone by its own time to live, by a hand: what was not seen to complete is not taken for complete.
  if (health.status === "missing")
    return new TrueUpError("HOOK_FAILED", "it is gone, and was not seen to complete", { key });
  const row = options.inventory().get(key);
  const context = callContext(contextOptions(options), { key, ...(row && { tracked: row }) });
  const said =
    (await explained(options.apply.targets.get(targetOf(key)), row, context)) ?? health.message ?? health.status;
  return new TrueUpError("HOOK_FAILED", said.slice(0, MAX_MESSAGE), { key });
}

export function toAborted(signal: AbortSignal): TrueUpError {
  const reason: unknown = signal.reason;
  return reason instanceof TrueUpError ? reason : new TrueUpError("ABORTED", "aborted", { cause: reason });
}

const contextOptions = (options: Pick<HookObjectsOptions, "application" | "apply" | "signal">) => ({
  ...options.apply,
  application: options.application,
  signal: options.signal,
});

async function observe(
  options: Pick<HookObjectsOptions, "application" | "apply" | "signal">,
  items: readonly Item[],
): Promise<ReadonlyMap<Key, Observed>> {
  return await observeItems(contextOptions(options), items);
}

function healthOf({ apply }: HookObjectsOptions, key: Key, found: Observed): Health {
  const target = apply.targets.get(targetOf(key))?.target;
  const judge = target?.health?.bind(target);
  return observedHealth(found, judge && (({ live }) => judge(live)));
}

const orderers = ({ apply }: Pick<HookObjectsOptions, "apply">) =>
  new Map([...apply.targets].map(([name, { target }]) => [name, target]));

/** What the target implies among them: an account before the job that runs under it. Waves order the rest. */
function orderOf(options: HookObjectsOptions, hooks: readonly RoutedHook[]): Graph {
  if (hooks.length === 0) return NOTHING;
  const items = hooks.map(({ key, declared }): Item => ({ key, declared: withoutDependsOn(declared) }));
  return order(items, orderers(options));
}

function withoutDependsOn(declared: Declared): Declared {
  const { manifest } = declared;
  const { [DEPENDS_ON]: named, ...annotations } = manifest.metadata.annotations ?? {};
  if (named === undefined) return declared;
  return { ...declared, manifest: { ...manifest, metadata: { ...manifest.metadata, annotations } } };
}
