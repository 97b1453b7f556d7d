import {
  APPLICATION_LABEL,
  isTrueUpError,
  keyOf,
  parseTrackingId,
  refOf,
  toTrueUpError,
  TRACKING_ID,
  type CallContext,
  type Health,
  type Key,
  type Live,
  type Manifest,
  type Mask,
  type Observed,
  type Owner,
  type Stop,
  type Tracked,
  type WatchEvent,
  type WatchScope,
} from "@trueup/spec";
import { sameMask, withoutIgnored } from "@trueup/diff";
import type { Client } from "../api/client.ts";
import type { Resource } from "../api/discovery.ts";
import { apiVersionOf } from "../api/path.ts";
import { isNewer, liveOf } from "../target/live.ts";
import { maskOfOurs } from "../target/managed-fields.ts";
import type { Settings } from "../target/options.ts";
import { reflect, type Reflector } from "./reflector.ts";

/** What is kept of an object: not the object. */
interface Entry {
  readonly uid: string;
  readonly version: string;
  readonly owner: Owner;
  readonly health: Health;
  /** Our own entry of its managed fields, shared by shape, and the digest of the value under it. */
  readonly mask?: Mask;
  readonly digest?: string;
  /**
   * The object itself, for a minute at most: until its application first asks, since a digest needs its key and ignore
   * rules; and while it is not as it was, since then it is about to be asked for.
   */
  readonly fresh?: Live;
}

type Judge = Pick<CallContext, "fingerprint" | "ignore">;

/** One kind in one version, in one namespace or all. */
interface Watched {
  readonly reflector: Reflector;
  readonly entries: Map<Key, Entry>;
  /** Whether it was listed once: until then its applications are about to ask. */
  listed: boolean;
  /** When a write of ours was last answered. */
  lastWrite: number;
}

/**
 * Knows how everything that is ours stands, from one watch for each kind in use, whichever application uses it. Begun by
 * the first who listens; without a listener nothing is watched, and nothing known.
 */
export interface WatchCache {
  start(scope: WatchScope, listener: (event: WatchEvent) => void): Promise<Stop>;
  /** Has the kind watched from here on, where anybody listens; settles when what stands there is known, or cannot be. */
  use(resource: Resource, namespaces: ReadonlySet<string>, context: CallContext): Promise<void>;
  /** Whether the kind is in use there: what is written of another one is not seen. */
  covers(resource: Resource, namespace: string): boolean;
  /** `unwatched`: nothing is known. `none`: nothing of ours stands there, which does not say that nothing stands there. */
  look(resource: Resource, key: Key, namespace: string, tracked: Tracked | undefined, context: CallContext): Known;
  /** What a write of ours was answered with. */
  put(resource: Resource, key: Key, live: Live): void;
  close(): Promise<void>;
}

export type Known =
  | Extract<Observed, { status: "found" | "settled" }>
  | { readonly status: "unwatched" | "none" | "differs" };

interface Watcher {
  readonly scope: WatchScope;
  readonly listener: (event: WatchEvent) => void;
}

const HEALTHY: Health = { status: "healthy" };
const FRESH_MS = 60_000;
/** A kind that is blind for so long is worth saying; less is a restart of the server. */
const BLIND_MS = 5_000;

export function watchCache(client: Client, settings: Settings): WatchCache {
  const watchers = new Set<Watcher>();
  const watched = new Map<string, Watched>();
  /** Kinds in use, also while nobody listens. */
  const inUse = new Map<
    string,
    { readonly resource: Resource; readonly namespaces: Set<string>; clusterWide: boolean }
  >();
  const judges = new Map<string, Judge>();
  const owners = new Map<string, Owner>();
  let sweep: NodeJS.Timeout | undefined;
  let blind: { readonly timer: NodeJS.Timeout; told: boolean } | undefined;

  const idOf = (resource: Resource): string => `${apiVersionOf(resource)}/${resource.plural}`;
  const scopeId = (resource: Resource, namespace: string): string => `${idOf(resource)}|${namespace}`;

  function tell(installation: string, event: WatchEvent): void {
    for (const { scope, listener } of watchers) if (scope.installation === installation) listener(event);
  }

  function keyIn(manifest: Manifest): Key {
    return keyOf(refOf(manifest, settings.name));
  }

  /** Whose it is; the same value for all objects of an application. */
  function ownerIn(manifest: Manifest, key: Key): Owner | undefined {
    const text = manifest.metadata.annotations?.[TRACKING_ID];
    const tracking = text === undefined ? undefined : parseTrackingId(text);
    if (tracking?.key !== key) return undefined;
    const id = `${tracking.owner.installation}\n${tracking.owner.application}`;
    const known = owners.get(id) ?? tracking.owner;
    owners.set(id, known);
    return known;
  }

  function entryOf(live: Live, owner: Owner, before?: Entry): Entry {
    const found = settings.health(live);
    const health = found.status === "healthy" && found.message === undefined ? HEALTHY : found;
    const base = { uid: live.uid ?? "", version: live.version ?? "", owner, health };
    const mask = maskOfOurs(live.manifest, settings.fieldManager);
    if (mask === undefined) return base;
    const judge = judges.get(judgeId(owner));
    if (judge === undefined) return keepFresh({ ...base, fresh: live });
    const entry = { ...base, mask, digest: digestOf(live, mask, judge) };
    const same = before === undefined || (before.mask === mask && before.digest === entry.digest);
    return same ? entry : keepFresh({ ...entry, fresh: live });
  }

  function digestOf(live: Live, mask: Mask, { fingerprint, ignore = [] }: Judge): string {
    const { manifest, yielded } = live;
    return fingerprint(manifest, withoutIgnored(mask, { rules: ignore, manifest, yielded }));
  }

  function keepFresh(entry: Entry): Entry {
    sweep ??= setTimeout(() => {
      sweep = undefined;
      for (const { entries } of watched.values()) {
        for (const [key, { fresh, ...rest }] of entries) if (fresh !== undefined) entries.set(key, rest);
      }
    }, FRESH_MS).unref();
    return entry;
  }

  function found({ entries, listed }: Watched, manifest: Manifest, version: string): void {
    const key = keyIn(manifest);
    const before = entries.get(key);
    if (before !== undefined && (before.version === version || !isNewer(version, before.version))) return;
    const live = liveOf(manifest, settings.fieldManager);
    const owner = ownerIn(manifest, key);
    if (owner === undefined && before === undefined) return;
    if (owner === undefined && before !== undefined) {
      // Its mark was taken off: whose it was will want to know, and nothing vouches for it any more.
      const { mask: _m, digest: _d, fresh: _f, ...bare } = before;
      entries.set(key, keepFresh({ ...bare, version, fresh: live }));
      tell(before.owner.installation, { type: "changed", key, live });
      return;
    }
    if (owner === undefined) return;
    entries.set(key, entryOf(live, owner, before));
    if (before !== undefined && before.owner !== owner) {
      tell(before.owner.installation, { type: "changed", key, live });
      if (before.owner.installation === owner.installation) return;
    }
    if (listed || before !== undefined) tell(owner.installation, { type: "changed", key, live });
  }

  function gone({ entries }: Watched, key: Key): void {
    const before = entries.get(key);
    if (before === undefined) return;
    entries.delete(key);
    tell(before.owner.installation, { type: "gone", key });
  }

  function watch(resource: Resource, namespace: string): Watched {
    const id = scopeId(resource, namespace);
    const known = watched.get(id);
    if (known !== undefined) return known;
    const entries = new Map<Key, Entry>();
    const { apiVersion, kind } = { apiVersion: apiVersionOf(resource), kind: resource.kind };
    const made: Watched = {
      entries,
      listed: false,
      lastWrite: -Infinity,
      reflector: reflect({
        client,
        resource,
        labelSelector: APPLICATION_LABEL,
        silenceMs: settings.silenceMs,
        ...(namespace !== "" && { namespace }),
        idOf: (manifest) => keyIn({ ...manifest, apiVersion, kind }),
        onFound: (manifest, version) => found(made, { ...manifest, apiVersion, kind }, version),
        onGone: (manifest) => gone(made, keyIn({ ...manifest, apiVersion, kind })),
        lastWrite: () => made.lastWrite,
        onListed(keys, version) {
          made.listed = true;
          for (const [key, entry] of entries) if (!keys.has(key) && !isNewer(entry.version, version)) gone(made, key);
        },
        onState: (state) => {
          if (!state.seeing)
            settings.logger?.warn({ target: settings.name, kind, error: state.error.message }, "a watch is blind");
          checkBlind();
        },
      }),
    };
    watched.set(id, made);
    return made;
  }

  /** Says `lost` when a kind stays blind, so that what is ours is read from time to time; the other kinds answer from here as before. */
  function checkBlind(): void {
    const errors = [...watched.values()].flatMap(({ reflector: { state } }) => (state.seeing ? [] : [state.error]));
    if (errors.length > 0 && blind === undefined) {
      const timer = setTimeout(() => {
        if (blind === undefined) return;
        blind.told = true;
        const [error] = errors;
        for (const { listener } of watchers) if (error !== undefined) listener({ type: "lost", error });
      }, BLIND_MS).unref();
      blind = { timer, told: false };
    } else if (errors.length === 0 && blind !== undefined) {
      clearTimeout(blind.timer);
      const { told } = blind;
      blind = undefined;
      if (told) for (const { listener } of watchers) listener({ type: "resynced" });
    }
  }

  /** The cluster, or what may be seen of it. */
  function namespacesFor(resource: Resource): readonly string[] {
    const use = inUse.get(idOf(resource));
    if (!resource.namespaced || use === undefined || use.clusterWide) return [""];
    return settings.namespaces ?? [...use.namespaces];
  }

  async function begin(resource: Resource): Promise<void> {
    const use = inUse.get(idOf(resource));
    if (use === undefined || watchers.size === 0) return;
    const [first, ...more] = namespacesFor(resource);
    if (first === undefined) return;
    try {
      await watch(resource, first).reflector.ready;
    } catch (error) {
      if (use.clusterWide && resource.namespaced && isTrueUpError(error) && error.code === "FORBIDDEN") {
        use.clusterWide = false;
        const forbidden = watched.get(scopeId(resource, ""));
        watched.delete(scopeId(resource, ""));
        await forbidden?.reflector.stop();
        checkBlind();
        return await begin(resource);
      }
      // Whoever asks reads by himself, until it is seen.
    }
    await Promise.all(more.map(async (namespace) => await watch(resource, namespace).reflector.ready.catch(() => {})));
  }

  async function close(): Promise<void> {
    const stopping = [...watched.values()].map(async ({ reflector }) => await reflector.stop());
    watched.clear();
    clearTimeout(sweep);
    sweep = undefined;
    clearTimeout(blind?.timer);
    blind = undefined;
    await Promise.all(stopping);
  }

  return {
    async start(scope, listener) {
      const watcher = { scope, listener };
      watchers.add(watcher);
      const stop = async (): Promise<void> => {
        scope.signal?.removeEventListener("abort", onAbort);
        if (watchers.delete(watcher) && watchers.size === 0) await close();
      };
      const onAbort = (): void => void stop();
      scope.signal?.addEventListener("abort", onAbort, { once: true });
      await Promise.all([...inUse.values()].map(async ({ resource }) => await begin(resource)));
      return stop;
    },
    async use(resource, namespaces, { owner, fingerprint, ignore }) {
      judges.set(judgeId(owner), { fingerprint, ...(ignore && { ignore }) });
      const id = idOf(resource);
      let use = inUse.get(id);
      if (use === undefined) {
        use = { resource, namespaces: new Set(), clusterWide: settings.namespaces === undefined };
        inUse.set(id, use);
      }
      for (const namespace of namespaces) use.namespaces.add(namespace);
      await begin(resource);
    },
    covers: (resource, namespace) => inUse.get(idOf(resource))?.namespaces.has(namespace) === true,
    look(resource, key, namespace, tracked, context) {
      const at = watched.get(scopeId(resource, "")) ?? watched.get(scopeId(resource, namespace));
      if (at === undefined || !at.reflector.state.seeing) return { status: "unwatched" };
      const entry = at.entries.get(key);
      if (entry === undefined) return { status: "none" };
      const ours =
        entry.owner.application === context.owner.application &&
        entry.owner.installation === context.owner.installation;
      const { mask, digest, fresh, uid, version, health } = entry;
      const asRecorded =
        ours &&
        mask !== undefined &&
        tracked?.mask !== undefined &&
        tracked.expected === digest &&
        sameMask(tracked.mask, mask);
      if (asRecorded) return { status: "settled", uid, version, health };
      if (fresh === undefined) return { status: "differs" };
      // Judged from here on: its application has made itself known.
      if (mask === undefined) at.entries.set(key, entryOf(fresh, entry.owner));
      return { status: "found", live: fresh };
    },
    put(resource, key, live) {
      const namespace = live.manifest.metadata.namespace ?? "";
      const at = watched.get(scopeId(resource, "")) ?? watched.get(scopeId(resource, namespace));
      const owner = ownerIn(live.manifest, key);
      const before = at?.entries.get(key);
      if (at === undefined || owner === undefined || live.version === undefined) return;
      at.lastWrite = performance.now();
      if (before !== undefined && isNewer(before.version, live.version)) return;
      at.entries.set(key, entryOf(live, owner));
      // What was told of it meanwhile, of a write of ours before this one maybe, holds no more; its own event is known then.
      if (before?.fresh !== undefined) tell(owner.installation, { type: "changed", key, live });
    },
    close: async () => {
      watchers.clear();
      await close().catch((error: unknown) => {
        throw toTrueUpError(error);
      });
    },
  };
}

const judgeId = ({ installation, application }: Owner): string => `${installation}\n${application}`;
