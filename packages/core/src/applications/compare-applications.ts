import { randomBytes } from "node:crypto";
import {
  targetOf,
  TrueUpError,
  type Application,
  type CallOptions,
  type Comparison,
  type Declared,
  type JsonObject,
  type Renderer,
  type Revision,
  type Source,
  type Tree,
  type Finding,
} from "@trueup/spec";
import { plain } from "@trueup/manifest";
import { compareObjects, type Expected } from "./compare-objects.ts";
import { normalize } from "../render/inputs.ts";
import { render, type RenderOptions } from "../render/render.ts";
import { renderOptions } from "../run/render-run.ts";
import type { Engine } from "../runtime.ts";

interface DirectoryOptions {
  /** For people. Default: the path. */
  readonly name?: string;
  /** Default: the root. */
  readonly path?: string;
  /** In the order of detection. Default: the plain one, which is always there. */
  readonly renderers?: Readonly<Record<string, Renderer>>;
  /** The name of one of them. Default: the first that detects the directory, else the plain one. */
  readonly renderer?: string;
  readonly parameters?: JsonObject;
  /** For objects that name none. */
  readonly namespace?: string;
}

/** A directory of a tree, or of a source at a revision (default: the current one). */
export type ComparedDirectory = DirectoryOptions &
  (
    | { readonly tree: Tree; readonly source?: never; readonly revision?: Revision }
    | { readonly source: Source; readonly tree?: never; readonly revision?: Revision }
  );

export interface CompareOptions extends CallOptions {
  /** What is expected to differ, and is not told. */
  readonly expected?: Expected;
}

/** An application of a controller, at a revision of its source: default, what the source is at. */
export interface ComparedApplication {
  readonly application: string;
  readonly revision?: Revision;
}

/** One side, rendered. */
interface RenderedSide {
  readonly name: string;
  readonly path: string;
  readonly revision?: Revision;
  readonly objects: readonly { readonly target: string; readonly declared: Declared }[];
  readonly warnings: readonly Finding[];
}

/**
 * Two directories rendered side by side: what only one has, what differs, and where it comes from. `formatComparison` and
 * `formatComparisonMarkdown` of @trueup/diff show it. Throws what stands in the way of a render.
 */
export async function compare(
  a: ComparedDirectory,
  b: ComparedDirectory,
  options: CompareOptions = {},
): Promise<Comparison> {
  const [left, right] = await Promise.all([renderDirectory(a, options), renderDirectory(b, options)]);
  return compareSides(left, right, { ...options, key: randomBytes(32).toString("hex") });
}

/** `Controller.compare`: applications, as their controller renders them. */
export async function compareApplications(
  engine: Engine,
  [a, b]: readonly [ComparedPair, ComparedPair],
  options: CompareOptions,
): Promise<Comparison> {
  const [left, right] = await Promise.all([a, b].map(async (side) => await renderApplication(engine, side, options)));
  return compareSides(left as RenderedSide, right as RenderedSide, { ...options, key: engine.keyed.redaction });
}

interface ComparedPair {
  readonly application: Application;
  readonly revision: Revision | undefined;
}

async function renderApplication(
  engine: Engine,
  { application, revision: wanted }: ComparedPair,
  { signal }: CallOptions,
): Promise<RenderedSide> {
  const head = engine.sources.get(application.source);
  if (head === undefined) throw new TrueUpError("NOT_FOUND", `no source is named ${application.source}`);
  const revision = wanted ?? (await head.resolve({ maxAgeMs: 1_000, signal }));
  const opened = await head.open(revision, signal);
  try {
    const options = renderOptions(engine, application, opened.snapshot.tree);
    return await renderSide({ ...options, revision, ...(signal && { signal }) });
  } finally {
    opened.release();
  }
}

/** `key`: equal secrets are shown alike, under marks that nobody without it can test a guess against. */
function compareSides(
  a: RenderedSide,
  b: RenderedSide,
  { expected = {}, key }: CompareOptions & { readonly key: string },
): Comparison {
  const compared = compareObjects(a.objects, b.objects, { expected, key });
  const warnings = new Map([...a.warnings, ...b.warnings].map((warning) => [JSON.stringify(warning), warning]));
  return { a: sideOf(a), b: sideOf(b), ...compared, warnings: [...warnings.values()] };
}

const sideOf = ({ name, path, revision, objects }: RenderedSide): Comparison["a"] => ({
  name,
  path,
  objects: objects.length,
  ...(revision && { revision }),
});

async function renderDirectory(directory: ComparedDirectory, { signal }: CallOptions): Promise<RenderedSide> {
  const { source, tree, revision } = directory;
  if (source === undefined) return await renderTree(directory, tree, revision, signal);
  const call = signal === undefined ? {} : { signal };
  const at = revision ?? (await source.resolve(call));
  const snapshot = await source.open(at, call);
  try {
    return await renderTree(directory, snapshot.tree, at, signal);
  } finally {
    snapshot.close();
  }
}

async function renderTree(
  directory: ComparedDirectory,
  tree: Tree,
  revision: Revision | undefined,
  signal: AbortSignal | undefined,
): Promise<RenderedSide> {
  const { renderers = {}, renderer, parameters, namespace } = directory;
  const path = normalize(directory.path ?? "");
  const name = directory.name ?? (path === "" ? "." : path);
  return await renderSide({
    ...(revision && { revision }),
    application: {
      name,
      path,
      source: "",
      target: "compared",
      ...(renderer !== undefined && { renderer }),
      ...(parameters && { parameters }),
      ...(namespace !== undefined && { namespace }),
    },
    tree,
    renderers: { ...renderers, plain: renderers["plain"] ?? plain() },
    targets: { compared: { name: "compared" } },
    ...(signal && { signal }),
  });
}

/** A render, as one side of a comparison. */
async function renderSide(options: RenderOptions & { readonly revision?: Revision }): Promise<RenderedSide> {
  const { application, revision } = options;
  const { objects, hooks, warnings } = await render(options);
  return {
    name: application.name,
    path: normalize(application.path ?? ""),
    ...(revision && { revision }),
    objects: [
      ...[...objects].map(([key, declared]) => ({ target: targetOf(key), declared })),
      ...hooks.map(({ declared }) => ({ target: "", declared })),
    ],
    warnings,
  };
}
