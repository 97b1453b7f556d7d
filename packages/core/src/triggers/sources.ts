import { TrueUpError, type Relation, type Revision, type Snapshot, type Source } from "@trueup/spec";
import { call } from "../apply/call.ts";
import type { ControllerEvent, Untimed } from "../events.ts";

/** A snapshot that several runs share; it is closed when the last lets go and a newer one is there. */
export interface Opened {
  readonly revision: Revision;
  readonly snapshot: Snapshot;
  release(): void;
}

/** One source as the loop uses it: resolved once for all applications, a snapshot opened once for each revision. */
export interface SourceHead {
  readonly name: string;
  /** What `resolve` last answered. */
  readonly revision: Revision | undefined;
  /** Asks the source, unless it answered within `maxAgeMs`; calls at the same time are one. */
  resolve(options?: { readonly maxAgeMs?: number; readonly signal?: AbortSignal | undefined }): Promise<Revision>;
  open(revision: Revision, signal?: AbortSignal): Promise<Opened>;
  /** Where the source can tell by itself that something changed; answers its undo. */
  watch(listener: () => void): (() => void) | undefined;
  /** Closes the snapshots; the source stays open. */
  close(): Promise<void>;
}

export interface SourceHeadOptions {
  readonly emit: (event: Untimed<ControllerEvent>) => void;
  readonly resolveTimeoutMs: number;
  readonly openTimeoutMs: number;
}

interface Shared {
  readonly revision: Revision;
  readonly snapshot: Promise<Snapshot>;
  users: number;
}

export function sourceHead(name: string, source: Source, options: SourceHeadOptions): SourceHead {
  let current: { revision: Revision; at: number } | undefined;
  let resolving: Promise<Revision> | undefined;
  let newest: Shared | undefined;
  const opened = new Map<string, Shared>();

  async function question(): Promise<Revision> {
    const startedAt = performance.now();
    try {
      const revision = await call((signal) => source.resolve({ signal }), {
        what: `source ${name}: resolve`,
        timeoutMs: options.resolveTimeoutMs,
        code: "UNAVAILABLE",
      });
      if (typeof revision?.id !== "string" || revision.id === "") {
        throw new TrueUpError("INTERNAL", `source ${name}: resolve answered no revision`);
      }
      const changed = revision.id !== current?.revision.id;
      current = { revision, at: performance.now() };
      options.emit({ type: "source-resolved", source: name, revision, changed, durationMs: current.at - startedAt });
      return revision;
    } catch (error) {
      options.emit({ type: "source-failed", source: name, error: error as TrueUpError });
      throw error;
    }
  }

  async function openNew(revision: Revision, signal: AbortSignal | undefined): Promise<Snapshot> {
    const previous = newest?.revision;
    const snapshot = await call((inner) => source.open(revision, { signal: inner, ...(previous && { previous }) }), {
      what: `source ${name}: open ${revision.id.slice(0, 12)}`,
      timeoutMs: options.openTimeoutMs,
      signal,
      code: "UNAVAILABLE",
    });
    const relation: Relation = snapshot.relation;
    options.emit({ type: "source-opened", source: name, revision, relation });
    return snapshot;
  }

  const evict = (shared: Shared): void => {
    if (shared.users > 0 || shared === newest) return;
    opened.delete(shared.revision.id);
    shared.snapshot.then(
      (snapshot) => snapshot.close(),
      () => {},
    );
  };

  return {
    name,
    get revision() {
      return current?.revision;
    },
    async resolve({ maxAgeMs = 0, signal } = {}) {
      if (current !== undefined && performance.now() - current.at < maxAgeMs) return current.revision;
      // The question is everybody's: one who gives up does not take it from the others. It is asked inside of the call: one
      // who has given up already asks nothing, as nobody would hear how it failed.
      const ask = async (): Promise<Revision> =>
        await (resolving ??= question().finally(() => (resolving = undefined)));
      return await call(ask, { what: `source ${name}: resolve`, timeoutMs: options.resolveTimeoutMs, signal });
    },
    async open(revision, signal) {
      let shared = opened.get(revision.id);
      if (shared === undefined) {
        shared = { revision, snapshot: openNew(revision, signal), users: 0 };
        opened.set(revision.id, shared);
      }
      shared.users++;
      try {
        const snapshot = await shared.snapshot;
        if (revision.id === current?.revision.id && newest !== shared) {
          const before = newest;
          newest = shared;
          if (before !== undefined) evict(before);
        }
        let held = true;
        const own = shared;
        return {
          revision,
          snapshot,
          release() {
            if (!held) return;
            held = false;
            own.users--;
            evict(own);
          },
        };
      } catch (error) {
        shared.users--;
        if (opened.get(revision.id) === shared) opened.delete(revision.id);
        throw error;
      }
    },
    watch: (listener) => source.watch?.(listener),
    async close() {
      const snapshots = [...opened.values()];
      opened.clear();
      newest = undefined;
      for (const { snapshot } of snapshots) {
        await snapshot.then(
          (snapshot) => snapshot.close(),
          () => {},
        );
      }
    },
  };
}
