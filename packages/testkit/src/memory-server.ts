import { randomUUID } from "node:crypto";
import { isObject, keyOf, refOf, type Json, type JsonObject, type Key, type Live, type Manifest } from "@trueup/spec";

/** An object as the server holds it. Immutable: a write makes a new one. */
export interface StoredObject {
  readonly uid: string;
  readonly version: string;
  readonly key: Key;
  readonly manifest: Manifest;
  /** What a client declared last: fields that are here and no longer declared are removed. */
  readonly declared?: Manifest;
  /** The client's token of a create whose identifier the server chose. */
  readonly token?: string;
}

export type Listener = (before: StoredObject | undefined, after: StoredObject | undefined) => void;

interface Operation {
  readonly subject: string;
  readonly key: Key;
  left: number;
  readonly complete: () => void;
}

/** The live system behind a memory target: objects, versions, long operations, and who listens. */
export class MemoryServer {
  readonly #target: string;
  readonly #objects = new Map<string, StoredObject>();
  /** The latest object of each identity: there can be several where the server chooses identifiers. */
  readonly #byKey = new Map<Key, string>();
  readonly #byToken = new Map<string, string>();
  readonly #operations = new Map<string, Operation>();
  readonly #listeners = new Set<Listener>();
  #version = 0;

  constructor(target: string) {
    this.#target = target;
  }

  list(): StoredObject[] {
    return [...this.#objects.values()];
  }

  get(uid: string): StoredObject | undefined {
    return this.#objects.get(uid);
  }

  find(key: Key): StoredObject | undefined {
    const uid = this.#byKey.get(key);
    return uid === undefined ? undefined : this.#objects.get(uid);
  }

  findByToken(token: string): StoredObject | undefined {
    const uid = this.#byToken.get(token);
    return uid === undefined ? undefined : this.#objects.get(uid);
  }

  write(
    current: StoredObject | undefined,
    manifest: Manifest,
    how: { readonly declared?: Manifest; readonly token?: string } = {},
  ): StoredObject {
    const declared = how.declared ?? current?.declared;
    const token = how.token ?? current?.token;
    const stored: StoredObject = {
      uid: current?.uid ?? randomUUID(),
      version: String(++this.#version),
      key: keyOf(refOf(manifest, this.#target)),
      manifest: freeze(manifest),
      ...(declared === undefined ? {} : { declared }),
      ...(token === undefined ? {} : { token }),
    };
    this.#objects.set(stored.uid, stored);
    this.#byKey.set(stored.key, stored.uid);
    if (token !== undefined) this.#byToken.set(token, stored.uid);
    this.#emit(current, stored);
    return stored;
  }

  remove(object: StoredObject): void {
    if (!this.#objects.delete(object.uid)) return;
    if (this.#byKey.get(object.key) === object.uid) {
      const other = this.list().find(({ key }) => key === object.key);
      if (other === undefined) this.#byKey.delete(object.key);
      else this.#byKey.set(object.key, other.uid);
    }
    if (object.token !== undefined) this.#byToken.delete(object.token);
    this.#emit(object, undefined);
  }

  /** Something that takes `polls` calls of `advance` until its effect is there. One at a time per subject. */
  begin(subject: string, key: Key, polls: number, complete: () => void): string {
    const id = randomUUID();
    this.#operations.set(id, { subject, key, left: polls, complete });
    return id;
  }

  running(subject: string): string | undefined {
    for (const [id, operation] of this.#operations) if (operation.subject === subject) return id;
    return undefined;
  }

  /** Whether the operation is over. Others under the same name go on too: ones that nobody asks about any more. */
  advance(id: string): boolean {
    const key = this.#operations.get(id)?.key;
    for (const [other, operation] of this.#operations) {
      if (operation.key !== key || --operation.left > 0) continue;
      this.#operations.delete(other);
      operation.complete();
    }
    return !this.#operations.has(id);
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #emit(before: StoredObject | undefined, after: StoredObject | undefined): void {
    for (const listener of this.#listeners) listener(before, after);
  }
}

export const liveOf = ({ manifest, uid, version }: StoredObject): Live => ({ manifest, uid, version });

/** What stands there after `desired` was applied: dropped fields go, fields that others put stay. Lists are replaced as a whole. */
export function mergeFields(last: JsonObject | undefined, desired: JsonObject, live: JsonObject): JsonObject {
  const merged: Record<string, Json | undefined> = { ...live };
  for (const [field, value] of Object.entries(last ?? {})) {
    if (desired[field] === undefined) {
      const rest = isObject(value) && isObject(merged[field]) ? mergeFields(value, {}, merged[field]) : undefined;
      if (rest === undefined || Object.keys(rest).length === 0) delete merged[field];
      else merged[field] = rest;
    }
  }
  for (const [field, value] of Object.entries(desired)) {
    if (value === undefined) continue;
    const [before, there] = [last?.[field], merged[field]];
    merged[field] =
      isObject(value) && isObject(there) ? mergeFields(isObject(before) ? before : undefined, value, there) : value;
  }
  return merged;
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const field of Object.values(value)) freeze(field);
  }
  return value;
}
