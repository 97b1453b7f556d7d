import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  formatKey,
  isObject,
  keyOf,
  ownerOfManifest,
  refOf,
  toTrueUpError,
  TrueUpError,
  type Capabilities,
  type Health,
  type HealthStatus,
  type Key,
  type Live,
  type Manifest,
  type Observed,
  type Target,
} from "@trueup/spec";
import { edited, type Edit } from "./edit.ts";
import { liveOf, MemoryServer } from "./memory-server.ts";
import { memoryWatch } from "./memory-watch.ts";
import { memoryWrites, sameOwner } from "./memory-writes.ts";

export type MemoryMethod = "observe" | "apply" | "delete" | "release" | "owned" | "watch";
export type Latency = number | ((method: MemoryMethod) => number);

export interface MemoryTargetOptions {
  /** Default `memory`. */
  readonly name?: string;
  /** What `identity()` answers. Default: made up, and kept. */
  readonly identity?: string;
  /** False: a target that cannot hold owner marks; the inventory alone says what is ours. Default true. */
  readonly marks?: boolean;
  /** False: no `watch`. Default true. */
  readonly watch?: boolean;
  /** False: an apply replaces the whole object but its `status`. Default true: fields that others put there are left alone. */
  readonly merge?: boolean;
  /** Default: by `status.health` (a word, or a `Health`), else healthy. `setHealth` changes it. */
  readonly health?: (live: Live) => Health;
  /** What an admission webhook does: the object as it is to be stored. Runs on every write through the target. */
  readonly defaults?: (manifest: Manifest) => Manifest;
  /** Why only a replacement can make this change; undefined where it can be made in place. */
  readonly immutable?: (before: Manifest, after: Manifest) => string | undefined;
  /** True: objects are found by an identifier that the server chose and `TargetState` holds, not by name. Default false. */
  readonly identifiers?: boolean;
  /** How many more calls a write takes after the first, which answer "pending". Default 0. */
  readonly pending?: { readonly apply?: number; readonly delete?: number; readonly retryAfterMs?: number };
  /** Milliseconds each call takes. Default 0. `setLatency` changes it. */
  readonly latency?: Latency;
  readonly capabilities?: Capabilities;
}

/** Calls that reached the target, refused ones included; `observed` counts the objects asked for. */
export interface MemoryCalls extends Record<MemoryMethod | "observed", number> {
  reset(): void;
}

/** A key, or its parts. */
export type ObjectName =
  | Key
  | { readonly group?: string; readonly kind: string; readonly namespace?: string; readonly name: string };

/** A target, and hands in the live system behind it: what they do is not counted, and heeds no owner. */
export interface MemoryTarget extends Target {
  readonly calls: MemoryCalls;
  /** Everything that stands there. */
  objects(): Manifest[];
  get(name: ObjectName): Manifest | undefined;
  /** As the target reports it, with uid and version. */
  live(name: ObjectName): Live | undefined;
  /** Throws `NOT_FOUND`. */
  edit(name: ObjectName, change: Edit): void;
  put(manifest: Manifest): void;
  /** Whether one was there. */
  remove(name: ObjectName): boolean;
  setHealth(health: (live: Live) => Health): void;
  setLatency(latency: Latency): void;
  /** Watches go blind: they say `lost` (unless `silently`) and report nothing until `resync`. */
  lose(options?: { readonly silently?: boolean }): void;
  /** Watches see again: everything that stands there as `changed`, then `resynced`. */
  resync(): void;
}

const noCalls: Record<MemoryMethod | "observed", number> = {
  observe: 0,
  observed: 0,
  apply: 0,
  delete: 0,
  release: 0,
  owned: 0,
  watch: 0,
};

/** A live system in memory. It behaves as a well-made server does; the options take away what a lesser one cannot do. */
export function memoryTarget(options: MemoryTargetOptions = {}): MemoryTarget {
  const { name = "memory", marks = true, merge = true, identifiers = false, pending = {} } = options;
  const identity = options.identity ?? `memory-${randomUUID()}`;
  const { capabilities } = options;
  const server = new MemoryServer(name);
  const writes = memoryWrites(server, {
    marks,
    merge,
    identifiers,
    pending,
    defaults: options.defaults,
    immutable: options.immutable,
  });
  const watches = memoryWatch(server, marks);
  let health = options.health ?? healthFromStatus;
  let latency: Latency = options.latency ?? 0;
  const calls: MemoryCalls = { ...noCalls, reset: () => void Object.assign(calls, noCalls) };

  async function enter(method: MemoryMethod, signal: AbortSignal | undefined): Promise<void> {
    calls[method] += 1;
    const ms = typeof latency === "function" ? latency(method) : latency;
    try {
      signal?.throwIfAborted();
      if (ms > 0) await sleep(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      throw toTrueUpError(error, "ABORTED");
    }
  }

  const find = (object: ObjectName) =>
    server.find(typeof object === "string" ? object : keyOf({ group: "", namespace: "", ...object, target: name }));

  return {
    name,
    async observe(items, { signal }) {
      await enter("observe", signal);
      calls.observed += items.length;
      return new Map(
        items.map(({ key, tracked }): [Key, Observed] => {
          const stored = writes.find(key, tracked?.state);
          return [key, stored === undefined ? { status: "absent" } : { status: "found", live: liveOf(stored) }];
        }),
      );
    },
    async apply(item, planned, seen, context) {
      await enter("apply", context.signal);
      return writes.apply(item, planned, seen, context);
    },
    async delete(tracked, _seen, context) {
      await enter("delete", context.signal);
      return writes.delete(tracked, context);
    },
    health: (live) => health(live),
    identity: async () => identity,
    ...(capabilities === undefined ? {} : { capabilities: async () => capabilities }),
    ...(options.watch === false
      ? {}
      : {
          async watch(scope, listener) {
            await enter("watch", scope.signal);
            return watches.start(scope, listener);
          },
        }),
    ...(!marks
      ? {}
      : {
          ownerOf: (live, key) => ownerOfManifest(live.manifest, key),
          async release(tracked, context) {
            await enter("release", context.signal);
            await writes.release(tracked, context);
          },
          async owned(owner, { signal }) {
            await enter("owned", signal);
            const ours = server.list().filter(({ manifest, key }) => sameOwner(ownerOfManifest(manifest, key), owner));
            return ours.map(({ key, uid, manifest, token }) => ({
              key,
              uid,
              apiVersion: manifest.apiVersion,
              dependsOn: [],
              ...(identifiers && token !== undefined ? { state: { id: uid, token } } : {}),
            }));
          },
        }),
    close: async () => watches.close(),

    calls,
    objects: () => server.list().map(({ manifest }) => manifest),
    get: (object) => find(object)?.manifest,
    live(object) {
      const stored = find(object);
      return stored === undefined ? undefined : liveOf(stored);
    },
    edit(object, change) {
      const stored = find(object);
      if (stored === undefined) throw new TrueUpError("NOT_FOUND", `nothing to edit at ${describe(object)}`);
      server.write(stored, edited(stored.manifest, change));
    },
    put: (manifest) => void server.write(server.find(keyOf(refOf(manifest, name))), structuredClone(manifest)),
    remove(object) {
      const stored = find(object);
      if (stored !== undefined) server.remove(stored);
      return stored !== undefined;
    },
    setHealth: (next) => void (health = next),
    setLatency: (next) => void (latency = next),
    lose: ({ silently = false } = {}) => watches.lose(silently),
    resync: () => watches.resync(),
  };
}

const describe = (object: ObjectName): string =>
  typeof object === "string" ? formatKey(object) : `${object.kind} ${object.name}`;

function healthFromStatus({ manifest }: Live): Health {
  const value = isObject(manifest["status"]) ? manifest["status"]["health"] : undefined;
  if (!isObject(value)) return { status: isStatus(value) ? value : "healthy" };
  const { status, reason, message } = value;
  return {
    status: isStatus(status) ? status : "unknown",
    ...(typeof reason === "string" ? { reason } : {}),
    ...(typeof message === "string" ? { message } : {}),
  };
}

const STATUSES = new Set<unknown>(["healthy", "progressing", "degraded", "suspended", "missing", "unknown"]);
const isStatus = (value: unknown): value is HealthStatus => STATUSES.has(value);
