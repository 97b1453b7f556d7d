import {
  isObject,
  targetOf,
  TrueUpError,
  toTrueUpError,
  type CallContext,
  type Capabilities,
  type Item,
  type Key,
  type Observed,
  type Owner,
  type Planned,
  type Target,
  type Tracked,
  type WriteContext,
  type Applied,
  type Deleted,
} from "@trueup/spec";
import { call } from "./call.ts";

/**
 * A target as the loop uses it: every call has a deadline and settles, every answer has the shape the contract says,
 * and a plug-in that throws, hangs, answers garbage or ignores the signal harms only its own objects.
 */
export interface GuardedTarget {
  readonly name: string;
  readonly target: Target;
  /** Answers for every item; what failed, or was not answered, is `unknown`. */
  observe(items: readonly Item[], context: CallContext): Promise<Map<Key, Observed>>;
  plan(
    item: Item,
    seen: Observed,
    context: CallContext & { purpose: "preview" | "apply" },
  ): Promise<Planned | undefined>;
  apply(item: Item, planned: Planned, seen: Observed, context: WriteContext): Promise<Applied>;
  delete(tracked: Tracked, seen: Observed, context: WriteContext): Promise<Deleted>;
  /** Undefined where the target cannot, and need not where it does not mark. */
  readonly release: ((tracked: Tracked, context: WriteContext) => Promise<void>) | undefined;
  /** Undefined where the target cannot say what it holds of an application. */
  readonly owned: ((owner: Owner, context: CallContext) => Promise<readonly Tracked[]>) | undefined;
  identity(signal?: AbortSignal): Promise<string>;
  /** Undefined where the target does not say. */
  capabilities(signal?: AbortSignal): Promise<Capabilities | undefined>;
}

export function guardTarget(name: string, target: Target, timeoutMs: number): GuardedTarget {
  const limits = (method: string, signal: AbortSignal | undefined) => ({
    what: `${name}.${method}`,
    timeoutMs,
    signal,
  });
  const garbage = (method: string, answer: unknown): TrueUpError =>
    new TrueUpError("INTERNAL", `${name}.${method} answered ${describe(answer)}, which is not in its contract`);

  return {
    name,
    target,
    async observe(items, context) {
      const answers = new Map<Key, Observed>();
      let failure: TrueUpError | undefined;
      let given: ReadonlyMap<Key, Observed> | undefined;
      try {
        given = await call(
          (signal) => target.observe(items, { ...context, signal }),
          limits("observe", context.signal),
        );
        if (!(given instanceof Map)) failure = garbage("observe", given);
      } catch (error) {
        failure = toTrueUpError(error);
      }
      for (const { key } of items) {
        const answer: unknown = failure === undefined ? given?.get(key) : undefined;
        if (isObserved(answer)) answers.set(key, answer);
        else answers.set(key, { status: "unknown", error: failure ?? garbage("observe", answer) });
      }
      return answers;
    },
    async plan(item, seen, context) {
      if (target.plan === undefined) return undefined;
      const planned: unknown = await call(
        (signal) => target.plan!(item, seen, { ...context, signal }),
        limits("plan", context.signal),
      );
      if (planned === undefined) return undefined;
      if (!isObject(planned) || typeof planned["action"] !== "string" || typeof planned["stamp"] !== "string") {
        throw garbage("plan", planned);
      }
      return planned as unknown as Planned;
    },
    async apply(item, planned, seen, context) {
      const applied: unknown = await call(
        (signal) => target.apply(item, planned, seen, { ...context, signal }),
        limits("apply", context.signal),
      );
      if (!isObject(applied)) throw garbage("apply", applied);
      if (applied["status"] === "done" && isLive(applied["live"])) return applied as unknown as Applied;
      if (applied["status"] === "pending" && isDelay(applied["retryAfterMs"])) return applied as unknown as Applied;
      throw garbage("apply", applied);
    },
    async delete(tracked, seen, context) {
      const deleted: unknown = await call(
        (signal) => target.delete(tracked, seen, { ...context, signal }),
        limits("delete", context.signal),
      );
      if (isObject(deleted) && deleted["status"] === "gone") return { status: "gone" };
      if (isObject(deleted) && deleted["status"] === "pending" && isDelay(deleted["retryAfterMs"])) {
        return deleted as unknown as Deleted;
      }
      throw garbage("delete", deleted);
    },
    release:
      target.release === undefined
        ? undefined
        : async (tracked, context) =>
            await call((signal) => target.release!(tracked, { ...context, signal }), limits("release", context.signal)),
    owned:
      target.owned === undefined
        ? undefined
        : async (owner, context) => {
            const rows: unknown = await call(
              (signal) => target.owned!(owner, { ...context, signal }),
              limits("owned", context.signal),
            );
            if (!Array.isArray(rows) || !rows.every((row) => isRowOf(target.name, row))) throw garbage("owned", rows);
            return rows as readonly Tracked[];
          },
    async identity(signal) {
      if (target.identity === undefined) return name;
      const identity: unknown = await call(() => target.identity!(), limits("identity", signal));
      if (typeof identity !== "string" || identity === "") throw garbage("identity", identity);
      return identity;
    },
    async capabilities(signal) {
      if (target.capabilities === undefined) return undefined;
      const capabilities: unknown = await call(() => target.capabilities!(), limits("capabilities", signal));
      if (!isObject(capabilities) || !Array.isArray(capabilities["apiVersions"])) {
        throw garbage("capabilities", capabilities);
      }
      return capabilities as unknown as Capabilities;
    },
  };
}

/** A row of another target would have that one's object deleted. */
const isRowOf = (target: string, row: unknown): boolean =>
  isObject(row) &&
  typeof row["key"] === "string" &&
  targetOf(row["key"] as Key) === target &&
  typeof row["apiVersion"] === "string" &&
  Array.isArray(row["dependsOn"]);

const isDelay = (value: unknown): boolean => typeof value === "number" && value >= 0;

function isLive(value: unknown): boolean {
  return isObject(value) && isObject(value["manifest"]) && isObject(value["manifest"]["metadata"]);
}

function isObserved(value: unknown): value is Observed {
  if (!isObject(value)) return false;
  switch (value["status"]) {
    case "found":
      return isLive(value["live"]);
    case "settled":
      return isObject(value["health"]);
    case "absent":
      return true;
    case "unknown":
      return (value["error"] as unknown) instanceof Error;
    default:
      return false;
  }
}

/** The shape of an answer, never its content: that may be secret. */
function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  if (Array.isArray(value)) return "an array";
  const status: unknown = (value as { status?: unknown }).status;
  return typeof status === "string" && /^[a-z-]{1,20}$/.test(status)
    ? `status "${status}" without its fields`
    : "an object without a status";
}
