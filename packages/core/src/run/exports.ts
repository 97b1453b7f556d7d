import {
  formatKey,
  TrueUpError,
  type ApplicationState,
  type Declared,
  type ExportedValue,
  type Item,
  type Json,
  type Key,
  type Observed,
  type Pointer,
} from "@trueup/spec";
import { sensitivePointers } from "@trueup/diff";
import { observeItems } from "../plan/plan.ts";
import { parseObjectName } from "../plan/references.ts";
import { covers, declaredKey, valueAt, type References, type Value } from "../plan/resolve-references.ts";
import { routesOf } from "../apply/select.ts";
import { callsAbout, UNCLAIMED, type Engine, type Runtime } from "../runtime.ts";

interface Exported {
  readonly key: Key;
  readonly pointer: Pointer;
}

type Objects = ReadonlyMap<Key, Declared>;

/** What an application exports, by name. Throws `INVALID` for an object that it does not declare. */
export function exportsOf(engine: Engine, { application }: Runtime, objects: Objects): ReadonlyMap<string, Exported> {
  const found = new Map<string, Exported>();
  for (const [name, { object, pointer, target }] of Object.entries(application.exports ?? {})) {
    const routed = target ?? routesOf(application)[0]?.target ?? "";
    const parsed = parseObjectName(object);
    const at = engine.targets[routed]?.name ?? routed;
    const key = parsed && declaredKey(objects, parsed, at, application.namespace ?? "");
    if (key === undefined) {
      const what = `application ${application.name}: exports/${name}: ${object} is not declared`;
      throw new TrueUpError("INVALID", what);
    }
    found.set(name, { key, pointer });
  }
  return found;
}

/**
 * The values that are exported, read now. Throws `NOT_FOUND` where a live object has none, and `INVALID` for a secret where
 * the controller has no key to seal it with.
 */
export async function readExports(
  engine: Engine,
  runtime: Runtime,
  objects: Objects,
  references: Pick<References, "sensitiveOf"> | undefined,
): Promise<ApplicationState["exports"]> {
  const { application } = runtime;
  const wanted = exportsOf(engine, runtime, objects);
  if (wanted.size === 0) return undefined;
  const keys = new Set([...wanted.values()].map(({ key }) => key));
  const seen = await readLive(engine, runtime, objects, keys);
  const before = runtime.record?.state.exports ?? {};
  const values: Record<string, ExportedValue> = {};
  for (const [name, { key, pointer }] of wanted) {
    const observed = seen.get(key);
    if (observed?.status === "unknown") throw observed.error;
    const live = observed?.status === "found" ? observed.live : undefined;
    const value = valueAt(live?.manifest, pointer);
    runtime.referred.note(key, pointer, engine.keyed.value(value), key);
    if (live === undefined || value === undefined) {
      const message = `export ${name}: ${formatKey(key)} has no ${pointer}`;
      throw new TrueUpError("NOT_FOUND", message, { key, retryable: true });
    }
    const own = objects.get(key)?.sensitive ?? [];
    const hidden = references?.sensitiveOf(key, live) ?? [
      ...own,
      ...(live.sensitive ?? []),
      ...sensitivePointers(live.manifest),
    ];
    const secret = covers(hidden, pointer);
    values[name] = stored(
      engine,
      application.name,
      name,
      value,
      secret,
      Object.hasOwn(before, name) ? before[name] : undefined,
    );
  }
  return values;
}

function stored(
  { keyed, sealer }: Engine,
  application: string,
  name: string,
  value: Json,
  secret: boolean,
  before: ExportedValue | undefined,
): ExportedValue {
  const digest = keyed.value({ value, secret });
  // Sealed anew it would read otherwise, and be written for nothing.
  if (before?.digest === digest) return before;
  if (!secret) return { value, digest };
  if (sealer === undefined) {
    const message = `export ${name}: the value is secret: give the controller a key, so that it can be sealed in the store`;
    throw new TrueUpError("INVALID", message);
  }
  return { sealed: sealer.seal(value, boundTo(application, name)), digest };
}

/** What an application took of another: undefined until that has run well. Throws where it will never be there. */
export function exportedValue(engine: Engine, runtime: Runtime, from: string, name: string): Value | undefined {
  const other = engine.applications.get(from);
  if (other === undefined) throw new TrueUpError("INVALID", `no application is named ${from}`);
  if (!Object.hasOwn(other.application.exports ?? {}, name)) {
    throw new TrueUpError("INVALID", `application ${from} does not export ${name}`);
  }
  const found = currentExport(engine, from, name);
  runtime.referred.noteExport(from, name, found?.digest);
  if (found === undefined) return undefined;
  if (found.sealed === undefined) return { value: found.value ?? null, sensitive: false };
  if (engine.sealer === undefined) throw new TrueUpError("INVALID", `export ${name} of ${from} is sealed with a key`);
  return { value: engine.sealer.open(found.sealed, boundTo(from, name)), sensitive: true };
}

const boundTo = (application: string, name: string): string => `export ${application} ${name}`;

function currentExport(engine: Engine, from: string, name: string): ExportedValue | undefined {
  const exports = engine.applications.get(from)?.record?.state.exports ?? {};
  return Object.hasOwn(exports, name) ? exports[name] : undefined;
}

/** Whether all exports that the last plan took are what they were. */
export function exportsStand(engine: Engine, { referred }: Runtime): boolean {
  for (const [from, names] of referred.exports) {
    for (const [name, digest] of names) if (currentExport(engine, from, name)?.digest !== digest) return false;
  }
  return true;
}

/** Records of applications that have not run here yet: their exports are as the store has them. */
export async function loadExporters(engine: Engine, names: Iterable<string>): Promise<void> {
  for (const name of names) {
    const other = engine.applications.get(name);
    if (other === undefined || other.record !== undefined) continue;
    const { state, inventory } = await engine.store.read(name);
    other.record ??= { state, inventory: new Map(inventory), token: UNCLAIMED };
  }
}

/** Live objects as they are now: also those that a watch vouches for, of which nobody keeps the values. */
export async function readLive(
  engine: Engine,
  { application, record }: Runtime,
  objects: Objects,
  keys: Iterable<Key>,
): Promise<ReadonlyMap<Key, Observed>> {
  const items = Array.from(keys, (key): Item => {
    const declared = objects.get(key);
    const row = record?.inventory.get(key);
    const item: Item = declared === undefined ? { key } : { key, declared };
    if (row === undefined) return item;
    // Without these a target cannot say that all is as it was; with its state it finds what bears no name.
    const { mask: _m, expected: _e, applied: _a, ...tracked } = row;
    return { ...item, tracked };
  });
  return await observeItems(callsAbout(engine, application), items);
}
