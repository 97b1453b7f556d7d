import { TrueUpError, type Origin } from "@trueup/spec";
import { formatId } from "../ids.ts";
import { merge } from "../merge/merge.ts";
import { mergeMetadata } from "../merge/metadata.ts";
import type { Schemas } from "../merge/schema.ts";
import { NOTES, type Resource } from "../resource.ts";
import { compileSelector, type Resources } from "../resources.ts";
import type { Selector } from "../shapes.ts";
import { nodeFromValue } from "../yaml/from-value.ts";
import { toPlain, Unreadable } from "../yaml/value.ts";
import { NULL, scalar, WrongKind } from "../yaml/node.ts";
import { applyJsonPatch, JsonPatchError, type Operation } from "./json-patch.ts";
import { transformEach, type Transformer } from "./transformer.ts";

export interface PatchContext {
  /** Read when the patch is applied: a kustomization below may have brought its own. */
  readonly schemas: () => Schemas;
}

/** Each patch to the one resource that it names, by any identity. */
export function patchNamed(patches: readonly Resource[], context: PatchContext, prefix = ""): Transformer {
  return (resources) => {
    const index = resources.index();
    for (const patch of patches) {
      const target = onlyMatch(resources, patch, prefix);
      applyMerge(target, patch, context);
      if (target.isEmpty || patch.isNoted(NOTES.allowNameChange) || patch.isNoted(NOTES.allowKindChange))
        index.update(target);
    }
  };
}

function onlyMatch(resources: Resources, patch: Resource, prefix: string): Resource {
  const id = patch.originalId;
  const found = resources.findAny(id);
  const [target] = found;
  if (target !== undefined && found.length === 1) return target;
  const count = target === undefined ? "no matches" : "multiple matches";
  const named = prefix === "" ? "" : `${prefix} ${JSON.stringify(formatId(id))}: `;
  throw new TrueUpError(
    "INVALID",
    `${named}${count} for Id ${formatId(id)}; failed to find unique target for patch ${formatId(id)} (${patch.origin.file})`,
    { origin: patch.origin },
  );
}

/** `patchesStrategicMerge` gives each target a copy of the patch with the target's own group and version. */
export function patchNamedCopies(patches: readonly Resource[], context: PatchContext): Transformer {
  return (resources) => {
    for (const patch of patches) {
      const target = onlyMatch(resources, patch, "");
      patchCopy(target, patch, context);
      if (target.isEmpty) resources.dropEmpty();
    }
  };
}

/** One patch to all that a selector matches. */
export function patchSelected(patch: Resource, selector: Selector, context: PatchContext): Transformer {
  const patchEach = transformEach(() => {
    const isMeant = compileSelector(selector);
    return (resource) => {
      if (isMeant(resource)) patchCopy(resource, patch, context);
    };
  });
  if (!patch.isNoted(NOTES.allowNameChange) && !patch.isNoted(NOTES.allowKindChange)) return patchEach;
  return (resources) => {
    patchEach(resources);
    resources.dropEmpty();
    resources.checkUnique();
  };
}

function patchCopy(target: Resource, patch: Resource, context: PatchContext): void {
  const copied = patch.copy();
  const { kind } = patch;
  mergeMetadata(copied, patch);
  copied.gvk = target.gvk;
  copied.kind = kind;
  applyMerge(target, copied, context);
}

function applyMerge(target: Resource, patch: Resource, { schemas }: PatchContext): void {
  const { name, namespace, kind } = target;
  const mayRename = patch.isNoted(NOTES.allowNameChange);
  const mayChangeKind = patch.isNoted(NOTES.allowKindChange);
  if (mayRename || mayChangeKind) target.storePreviousId();
  try {
    const merged = merge(target.node, patch.node, { schemas: schemas(), newItems: "front" });
    // Null, so that nothing is written into what is gone.
    if (merged === undefined) target.node = scalar("", NULL);
  } catch (error) {
    if (error instanceof TrueUpError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new TrueUpError("INVALID", `${patch.origin.file}: patch for ${formatId(target.id)}: ${reason}`, {
      origin: patch.origin,
      cause: error,
    });
  }
  if (target.isEmpty) return;
  if (!mayChangeKind) target.kind = kind;
  if (!mayRename) target.name = name;
  target.namespace = namespace;
}

export interface JsonPatch {
  readonly operations: readonly Operation[];
  readonly origin: Origin;
}

/** A JSON patch to all that a selector matches. `remember`: they keep the identity they had before it. */
export function patchJson(patch: JsonPatch, selector: Selector, remember: boolean): Transformer {
  return transformEach(() => {
    const isMeant = compileSelector(selector);
    return (resource) => {
      if (!isMeant(resource)) return;
      if (remember) resource.storePreviousId();
      applyOperations(resource, patch);
    };
  });
}

const INTERNAL = "internal.config.kubernetes.io/";
const LEGACY = new Set(["config.kubernetes.io/path", "config.kubernetes.io/index", "config.k8s.io/id"]);

function applyOperations(resource: Resource, { operations, origin }: JsonPatch): void {
  const kept = [...resource.annotations].filter(([name]) => name.startsWith(INTERNAL) || LEGACY.has(name));
  try {
    const patched = applyJsonPatch(toPlain(resource.node), operations);
    if (typeof patched !== "object" || patched === null || Array.isArray(patched))
      throw new JsonPatchError("the result is not a map");
    resource.node = nodeFromValue(patched);
  } catch (error) {
    if (!(error instanceof JsonPatchError) && !(error instanceof Unreadable) && !(error instanceof WrongKind))
      throw error;
    throw new TrueUpError("INVALID", `${origin.file}: JSON patch for ${formatId(resource.id)}: ${error.message}`, {
      origin,
      cause: error,
    });
  }
  const { annotations } = resource;
  for (const [name, value] of kept) annotations.set(name, value);
  resource.annotations = annotations;
}
