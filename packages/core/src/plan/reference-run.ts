import { TrueUpError, type Declared, type Key, type Tracked } from "@trueup/spec";
import { exportedValue, exportsOf, loadExporters, readLive } from "../run/exports.ts";
import { plan, type PlannedItem, type Planning, type PlanOptions } from "./plan.ts";
import { errorAt, findReferences } from "./references.ts";
import type { RenderedApplication } from "../render/render.ts";
import { prepareReferences, type References } from "./resolve-references.ts";
import type { Engine, Runtime } from "../runtime.ts";

type Objects = ReadonlyMap<Key, Declared>;

/** What became of a change once the values that it waited for were known. */
export type Late =
  | { readonly status: "change"; readonly planned: PlannedItem }
  /** The value is the one that stands there already. */
  | { readonly status: "stands"; readonly settled: readonly Tracked[] }
  /** It means something else now: the next run plans it, and asks for what it needs. */
  | { readonly status: "put-off"; readonly reason: string };

export interface RunReferences {
  readonly references: References | undefined;
  /** Exports that are not there yet: a plan can be shown, and nothing be written. */
  readonly waits: readonly string[];
}

/** The references of an application in a run. Throws `INVALID` and `CYCLE` before anything is written. */
export async function referencesOf(
  engine: Engine,
  runtime: Runtime,
  rendered: Pick<RenderedApplication, "objects" | "hooks"> | undefined,
): Promise<RunReferences> {
  const { application, referred } = runtime;
  referred.reset();
  if (rendered === undefined || runtime.removing) return { references: undefined, waits: [] };
  const { objects, hooks } = rendered;
  exportsOf(engine, runtime, objects);
  if (application.references === false) return { references: undefined, waits: [] };
  for (const { declared } of hooks) refuseInHook(declared);
  const waits = await missingExports(engine, runtime, objects);
  const references = prepareReferences({
    application,
    objects,
    targetNames: (routed) => engine.targets[routed]?.name,
    read: async (keys) => await readLive(engine, runtime, objects, keys),
    exported: (from, name) => exportedValue(engine, runtime, from, name),
    onValue: (source, pointer, value, referrer) => referred.note(source, pointer, engine.keyed.value(value), referrer),
  });
  return { references, waits };
}

/** Throws for exports that nobody has, and for applications that wait for each other. */
async function missingExports(engine: Engine, runtime: Runtime, objects: Objects): Promise<readonly string[]> {
  const waits = new Set<string>();
  await loadExporters(engine, exportersOf(objects));
  for (const declared of objects.values()) {
    for (const { pointer, reference } of findReferences(declared)) {
      if (reference.type !== "export") continue;
      try {
        const found = exportedValue(engine, runtime, reference.application, reference.name);
        if (found === undefined) waits.add(`export ${reference.name} of application ${reference.application}`);
      } catch (error) {
        throw errorAt(declared, pointer, (error as TrueUpError).message);
      }
    }
  }
  refuseCircle(engine, runtime, []);
  return [...waits];
}

/** Applications none of which can export, as each waits for another's export. */
function refuseCircle(engine: Engine, runtime: Runtime, path: readonly string[]): void {
  const { name } = runtime.application;
  if (path.includes(name)) {
    if (path[0] !== name) return;
    throw new TrueUpError("CYCLE", `these applications refer to each other: ${[...path, name].join(" → ")}`);
  }
  for (const [from, names] of runtime.referred.exports) {
    const other = engine.applications.get(from);
    if (other !== undefined && [...names.values()].includes(undefined)) refuseCircle(engine, other, [...path, name]);
  }
}

/** The schema's findings, but for fields that hold a reference: what will stand there is not known yet. */
export async function withoutReferences(
  validate: (objects: readonly Declared[]) => Promise<readonly TrueUpError[]>,
  objects: readonly Declared[],
): Promise<readonly TrueUpError[]> {
  const place = (file: string, document: number | undefined, pointer: string | undefined): string =>
    JSON.stringify([file, document, pointer]);
  const fields = new Set<string>();
  const broken: TrueUpError[] = [];
  for (const declared of objects) {
    const { file, document } = declared.origin;
    try {
      for (const { pointer } of findReferences(declared)) fields.add(place(file, document, pointer));
    } catch (error) {
      broken.push(error as TrueUpError);
    }
  }
  const errors = await validate(objects);
  const rest = errors.filter(({ origin }) => !fields.has(place(origin?.file ?? "", origin?.document, origin?.field)));
  return [...broken, ...rest];
}

function refuseInHook(declared: Declared): void {
  const [first] = findReferences(declared);
  if (first === undefined) return;
  throw new TrueUpError(
    "UNSUPPORTED",
    `${declared.origin.file}: ${first.pointer}: a hook cannot refer to other objects`,
  );
}

/** The applications that something here refers to. */
function exportersOf(objects: Objects): ReadonlySet<string> {
  const names = new Set<string>();
  for (const declared of objects.values()) {
    for (const { reference } of findReferences(declared))
      if (reference.type === "export") names.add(reference.application);
  }
  return names;
}

/** Plans one object again at its turn: what it refers to was applied, and is healthy. Throws what stands in the way. */
export async function planLate(
  options: PlanOptions,
  { unknown }: Pick<Planning, "unknown">,
  given: PlannedItem,
): Promise<Late> {
  const { key, tracked } = given.item;
  const { references } = options;
  if (references === undefined || !unknown.has(key)) return { status: "change", planned: given };
  const resolved = (await references.resolve([key], () => ({ status: "stands", healthy: true }))).get(key);
  if (resolved?.status !== "resolved" || resolved.unknown.length > 0) {
    throw resolved?.status === "failed"
      ? resolved.error
      : new TrueUpError("INTERNAL", "a reference stayed open", { key });
  }
  const { declared } = resolved;
  const { references: _r, settled: _s, refused: _f, kept: _k, ...rest } = options;
  const again = await plan({
    ...rest,
    purpose: "apply",
    rendered: { objects: new Map([[key, declared]]), warnings: [] },
    inventory: tracked === undefined ? new Map() : new Map([[key, tracked]]),
  });
  const failure = again.failures.get(key);
  if (failure !== undefined) throw failure;
  const planned = again.changes.get(key);
  if (planned === undefined) return { status: "stands", settled: again.settles };
  const { action } = planned.change;
  if (action === given.change.action || action === "update" || action === "create") {
    return { status: "change", planned: { ...planned, change: { ...planned.change, reason: given.change.reason } } };
  }
  return {
    status: "put-off",
    reason: `what it refers to is known now, and makes this a matter of ${action}: planned anew`,
  };
}
