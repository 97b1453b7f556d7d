import { HOOK, isObject, type Json, type JsonObject, type Manifest, type Pointer } from "@trueup/spec";

/** One thing that is wrong with the envelope, at a field. */
export type Report = (field: Pointer, reason: string) => void;

/** More labels or annotations than these need not be shown to be wrong. */
const MAX_REPORTED = 100;

const typeOf = (value: Json | undefined): string =>
  value === null ? "null" : Array.isArray(value) ? "a list" : typeof value === "object" ? "a map" : `a ${typeof value}`;

/** Checks what every object has: `apiVersion`, `kind`, and metadata as the API server decodes it. Reports all that is wrong. */
export function isManifest(value: Json, report: Report): value is Json & Manifest {
  if (!isObject(value)) {
    report("", `a manifest is a map, this is ${typeOf(value)}`);
    return false;
  }
  let ok = true;
  const wrong: Report = (field, reason) => {
    ok = false;
    report(field, reason);
  };
  requireText(value, "apiVersion", "/apiVersion", wrong);
  requireText(value, "kind", "/kind", wrong);
  const { metadata } = value;
  if (metadata === undefined || metadata === null) wrong("/metadata", "is missing; metadata.name is required");
  else if (!isObject(metadata)) wrong("/metadata", `must be a map, is ${typeOf(metadata)}`);
  else checkMetadata(metadata, wrong);
  return ok;
}

function checkMetadata(metadata: JsonObject, wrong: Report): void {
  if (metadata["name"] === undefined && metadata["generateName"] !== undefined) {
    // A hook is made anew for every state that is rolled out; the core names it.
    if (isObject(metadata["annotations"]) && metadata["annotations"][HOOK] !== undefined) {
      requireText(metadata, "generateName", "/metadata/generateName", wrong);
    } else {
      wrong(
        "/metadata/generateName",
        `a generated name cannot be kept true to Git, but for hooks (${HOOK}); use metadata.name`,
      );
    }
  } else {
    requireText(metadata, "name", "/metadata/name", wrong);
  }
  const { namespace } = metadata;
  if (namespace !== undefined && namespace !== null && typeof namespace !== "string") {
    wrong("/metadata/namespace", `must be a string, is ${typeOf(namespace)}`);
  }
  for (const field of ["labels", "annotations"]) {
    const map = metadata[field];
    if (map === undefined || map === null) continue;
    if (!isObject(map)) {
      wrong(`/metadata/${field}`, `must be a map of strings, is ${typeOf(map)}`);
      continue;
    }
    let reported = 0;
    for (const [key, value] of Object.entries(map)) {
      if (typeof value === "string" || reported++ >= MAX_REPORTED) continue;
      const pointer = `/metadata/${field}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      wrong(pointer, `must be a string, is ${typeOf(value)}; quote it`);
    }
  }
}

function requireText(object: JsonObject, name: string, field: Pointer, wrong: Report): void {
  const value = object[name];
  if (value === undefined || value === null) wrong(field, "is missing");
  else if (typeof value !== "string") wrong(field, `must be a string, is ${typeOf(value)}; quote it`);
  else if (value === "") wrong(field, "must not be empty");
}

/** `kind: List`, or a typed list as `kubectl get -o yaml` prints it: `kind: ConfigMapList` with a list of items and no name. */
export function listItems(value: Json): readonly Json[] | undefined {
  if (!isObject(value)) return undefined;
  const { kind, items, metadata } = value;
  if (typeof kind !== "string" || !kind.endsWith("List")) return undefined;
  if (kind === "List" && (items === undefined || items === null)) return [];
  if (!Array.isArray(items)) return undefined;
  if (kind !== "List" && isObject(metadata) && metadata["name"] !== undefined) return undefined;
  return items as readonly Json[];
}
