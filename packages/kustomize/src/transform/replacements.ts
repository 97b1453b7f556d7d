import { TrueUpError } from "@trueup/spec";
import { formatId, isIdSelected, type ResId } from "../ids.ts";
import type { Resource } from "../resource.ts";
import { labelTest, type Resources } from "../resources.ts";
import {
  idOf,
  type FieldOptions,
  type Replacement,
  type ReplacementSource,
  type ReplacementTarget,
  type Selector,
} from "../shapes.ts";
import { become, copyNode, isNullOrEmpty, scalar, valueOf, WrongKind, type Node } from "../yaml/node.ts";
import { findPath, matchPath, PathError, smartSplit } from "../yaml/path.ts";
import type { Transformer } from "./transformer.ts";

const DEFAULT_PATH = "metadata.name";

/** Copies values from one resource's field to others'. */
export function replace(replacements: readonly Replacement[]): Transformer {
  return (resources) => {
    for (const replacement of replacements) {
      if (
        (replacement.sourceValue === undefined && replacement.source === undefined) ||
        replacement.targets === undefined
      ) {
        throw new TrueUpError("INVALID", "replacements must specify a source and at least one target");
      }
      const value = sourceOf(resources, replacement);
      for (const target of replacement.targets) applyTo(resources, value, target);
    }
  };
}

function sourceOf(resources: Resources, { source, sourceValue }: Replacement): Node {
  if (sourceValue !== undefined && source !== undefined) {
    throw new TrueUpError("INVALID", "value and resource selectors are mutually exclusive");
  }
  if (sourceValue !== undefined) return scalar(sourceValue);
  const wanted = source as ReplacementSource;
  const selector = idOf(wanted);
  const fieldPath = wanted.fieldPath || DEFAULT_PATH;
  const found = resources.list.filter((resource) => identities(resource).some((id) => isIdSelected(id, selector)));
  const [resource] = found;
  const shown = `${formatId(selector)}${wanted.fieldPath ? `:${wanted.fieldPath}` : ""}`;
  if (found.length > 1) throw new TrueUpError("INVALID", `multiple matches for selector ${shown}`);
  if (resource === undefined) throw new TrueUpError("INVALID", `nothing selected by ${shown}`);
  const node = lookup(resource, fieldPath);
  if (node === undefined || isNullOrEmpty(node)) {
    throw new TrueUpError(
      "INVALID",
      `fieldPath \`${fieldPath}\` is missing for replacement source ${formatId(selector)}`,
      {
        origin: resource.origin,
      },
    );
  }
  return part(node, wanted.options, resource);
}

function lookup(resource: Resource, fieldPath: string): Node | undefined {
  try {
    return findPath(resource.node, smartSplit(fieldPath, "."));
  } catch (error) {
    if (!(error instanceof PathError) && !(error instanceof WrongKind)) throw error;
    throw new TrueUpError("INVALID", `error looking up replacement source: ${error.message}`, {
      origin: resource.origin,
      cause: error,
    });
  }
}

function part(node: Node, options: FieldOptions | undefined, resource: Resource): Node {
  if (!options?.delimiter) return node;
  if (node.kind !== "scalar") {
    throw new TrueUpError("INVALID", "delimiter option can only be used with scalar nodes", {
      origin: resource.origin,
    });
  }
  const parts = valueOf(node).split(options.delimiter);
  const { index = 0 } = options;
  const wanted = index < 0 ? undefined : parts[index];
  if (wanted === undefined) {
    throw new TrueUpError("INVALID", `options.index ${index} is out of bounds for a value of ${parts.length} parts`, {
      origin: resource.origin,
    });
  }
  const copied = copyNode(node);
  copied.value = wanted;
  return copied;
}

/** Its present identity with the namespace as it is written, and those it had. */
const identities = (resource: Resource): readonly ResId[] => [
  { ...resource.id, clusterScoped: false },
  ...resource.previousIds,
];

function applyTo(resources: Resources, value: Node, target: ReplacementTarget): void {
  const { select, reject = [] } = target;
  if (select === undefined) throw new TrueUpError("INVALID", "target must specify resources to select");
  const paths = target.fieldPaths === undefined || target.fieldPaths.length === 0 ? [DEFAULT_PATH] : target.fieldPaths;
  const isWanted = textTest(select);
  const rejected = reject.filter((selector) => selector.labels !== "" || selector.annotations !== "").map(textTest);
  const rejectedIds = reject.map(({ id }) => id).filter((id) => formatId(id) !== formatId(idOf({})));
  for (const resource of resources.list) {
    if (!isWanted(resource) || rejected.some((test) => test(resource))) continue;
    const ids = identities(resource);
    if (!ids.some((id) => isIdSelected(id, select.id))) continue;
    if (rejectedIds.some((wanted) => ids.some((id) => isIdSelected(id, wanted)))) continue;
    for (const path of paths) setAt(resource, path, value, target.options);
  }
}

function textTest(selector: Selector): (resource: Resource) => boolean {
  const labels = labelTest(selector.labels);
  const annotations = labelTest(selector.annotations);
  return (resource) =>
    (annotations === undefined || annotations(resource.annotations)) &&
    (labels === undefined || labels(resource.labels));
}

function setAt(resource: Resource, path: string, value: Node, options: FieldOptions | undefined): void {
  const create = options?.create === true;
  const fail = (cause?: Error): TrueUpError =>
    new TrueUpError(
      "INVALID",
      `unable to find ${create ? "or create " : ""}field ${JSON.stringify(path)} in replacement target${cause === undefined ? "" : `: ${cause.message}`}`,
      { origin: resource.origin, cause },
    );
  let found: readonly Node[];
  try {
    found = matchPath(resource.node, smartSplit(path, "."), create ? value.kind : undefined);
  } catch (error) {
    if (error instanceof PathError || error instanceof WrongKind) throw fail(error);
    throw error;
  }
  if (found.length === 0) throw fail();
  for (const node of found) setValue(node, value, options, resource);
}

/** Of a scalar only the text changes: a number that is put where text is becomes text. */
function setValue(node: Node, value: Node, options: FieldOptions | undefined, resource: Resource): void {
  const copied = copyNode(value);
  if (options?.delimiter) {
    if (node.kind !== "scalar") {
      throw new TrueUpError("INVALID", "delimiter option can only be used with scalar nodes", {
        origin: resource.origin,
      });
    }
    const parts = node.value.split(options.delimiter);
    const { index = 0 } = options;
    if (index < 0) parts.unshift(valueOf(value));
    else if (index >= parts.length) parts.push(valueOf(value));
    else parts[index] = valueOf(value);
    copied.value = parts.join(options.delimiter);
  }
  if (node.kind === "scalar") node.value = copied.value;
  else become(node, copied);
}
