import { isTrueUpError, type ApplicationRecord, type Revision, type Tree } from "@trueup/spec";
import { normalize } from "../render/inputs.ts";
import { render, type RenderedApplication } from "../render/render.ts";
import { renderOptions } from "../run/render-run.ts";
import { pinnedAt, sameInputs, specificationOf } from "../run/resolve.ts";
import type { Engine, Runtime } from "../runtime.ts";

export type Objects = RenderedApplication["objects"];

/** What another application declares: looked at from outside of its runs. */
export interface Elsewhere {
  /** Where its next run will stand: the newest revision, or where it is held. */
  readonly at: Revision;
  readonly objects: Objects;
  readonly record: Pick<ApplicationRecord, "state" | "inventory">;
}

/** Throws what its render throws. `newest` is what its source is at, where nothing newer is known. */
export async function declaredElsewhere(
  engine: Engine,
  other: Runtime,
  newest: Revision,
  signal: AbortSignal,
): Promise<Elsewhere> {
  const { application } = other;
  const record = other.record ?? (await engine.store.read(application.name));
  const head = engine.sources.get(application.source)?.revision ?? newest;
  const at = pinnedAt(record.state, head) ?? head;
  return { at, record, objects: other.removing ? new Map() : await declaredAt(engine, other, at, signal) };
}

/** The last such render of each application: a commit that moves objects about asks for it once an application that loses some. */
const foreseen = new WeakMap<Runtime, { readonly revision: string; readonly by: string; readonly objects: Objects }>();

export async function declaredAt(
  engine: Engine,
  other: Runtime,
  revision: Revision,
  signal: AbortSignal,
): Promise<Objects> {
  const opened = await engine.sources.get(other.application.source)?.open(revision, signal);
  if (opened === undefined) return new Map();
  try {
    if (other.rendered !== undefined && (await sameInputs(engine, other, opened))) return other.rendered.of.objects;
    const by = specificationOf(engine, other);
    const known = foreseen.get(other);
    if (known?.revision === revision.id && known.by === by) return known.objects;
    // A directory whose last file was moved away is gone: nothing is declared there.
    if (!(await hasDirectory(opened.snapshot.tree, other.application.path))) return new Map();
    const { objects } = await render({ ...renderOptions(engine, other.application, opened.snapshot.tree), signal });
    foreseen.set(other, { revision: revision.id, by, objects });
    return objects;
  } finally {
    opened.release();
  }
}

async function hasDirectory(tree: Tree, path: string = ""): Promise<boolean> {
  try {
    if (normalize(path) !== "") await tree.subtree(normalize(path));
    return true;
  } catch (error) {
    if (isTrueUpError(error) && error.code === "NOT_FOUND") return false;
    throw error;
  }
}
