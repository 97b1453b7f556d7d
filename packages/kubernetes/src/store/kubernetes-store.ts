import { setTimeout as sleep } from "node:timers/promises";
import {
  checkTtl,
  foldWrites,
  holdLease,
  isTrueUpError,
  TrueUpError,
  type ApplicationState,
  type FoldedWrite,
  type HeldLease,
  type HistoryEntry,
  type Json,
  type Key,
  type Store,
  type Tracked,
} from "@trueup/spec";
import { createClient } from "../api/client.ts";
import { connectByKubeconfig } from "../connect/kubeconfig.ts";
import { withDeadline } from "../connect/deadline.ts";
import { http2Fetch, type Http2 } from "../connect/http2.ts";
import type { KubernetesOptions } from "../target/options.ts";
import { change, rowsIn } from "./change.ts";
import { objects, type Objects } from "./objects.ts";
import { applicationOf, chunksOf, withApplication, type Root } from "./root.ts";

export interface KubernetesStoreOptions extends Pick<
  KubernetesOptions,
  "kubeconfig" | "context" | "allowExec" | "connection" | "fetch" | "userAgent"
> {
  /** Where its Secrets stand; the namespace must be there. */
  readonly namespace: string;
  /** Name of the store, and of its root Secret. Default `trueup-store`. */
  readonly storeName?: string;
}

interface Outcome<T> {
  /** Undefined: nothing is to be written. */
  readonly root?: Root | undefined;
  readonly value: T;
  readonly made?: readonly string[];
  readonly dropped?: readonly string[];
}

/** Tries to commit on a root that others change as well; each waits longer, by chance. */
const LAST_REMOVALS_MS = 2_000;
const TRIES = 60;

/**
 * A store in the cluster: inventory, history, approvals and leases in Secrets of one namespace, so that a controller
 * there needs no database, and its replicas hand over in a rolling deploy. Leases end by the clocks of the machines,
 * which must agree to a fraction of their time to live. History is kept for the last 64 segments of half a megabyte.
 */
export function kubernetesStore(options: KubernetesStoreOptions): Store {
  const { namespace, storeName = "trueup-store" } = options;
  if (!/^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$/.test(storeName)) {
    throw new TrueUpError(
      "INVALID",
      `kubernetesStore: storeName must be 1 to 42 lower-case letters, digits and dashes, not ${JSON.stringify(storeName)}`,
    );
  }
  const held = new Map<string, HeldLease>();
  let http2: Http2 | undefined;
  let opened: Promise<Objects> | undefined;
  let last: { readonly root: Root; readonly version: string } | undefined;
  let closed = false;
  /** Commits of this process go one after the other: they would only get in each other's way. */
  let turn: Promise<unknown> = Promise.resolve();
  /** Chunks that nothing names any more. */
  let removing: Promise<unknown> = Promise.resolve();

  async function open(): Promise<Objects> {
    const connection = options.connection ?? (await connectByKubeconfig(options));
    if (options.fetch === undefined) http2 = http2Fetch(connection);
    const client = createClient({
      connection,
      fetch: options.fetch === undefined ? (http2 as Http2).fetch : withDeadline(options.fetch),
      ...(options.userAgent !== undefined && { userAgent: options.userAgent }),
    });
    const made = objects(client, namespace, storeName);
    const { root } = await made.root();
    await made.sweep(chunksOf(root)).catch(() => {}); // what it would free is not in the way
    return made;
  }

  async function use(): Promise<Objects> {
    if (closed) throw new TrueUpError("INVALID", "the store is closed");
    opened ??= open();
    return await opened.catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
  }

  /** Reads with a root that is current. A chunk may go while it is read: then there is a later root. */
  async function look<T>(reader: (root: Root, store: Objects) => Promise<T>): Promise<T> {
    const store = await use();
    for (let tries = 1; ; tries++) {
      const { root } = await store.root();
      try {
        return await reader(root, store);
      } catch (error) {
        if (!isTrueUpError(error) || error.code !== "NOT_FOUND" || tries >= 5) throw error;
      }
    }
  }

  async function commit<T>(writer: (root: Root, store: Objects) => Promise<Outcome<T>> | Outcome<T>): Promise<T> {
    const mine = turn.then(async () => {
      const store = await use();
      for (let tries = 1; ; tries++) {
        const seen = tries === 1 && last !== undefined ? last : await store.root();
        try {
          const { root, value, made = [], dropped = [] } = await writer(seen.root, store);
          if (root === undefined) {
            // Refused on what was last known, which another process may have changed since.
            if (seen !== last) return value;
            last = undefined;
            continue;
          }
          const version = await store.commit(root, seen.version);
          if (version !== undefined) {
            last = { root, version };
            // Nobody needs to wait for it but a close: it would cut it off, and leave what the next one has to sweep.
            removing = Promise.all([removing, store.remove(dropped)]);
            return value;
          }
          await store.remove(made);
        } catch (error) {
          const stale = seen === last;
          last = undefined;
          if (!stale) throw error;
          continue;
        }
        last = undefined;
        if (tries >= TRIES) throw new TrueUpError("CONFLICT", "the store is written by too many others");
        await sleep(Math.random() * Math.min(200, 5 * 2 ** Math.min(tries, 6)));
      }
    });
    turn = mine.catch(() => {});
    return await mine;
  }

  const stale = (application: string): TrueUpError =>
    new TrueUpError("LEASE_LOST", `the lease of application "${application}" is stale`);

  function checkLeases(root: Root, writes: readonly { readonly application: string; readonly token: number }[]): void {
    for (const { application, token } of writes) {
      const known = applicationOf(root, application);
      if (known?.token === token && known.lease !== undefined) continue;
      throw stale(application);
    }
  }

  return {
    async claim(application, holder, ttlMs) {
      checkTtl(ttlMs);
      const claimedAt = performance.now();
      // From when it was asked for, as the holder counts: it never believes in it for longer than the store does.
      const expiresAt = Date.now() + ttlMs;
      const got = await commit((root) => {
        const known = applicationOf(root, application);
        if (known?.lease !== undefined && Date.now() < known.lease.expiresAt) return { value: undefined };
        const { previous: _, ...rest } = known ?? { token: 0 };
        const token = rest.token + 1;
        const next = {
          ...rest,
          token,
          ...(known && { previous: known.token }),
          lease: { holder, expiresAt },
        };
        return { root: withApplication(root, application, next), value: { token, previous: known?.token } };
      });
      if (got === undefined) return undefined;
      held.get(application)?.lose();
      const { token, previous } = got;
      const setLease = (lease: { holder: string; expiresAt: number } | undefined): Promise<boolean> =>
        commit((root) => {
          const known = applicationOf(root, application);
          if (known?.token !== token || known.lease === undefined) return { value: false };
          const { lease: _, ...rest } = known;
          return { root: withApplication(root, application, { ...rest, ...(lease && { lease }) }), value: true };
        });
      const made = holdLease({
        application,
        holder,
        token,
        ...(previous !== undefined && { previous }),
        ttlMs,
        claimedAt,
        extend: async () => !closed && (await setLease({ holder, expiresAt: Date.now() + ttlMs })),
        async release() {
          if (held.get(application) === made) held.delete(application);
          if (!closed) await setLease(undefined);
        },
      });
      held.set(application, made);
      return made.lease;
    },

    read: (application) =>
      look(async (root, store) => {
        const { state, buckets = [] } = applicationOf(root, application) ?? {};
        const rows = await rowsIn(store, buckets);
        return {
          application,
          state: state === undefined ? {} : (JSON.parse(await store.get(state)) as ApplicationState),
          inventory: new Map<Key, Tracked>(rows.map((row) => [row.key, row])),
        };
      }),

    async *list() {
      yield* await look(async ({ applications }) =>
        applications
          .filter(([, { state }]) => state !== undefined)
          .map(([name]) => name)
          .toSorted(),
      );
    },

    async write(changes) {
      // Taken as it is now, whatever the caller does to it later.
      const writes = foldWrites(changes).map((write): FoldedWrite => structuredClone(write));
      const leases = changes.map(({ application, lease }) => ({ application, token: lease.token }));
      if (writes.length === 0) return;
      try {
        await commit(async (root, store) => {
          checkLeases(root, leases);
          return { ...(await change(store, root, writes)), value: undefined };
        });
      } catch (error) {
        if (isTrueUpError(error) && error.code === "LEASE_LOST") {
          for (const { application, token } of leases) {
            const own = held.get(application);
            if (own?.lease.token === token && error.message.includes(`"${application}"`)) own.lose();
          }
        }
        throw error;
      }
    },

    async *history({ application, before = Infinity, limit = 100, outcome } = {}) {
      const segments = await look(async ({ history }) => history.toReversed());
      let left = limit;
      for (const { chunk, from } of segments) {
        if (left <= 0) return;
        if (from >= before) continue;
        // Rewritten meanwhile: the segment that has its first entry now has them all.
        const text = await look(
          async (root, store) => await store.get(root.history.find((segment) => segment.from === from)?.chunk ?? chunk),
        );
        for (const entry of (JSON.parse(text) as HistoryEntry[]).toReversed()) {
          if (left <= 0) return;
          if (entry.id >= before || (application !== undefined && entry.application !== application)) continue;
          if (outcome !== undefined && entry.outcome !== outcome) continue;
          left--;
          yield entry;
        }
      }
    },

    settings: {
      get: (name) => look(async ({ settings }) => structuredClone(settings.find(([known]) => known === name)?.[1])),
      async set(name, value) {
        const kept = structuredClone(value);
        await commit((root) => {
          const others = root.settings.filter(([known]) => known !== name);
          return {
            root: { ...root, settings: kept === undefined ? others : [...others, [name, kept] as const] },
            value: undefined,
          };
        });
      },
      async init(name, value) {
        const kept = structuredClone(value);
        return await commit<Json>((root) => {
          const known = root.settings.find(([other]) => other === name);
          if (known !== undefined) return { value: structuredClone(known[1]) };
          return {
            root: { ...root, settings: [...root.settings, [name, kept] as const] },
            value: structuredClone(kept),
          };
        });
      },
    },

    async close() {
      closed = true;
      for (const { lose } of held.values()) lose();
      held.clear();
      await turn;
      await Promise.race([removing, sleep(LAST_REMOVALS_MS, undefined, { ref: false })]);
      http2?.close();
    },
  };
}
