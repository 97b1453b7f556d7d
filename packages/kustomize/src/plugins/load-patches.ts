import { isTrueUpError, TrueUpError, type Origin } from "@trueup/spec";
import type { Loader } from "../loader.ts";
import { NOTES, Resource } from "../resource.ts";
import type { Patch, Selector } from "../shapes.ts";
import { asPatch, JsonPatchError, type Operation } from "../transform/json-patch.ts";
import { patchJson, patchNamed, patchNamedCopies, patchSelected } from "../transform/patches.ts";
import type { Transformer } from "../transform/transformer.ts";
import { parseNode, YamlProblem } from "../yaml/parse.ts";
import { copyParsed, parseResources } from "../yaml/resources.ts";
import { toPlain, Unreadable, type Plain } from "../yaml/value.ts";

const invalid = (message: string, origin: Origin, cause?: unknown): TrueUpError =>
  new TrueUpError("INVALID", message, cause === undefined ? { origin } : { origin, cause });

/** An entry of `patches`: a strategic merge patch or a JSON patch, whichever the text is. */
export async function loadPatch(entry: Patch, loader: Loader, origin: Origin): Promise<Transformer> {
  const patch = (entry.patch ?? "").trim();
  const path = entry.path ?? "";
  if (patch === "" && path === "")
    throw invalid(`${origin.file}: must specify one of patch and path in an entry of patches`, origin);
  if (patch !== "" && path !== "")
    throw invalid(`${origin.file}: patch and path can't be set at the same time`, origin);
  const from: Origin = patch === "" ? { file: loader.nameOf(loader.resolve(path)) } : origin;
  const text = patch === "" ? await readPatch(path, loader) : patch;
  const shown = patch === "" ? `[path: ${JSON.stringify(path)}]` : `[patch: ${JSON.stringify(patch)}]`;
  const merges = attempt(() => parseMergePatches(text, from, loader));
  const operations = attempt(() => parseOperations(text, loader));
  if (
    merges.value !== undefined &&
    merges.value.length > 0 &&
    operations.value !== undefined &&
    operations.value.length > 0
  ) {
    throw invalid(`illegally qualifies as both an SM and JSON patch: ${shown}`, from);
  }
  if (merges.value === undefined && operations.value === undefined) {
    throw new TrueUpError(
      merges.error.code,
      `unable to parse SM or JSON patch from ${shown}: ${merges.error.message}`,
      {
        origin: merges.error.origin ?? from,
        cause: merges.error,
      },
    );
  }
  if (merges.value !== undefined && (merges.value.length > 0 || operations.value === undefined)) {
    return mergeTransformer(merges.value, entry, loader, shown, from);
  }
  return jsonTransformer(
    merges.value === undefined ? (operations.value as readonly Operation[]) : [],
    entry.target,
    shown,
    from,
  );
}

async function readPatch(path: string, loader: Loader): Promise<string> {
  try {
    return await loader.text(path);
  } catch (error) {
    if (!isTrueUpError(error)) throw error;
    throw new TrueUpError(error.code, `failed to get the patch file from path(${path}): ${error.message}`, {
      cause: error,
      ...(error.origin === undefined ? {} : { origin: error.origin }),
    });
  }
}

type Attempt<T> =
  | { readonly value: T; readonly error?: undefined }
  | { readonly value?: undefined; readonly error: TrueUpError };

function attempt<T>(run: () => T): Attempt<T> {
  try {
    return { value: run() };
  } catch (error) {
    if (isTrueUpError(error) && error.code !== "LIMIT") return { error };
    throw error;
  }
}

function mergeTransformer(
  patches: readonly Resource[],
  entry: Patch,
  loader: Loader,
  shown: string,
  origin: Origin,
): Transformer {
  const { session } = loader;
  for (const patch of patches) {
    if (entry.options?.get("allowNameChange") === true) patch.enable(NOTES.allowNameChange);
    if (entry.options?.get("allowKindChange") === true) patch.enable(NOTES.allowKindChange);
  }
  if (entry.target === undefined) return patchNamed(patches, session, "no resource matches strategic merge patch");
  const [first] = patches;
  if (patches.length > 1 || first === undefined) {
    throw invalid(
      `Multiple Strategic-Merge Patches in one \`patches\` entry is not allowed to set \`patches.target\` field: ${shown}`,
      origin,
    );
  }
  return patchSelected(first, entry.target, session);
}

function jsonTransformer(
  operations: readonly Operation[],
  target: Selector | undefined,
  shown: string,
  origin: Origin,
): Transformer {
  if (target === undefined) throw invalid(`must specify a target for JSON patch ${shown}`, origin);
  return patchJson({ operations, origin }, target, true);
}

function parseMergePatches(text: string, origin: Origin, loader: Loader): Resource[] {
  const inline = origin.line !== undefined || origin.field !== undefined;
  return parseResources(text, origin.file, loader.session.parseLimits).map((parsed) => {
    const copied = copyParsed(parsed);
    // Lines within an inline patch say nothing.
    return new Resource(copied.node, inline ? origin : copied.origin);
  });
}

/** A text that begins with `[` is JSON, any other YAML. */
function parseOperations(text: string, loader: Loader): readonly Operation[] {
  try {
    if (text.startsWith("[")) return asPatch(parseJson(text));
    const node = parseNode(text, loader.session.parseLimits);
    return asPatch(node === undefined ? null : toPlain(node, "v2"));
  } catch (error) {
    if (
      error instanceof YamlProblem ||
      error instanceof Unreadable ||
      error instanceof JsonPatchError ||
      error instanceof SyntaxError
    ) {
      throw new TrueUpError("INVALID", error.message, { cause: error });
    }
    throw error;
  }
}

/** Integers that a number cannot hold stay exact. */
function parseJson(text: string): Plain {
  const reviver = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?[0-9]+$/.test(context?.source ?? "")
      ? BigInt(context?.source ?? 0)
      : value;
  return JSON.parse(text, reviver) as Plain;
}

/** `patchesStrategicMerge`: each entry is patches, or a file of them. */
export async function loadMergePatches(
  entries: readonly string[],
  inlinePatches: string,
  loader: Loader,
  origin: Origin,
): Promise<Transformer> {
  if (entries.length === 0 && inlinePatches === "")
    throw invalid(`${origin.file}: empty file path and empty patch content`, origin);
  const patches: Resource[] = [];
  for (const entry of entries) {
    const inline = attempt(() => parseMergePatches(entry, { ...origin, field: "/patchesStrategicMerge" }, loader));
    if (inline.value === undefined) {
      // A path is read as one word; only a text of several lines can have been meant as a patch.
      if (entry.includes("\n")) throw inline.error;
      patches.push(...(await loader.resources(entry)));
    } else {
      patches.push(...inline.value);
    }
  }
  if (inlinePatches !== "") patches.push(...parseMergePatches(inlinePatches, { ...origin, field: "/patches" }, loader));
  if (patches.length === 0)
    throw invalid(`${origin.file}: patch appears to be empty; files=[${entries.join(" ")}]`, origin);
  return patchNamedCopies(patches, loader.session);
}

/** An entry of `patchesJson6902`. */
export async function loadJsonPatch(entry: Patch, loader: Loader, origin: Origin): Promise<Transformer> {
  const { target, path = "" } = entry;
  let text = entry.patch ?? "";
  if (target === undefined) throw invalid(`${origin.file}: must specify a target for patch`, origin);
  if (target.id.name === "") throw invalid(`${origin.file}: must specify the target name`, origin);
  if (path === "" && text === "") throw invalid(`${origin.file}: empty file path and empty jsonOp`, origin);
  if (path !== "" && text !== "") throw invalid(`${origin.file}: must specify a file path or jsonOp, not both`, origin);
  let from = origin;
  if (path !== "") {
    text = await loader.text(path);
    from = { file: loader.nameOf(loader.resolve(path)) };
    if (text === "") throw invalid(`patch file '${path}' empty seems to be empty`, from);
  }
  const operations = parseOperations(text, loader);
  if (operations.length === 0) throw invalid(`patch appears to be empty; file=${path}`, from);
  return patchJson({ operations, origin: from }, target, false);
}
