import { randomUUID } from "node:crypto";
import { keepIgnored } from "@trueup/diff";
import {
  isOwnMark,
  canonicalJson,
  formatKey,
  markOwned,
  ownerOfManifest,
  TrueUpError,
  type Applied,
  type Deleted,
  type IgnoreRule,
  type Item,
  type Key,
  type Manifest,
  type Observed,
  type Owner,
  type Planned,
  type TargetState,
  type Tracked,
  type WriteContext,
  unmarkOwned,
} from "@trueup/spec";
import { liveOf, mergeFields, type MemoryServer, type StoredObject } from "./memory-server.ts";

export interface MemoryWriteOptions {
  readonly marks: boolean;
  readonly merge: boolean;
  readonly identifiers: boolean;
  readonly pending: { readonly apply?: number; readonly delete?: number; readonly retryAfterMs?: number };
  readonly defaults: ((manifest: Manifest) => Manifest) | undefined;
  readonly immutable: ((before: Manifest, after: Manifest) => string | undefined) | undefined;
}

export interface MemoryWrites {
  find(key: Key, state: TargetState | undefined): StoredObject | undefined;
  apply(item: Item, planned: Planned, seen: Observed, context: WriteContext): Promise<Applied>;
  delete(tracked: Tracked, context: WriteContext): Promise<Deleted>;
  release(tracked: Tracked, context: WriteContext): Promise<void>;
}

export function memoryWrites(server: MemoryServer, options: MemoryWriteOptions): MemoryWrites {
  const { marks, merge, identifiers, pending } = options;
  const retryAfterMs = pending.retryAfterMs ?? 0;
  const markOf = ({ manifest }: StoredObject, key: Key): Owner | undefined =>
    marks ? ownerOfManifest(manifest, key) : undefined;

  /** The object that the inventory speaks of: by name, or by the identifier or the client token in its state. */
  function find(key: Key, state: TargetState | undefined): StoredObject | undefined {
    if (!identifiers) return server.find(key);
    const { id, token } = memoryOf(state);
    const byId = id === undefined ? undefined : server.get(id);
    return byId ?? (token === undefined ? undefined : server.findByToken(token));
  }

  function checkOurs(current: StoredObject, item: Item, planned: Planned, seen: Observed, context: WriteContext): void {
    const { tracked } = item;
    if (planned.action === "adopt" && seenUid(seen) === current.uid) return;
    if (identifiers && tracked !== undefined) return; // found by what only we know
    const mark = markOf(current, item.key);
    if (mark === undefined ? tracked !== undefined && tracked.uid === current.uid : isOwnMark(mark, context)) return;
    // Without marks: the core saw it and took it for ours, or an answer of ours was lost and this is what we sent.
    if (!marks && tracked !== undefined && (seenUid(seen) === current.uid || sameDeclared(current, item))) return;
    throw notOurs(item.key, mark);
  }

  /** The object as the server would store it. */
  function stored(current: StoredObject | undefined, declared: Manifest, ignore: readonly IgnoreRule[]): Manifest {
    let manifest = structuredClone(current === undefined ? declared : keepIgnored(declared, current.manifest, ignore));
    const status = current?.manifest["status"];
    if (current !== undefined && merge) {
      manifest = mergeFields(current.declared, manifest, current.manifest) as Manifest;
    } else if (status !== undefined) {
      manifest = { ...manifest, status };
    }
    return options.defaults?.(manifest) ?? manifest;
  }

  async function apply(item: Item, planned: Planned, seen: Observed, context: WriteContext): Promise<Applied> {
    const { key } = item;
    if (item.declared === undefined) throw new TrueUpError("INTERNAL", "apply without a declared object", { key });
    let state = item.tracked?.state;
    let { token } = memoryOf(state);
    if (identifiers && token === undefined) {
      token = randomUUID();
      state = { ...state, token };
      await context.checkpoint(state);
    }
    const wait = (operation: string): Applied => ({ status: "pending", state: { ...state, operation }, retryAfterMs });
    const done = (object: StoredObject): Applied => ({
      status: "done",
      live: liveOf(object),
      ...(token === undefined || !identifiers ? {} : { state: { token, id: object.uid } }),
    });

    const subject = token ?? key;
    const running = server.running(subject);
    if (running !== undefined && !server.advance(running)) return wait(running);

    const current = find(key, state);
    if (current !== undefined) checkOurs(current, item, planned, seen, context);
    const replaced = planned.action === "replace" && current?.uid === seenUid(seen) ? current : undefined;
    const base = replaced === undefined ? current : undefined;
    const declared = marks ? markOwned(item.declared.manifest, context.owner, key) : item.declared.manifest;
    const manifest = stored(base, declared, context.ignore ?? []);
    if (base !== undefined) {
      if (canonicalJson(base.manifest) === canonicalJson(manifest)) return done(base);
      const reason = options.immutable?.(base.manifest, manifest);
      if (reason !== undefined) throw new TrueUpError("IMMUTABLE", `${formatKey(key)}: ${reason}`, { key });
    }
    const write = (): StoredObject => {
      if (replaced !== undefined) server.remove(replaced);
      return server.write(base, manifest, { declared, ...(token === undefined ? {} : { token }) });
    };
    if (pending.apply === undefined || pending.apply === 0) return done(write());
    return wait(server.begin(subject, key, pending.apply, () => void write()));
  }

  async function remove(tracked: Tracked, context: WriteContext): Promise<Deleted> {
    const { key, uid, state } = tracked;
    const wait: Deleted = { status: "pending", ...(state === undefined ? {} : { state }), retryAfterMs };
    const subject = `delete ${key}`;
    const running = server.running(subject);
    if (running !== undefined && !server.advance(running)) return wait;

    const current = find(key, state);
    if (current === undefined) return { status: "gone" };
    const mark = markOf(current, key);
    // A row without a uid is that of a create whose answer was lost: the mark alone says whose it is, where there are marks.
    const ours = mark === undefined ? uid !== undefined || !marks || identifiers : isOwnMark(mark, context);
    if (!ours || (uid !== undefined && uid !== current.uid)) throw notOurs(key, mark);
    if (pending.delete === undefined || pending.delete === 0) {
      server.remove(current);
      return { status: "gone" };
    }
    server.begin(subject, key, pending.delete, () => server.remove(current));
    return wait;
  }

  async function release({ key, state }: Tracked, context: WriteContext): Promise<void> {
    const current = find(key, state);
    const mark = current === undefined ? undefined : markOf(current, key);
    if (current === undefined || mark === undefined) return;
    if (!isOwnMark(mark, context)) throw notOurs(key, mark);
    server.write(current, unmarkOwned(current.manifest));
  }

  return { find, apply, delete: remove, release };
}

export const sameOwner = (a: Owner | undefined, b: Owner): boolean =>
  a !== undefined && a.installation === b.installation && a.application === b.application;

const seenUid = (seen: Observed): string | undefined =>
  seen.status === "found" ? seen.live.uid : seen.status === "settled" ? seen.uid : undefined;

const sameDeclared = (stored: StoredObject, item: Item): boolean =>
  stored.declared !== undefined && canonicalJson(stored.declared) === canonicalJson(item.declared?.manifest);

function memoryOf(state: TargetState | undefined): { readonly id?: string; readonly token?: string } {
  const { id, token } = state ?? {};
  return { ...(typeof id === "string" ? { id } : {}), ...(typeof token === "string" ? { token } : {}) };
}

function notOurs(key: Key, mark: Owner | undefined): TrueUpError {
  const whose = mark === undefined ? "nobody" : `application ${mark.application} (installation ${mark.installation})`;
  return new TrueUpError("NOT_OURS", `${formatKey(key)} stands there and belongs to ${whose}`, { key });
}
