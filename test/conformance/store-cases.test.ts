// Every case of the kit can fail: each is run here against a store that breaks just its rule.
import { setImmediate as turn } from "node:timers/promises";
import { memoryStore } from "@trueup/core";
import {
  TrueUpError,
  type HistoryEntry,
  type Json,
  type Lease,
  type RowChange,
  type Store,
  type Write,
} from "@trueup/spec";
import { storeCases, type StorePlace } from "@trueup/testkit";
import { describe, expect, it } from "vitest";

type Break = () => StorePlace;

/** One store behind all handles, with some of it replaced. */
function broken(replace: (store: Store) => Partial<Store>): Break {
  return () => {
    const store = memoryStore();
    const worse = { ...store, ...replace(store) };
    return { open: async () => worse };
  };
}

/** Handles that know nothing of each other. */
const separate: Break = () => ({ open: async () => memoryStore() });

/** Leases with some of them replaced; `latest` is the last one given out for the application. */
const leases = (replace: (lease: Lease, latest: (application: string) => Lease) => Partial<Lease>): Break =>
  broken((store) => {
    const last = new Map<string, Lease>();
    return {
      async claim(application, holder, ttlMs) {
        const lease = await store.claim(application, holder, ttlMs);
        if (lease === undefined) return undefined;
        last.set(application, lease);
        return { ...lease, ...replace(lease, (name) => last.get(name)!) };
      },
    };
  });

/** Rows changed before they are written. */
const rows = (change: (rows: readonly RowChange[]) => readonly RowChange[]): Break =>
  broken((store) => ({
    write: (changes) => store.write(changes.map((write) => ({ ...write, rows: change(write.rows) }))),
  }));

const without = (type: RowChange["type"]): Break => rows((rows) => rows.filter((row) => row.type !== type));

/** Writes taken apart and made one after the other: not atomic. */
const split = (parts: (changes: readonly Write[]) => readonly Write[]): Break =>
  broken((store) => ({
    async write(changes) {
      for (const part of parts(changes)) await store.write([part]);
    },
  }));

const perRow = (changes: readonly Write[]): readonly Write[] =>
  changes.flatMap((write) => write.rows.map((row) => ({ ...write, rows: [row] })));

/** Whatever lease is shown, the last one given out is used. */
const unfenced: Break = broken((store) => {
  const last = new Map<string, Lease>();
  return {
    async claim(...args) {
      const lease = await store.claim(...args);
      if (lease !== undefined) last.set(args[0], lease);
      return lease;
    },
    write: (changes) => store.write(changes.map((write) => ({ ...write, lease: last.get(write.application)! }))),
  };
});

const history = (change: (all: HistoryEntry[], store: Store) => HistoryEntry[]): Break =>
  broken((store) => ({
    async *history(query) {
      const all: HistoryEntry[] = [];
      for await (const entry of store.history(query)) all.push(entry);
      yield* change(all, store);
    },
  }));

const settings = (replace: (settings: Store["settings"]) => Partial<Store["settings"]>): Break =>
  broken((store) => ({ settings: { ...store.settings, ...replace(store.settings) } }));

const BREAKS: Readonly<Record<string, Break>> = {
  "lease: one holder at a time": separate,
  "lease: of claims at the same time, one succeeds": separate,
  "lease: applications are held side by side": broken((store) => {
    let held = false;
    return {
      async claim(...args) {
        if (held) return undefined;
        held = true;
        return store.claim(...args);
      },
    };
  }),
  "lease: released, it can be claimed at once": leases(() => ({ release: async () => {} })),
  "lease: tokens grow with every claim, and name the one before": leases(() => ({ token: 7 })),
  "lease: a time to live under 1,000 ms, or none, is INVALID": broken((store) => ({
    claim: (application, holder) => store.claim(application, holder, 1_000),
  })),
  "lease: not renewed, its signal fires before it expires, then another may claim": leases(() => ({
    signal: new AbortController().signal,
  })),
  "lease: renewed, it lives on": leases(() => ({ renew: async () => {} })),
  "lease: its own holder finds it expired at once after a blocked event loop": leases(() => ({ valid: () => true })),
  "fencing: the stale writer's write is refused, and changes nothing": unfenced,
  "fencing: a stale holder cannot release or renew the current one's lease": leases(({ application }, latest) => ({
    release: () => latest(application).release(),
  })),
  "fencing: a released lease writes nothing": leases(() => ({ release: async () => {} })),
  "fencing: one stale lease refuses the whole write": split((changes) => changes),
  "fencing: a lease is good for its own application only": unfenced,

  "record: empty for an application that was never written": broken(() => ({
    read: (application) => Promise.reject(new TrueUpError("NOT_FOUND", application)),
  })),
  "record: comes back as it was written, through every handle": rows((rows) =>
    rows.map((row) => {
      if (row.type !== "track") return row;
      const { mask: _, ...tracked } = row.tracked;
      return { type: "track", tracked };
    }),
  ),
  "record: a state is replaced as a whole, and rows are left alone": broken((store) => {
    let merged = {};
    return {
      write: (changes) =>
        store.write(
          changes.map((write) => ({
            ...write,
            rows: write.rows.map((row) =>
              row.type === "state" ? { type: "state", state: (merged = { ...merged, ...row.state }) } : row,
            ),
          })),
        ),
    };
  }),
  "record: rows are put, replaced and removed one by one, and the state is left alone": without("untrack"),
  "record: within a write the last row about a key, and the last state, win": rows((rows) => rows.toReversed()),
  "record: a write of nothing changes nothing": rows((rows) => [...rows, { type: "state", state: {} }]),
  "record: writes that were not awaited all land": broken((store) => {
    let busy = false;
    return {
      async write(changes) {
        if (busy) return;
        busy = true;
        await turn();
        await store.write(changes);
        busy = false;
      },
    };
  }),
  "record: names and values are data, whatever they look like": broken((store) => ({
    async *list() {
      const names: Record<string, true> = {};
      for await (const name of store.list()) names[name] = true;
      yield* Object.keys(names);
    },
  })),
  "snapshot: what was read does not change under the reader": broken((store) => {
    const live = new Map();
    return {
      async write(changes) {
        await store.write(changes);
        live.clear();
        for (const [key, row] of (await store.read("web")).inventory) live.set(key, row);
      },
      read: async (application) => ({ ...(await store.read(application)), inventory: live }),
    };
  }),
  "snapshot: what the caller does to its objects later is not seen": broken((store) => {
    let state = {};
    return {
      async write(changes) {
        await store.write(changes);
        for (const row of changes.flatMap((write) => write.rows)) if (row.type === "state") state = row.state;
      },
      read: async (application) => ({ ...(await store.read(application)), state }),
    };
  }),
  "snapshot: what a reader does to what it was given reaches no other": broken((store) => {
    let state: { inputs?: string } | undefined;
    return {
      async read(application) {
        const record = await store.read(application);
        state ??= structuredClone(record.state);
        return { ...record, state };
      },
    };
  }),
  "list: applications with a record, and no others": broken((store) => ({
    async claim(...args) {
      const lease = await store.claim(...args);
      if (lease) await store.write([{ application: args[0], lease, rows: [{ type: "state", state: {} }] }]);
      return lease;
    },
  })),
  "forget: the record goes, its history stays": without("forget"),
  "forget: what follows it in the same write makes a new record": rows((rows) =>
    rows.toSorted((a, b) => Number(a.type === "forget") - Number(b.type === "forget")),
  ),

  "ownership: a key of another application is a CONFLICT that names it, and the write changes nothing": split(perRow),
  "ownership: of two applications that track a key in one write, one is refused with both": broken((store) => ({
    write: (changes) => store.write(changes.slice(-1)),
  })),
  "ownership: of claims on a key at the same time, one wins": separate,
  "ownership: a key that was given up is free": without("untrack"),
  "ownership: nobody gives up a key for another": broken((store) => {
    const held = new Map<string, Lease>();
    return {
      async claim(...args) {
        const lease = await store.claim(...args);
        if (lease !== undefined) held.set(args[0], lease);
        return lease;
      },
      async write(changes) {
        const gone = changes.flatMap(({ rows }) => rows.filter((row) => row.type === "untrack"));
        const everywhere = Array.from(held, ([application, lease]) => ({ application, lease, rows: gone }));
        await store.write([...everywhere, ...changes]);
      },
    };
  }),
  "handover: one write moves a key, giver first": split((changes) => changes.toReversed()),
  "handover: one write moves a key, receiver first": split((changes) => changes),
  "handover: two applications swap keys in one write": split((changes) => changes),
  "handover: an application that is forgotten gives up everything": split((changes) => changes),
  "handover: refused where the giver keeps the key after all": broken((store) => ({
    write: (changes) => store.write(changes).catch(() => {}),
  })),

  "history: an entry comes back as it was written, with its application and an id": history((all) =>
    all.map((entry) => ({ ...entry, error: { code: "INTERNAL", message: "hidden" } })),
  ),
  "history: newest first, with ids that grow": history((all) => all.toReversed()),
  "history: entries of one write keep their order": rows((rows) => rows.toReversed()),
  "history: of one application, and of one outcome": broken((store) => ({
    history: (query) => store.history({ ...query, ...(query?.outcome && { outcome: "failed" }) }),
  })),
  "history: as many as the limit says, 100 without one": broken((store) => ({
    history: (query) => store.history({ limit: 50, ...query }),
  })),
  "history: the limit counts what is answered, not what is skipped": broken((store) => ({
    async *history({ outcome, ...query } = {}) {
      for await (const entry of store.history(query))
        if (outcome === undefined || entry.outcome === outcome) yield entry;
    },
  })),
  "history: pages by cursor reach every entry once": broken((store) => ({
    history: ({ before = Infinity, ...query } = {}) => store.history({ ...query, before: before + 1 }),
  })),
  "history: a reader may stop early, and write while it reads": broken((store) => ({
    async *history(query) {
      for (let offset = 0; ; offset++) {
        const now: HistoryEntry[] = [];
        for await (const entry of store.history({ ...query, limit: 1_000 })) now.push(entry);
        if (offset >= Math.min(now.length, query?.limit ?? 100)) return;
        yield now[offset]!;
      }
    },
  })),

  "prune: what finished before a moment goes, seen through every handle": separate,
  "prune: of each application the newest so many stay": broken((store) => ({
    prune: async ({ historyKeep = 1 }) => await store.prune!({ historyKeep: historyKeep + 1 }),
  })),
  "prune: either of the two is enough, and none is nothing": broken((store) => ({
    prune: async ({ historyBefore = 0 }) => await store.prune!({ historyBefore }),
  })),
  "prune: the newest entry of each application stays, whatever is asked": broken((store) => {
    let from = 0;
    return {
      async prune({ historyBefore = 0 }) {
        from = historyBefore;
        return { history: 3 };
      },
      async *history(query) {
        for await (const entry of store.history(query)) if (entry.finishedAt >= from) yield entry;
      },
    };
  }),
  "prune: ids are not given out anew, and cursors hold": history((all) =>
    all.map((entry, i) => ({ ...entry, id: all.length - i })),
  ),
  "prune: many entries, and records are left alone": broken(() => ({ prune: async () => ({ history: 2_490 }) })),
  "prune: what makes no sense is INVALID, and forgets nothing": broken((store) => ({
    prune: async ({ historyKeep = 1 }) =>
      await store.prune!({ historyKeep: Math.max(Math.floor(historyKeep), 1) || 1 }),
  })),

  "settings: set, replaced, removed, seen through every handle": settings((settings) => ({
    set: (name, value = null) => settings.set(name, value),
  })),
  "settings: init sets what is absent and answers what stands there": settings((settings) => ({
    init: async (name, value) => (await settings.init(name, value), value),
  })),
  "settings: of inits at the same time, all answer the one that won": settings((settings) => ({
    async init(name, value) {
      const stands = await settings.get(name);
      if (stands !== undefined) return stands;
      await turn();
      await settings.set(name, value);
      return value;
    },
  })),
  "settings: names are data": settings(() => {
    const values: Record<string, Json> = {};
    return {
      get: async (name) => values[name],
      async set(name, value) {
        if (value !== undefined) values[name] = value;
      },
    };
  }),
  "settings: later changes of the caller's object are not seen": settings(() => {
    const values = new Map<string, Json>();
    return {
      get: async (name) => values.get(name),
      set: async (name, value) => void values.set(name, value!),
      init: async (name, value) => (values.set(name, value), value),
    };
  }),

  "durable: closed and opened again, everything is there": separate,
  "durable: tokens and history ids go on growing": separate,
  "durable: a closed store tells its holders, and answers nothing": broken((store) => ({
    close: async () => store.close?.(),
  })),
};

const cases = (create: Break) => storeCases({ create: async () => create(), durable: true, prunes: true });

/** An assertion, or an error of the store where it should have none: not a mistake of this test. */
const isVerdict = (error: unknown): boolean =>
  error instanceof Error && (error.name === "AssertionError" || error.name === "TrueUpError");

describe("a store that breaks the rule fails the case", () => {
  it("for every case", () => {
    expect(Object.keys(BREAKS)).toEqual(cases(separate).map(({ name }) => name));
  });
  for (const [name, create] of Object.entries(BREAKS)) {
    it(name, async () => {
      const run = cases(create)
        .find((rule) => rule.name === name)
        ?.run();
      await expect(run).rejects.toSatisfy(isVerdict);
    });
  }
});
