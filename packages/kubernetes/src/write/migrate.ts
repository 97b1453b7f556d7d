import {
  canonicalJson,
  isObject,
  parseKey,
  type Json,
  type JsonObject,
  type Key,
  type Live,
  type Manifest,
  type Mask,
} from "@trueup/spec";
import type { Resource } from "../api/discovery.ts";
import { objectPath } from "../api/path.ts";
import { LAST_APPLIED } from "../target/annotations.ts";
import { liveOf } from "../target/live.ts";
import { isOwnEntry, managedFieldsOf, type ManagedFields } from "../target/managed-fields.ts";
import type { Caller } from "../target/read.ts";
import { isSecret, whatOf, type System } from "../target/system.ts";
import { splitFields } from "./split-fields.ts";

export interface Migration {
  readonly fieldManager: string;
  /** Managers whose fields become ours as a whole. */
  readonly managers: ReadonlySet<string>;
  /** What was ours already, whoever wrote it since: of those who edit, only that moves. Undefined: all they wrote. */
  readonly ours?: Mask | undefined;
}

/**
 * Who adds to objects by hand, and whoever that was where the managed fields were cleared. What they added to an object of
 * ours stays theirs; of one that we take over, nothing does.
 */
const EDITORS = new Set(["kubectl-edit", "kubectl-patch", "before-first-apply"]);

/**
 * The managed fields with those of earlier managers as ours, so that a field dropped from Git really goes; undefined
 * where none is to be moved. What was written through a subresource stays whose it is.
 */
export function migrated(
  manifest: Manifest,
  { fieldManager, managers, ours: before }: Migration,
): readonly ManagedFields[] | undefined {
  const kept: ManagedFields[] = [];
  const moved: ManagedFields[] = [];
  let own: ManagedFields | undefined;
  for (const entry of managedFieldsOf(manifest)) {
    const { manager = "", subresource, fieldsV1 = {} } = entry;
    if (isOwnEntry(entry, fieldManager)) own = entry;
    else if (subresource || !managers.has(manager)) kept.push(entry);
    else if (before === undefined || !EDITORS.has(manager)) moved.push(entry);
    else {
      const { under, rest } = splitFields(fieldsV1, before);
      if (Object.keys(under).length > 0) moved.push({ ...entry, fieldsV1: under });
      if (Object.keys(rest).length > 0) kept.push({ ...entry, fieldsV1: rest });
    }
  }
  if (moved.length === 0) return undefined;
  // An entry is in one version: what was written in another goes to whoever applies next.
  const apiVersion = own?.apiVersion ?? moved.at(-1)?.apiVersion ?? manifest.apiVersion;
  const fields = [own, ...moved].filter((entry) => entry?.apiVersion === apiVersion);
  const merged: ManagedFields = {
    ...(own ?? moved.at(-1)),
    manager: fieldManager,
    operation: "Apply",
    apiVersion,
    fieldsType: "FieldsV1",
    fieldsV1: fields
      .map((entry) => withoutLastApplied(entry?.fieldsV1 ?? {}))
      .reduce((all, next) => union(all, next), {}),
  };
  return [...kept, merged];
}

function union(a: JsonObject, b: JsonObject): JsonObject {
  const all: Record<string, Json | undefined> = { ...a };
  for (const [name, fields] of Object.entries(b)) {
    const mine = all[name];
    all[name] = isObject(mine) && isObject(fields) ? union(mine, fields) : (mine ?? fields);
  }
  return all;
}

/** The annotation goes with the migration: owning it as well would have the next apply drop it, for nothing. */
function withoutLastApplied(fields: JsonObject): JsonObject {
  const metadata = fields["f:metadata"];
  const annotations = isObject(metadata) ? metadata["f:annotations"] : undefined;
  if (!isObject(metadata) || !isObject(annotations)) return fields;
  const { [`f:${LAST_APPLIED}`]: _, ...others } = annotations;
  const { "f:annotations": _annotations, ...rest } = metadata;
  const left = Object.keys(others).some((name) => name !== ".");
  return { ...fields, "f:metadata": left ? { ...rest, "f:annotations": others } : rest };
}

/** Moves earlier managers' fields to us where there are any, and answers the object as it stands then. Throws `CONFLICT` where it changed meanwhile. */
export async function migrate(
  { client, settings }: System,
  resource: Resource,
  key: Key,
  live: Live,
  { as, signal, ours }: Caller & Pick<Migration, "ours">,
): Promise<Live> {
  const { manifest } = live;
  const managedFields = migrated(manifest, { ...settings, ours });
  const applied = manifest.metadata.annotations?.[LAST_APPLIED];
  if (managedFields === undefined || canonicalJson(managedFields) === canonicalJson(manifest.metadata["managedFields"]))
    return live;
  const { body } = await client.request<Manifest>({
    method: "PATCH",
    path: objectPath(resource, parseKey(key)),
    contentType: "application/json-patch+json",
    query: { fieldManager: settings.fieldManager },
    body: [
      // A stale version answers 409, where a `test` would answer 422.
      { op: "replace", path: "/metadata/resourceVersion", value: live.version },
      { op: "replace", path: "/metadata/managedFields", value: managedFields },
      ...(applied === undefined
        ? []
        : [{ op: "remove", path: `/metadata/annotations/${LAST_APPLIED.replace("/", "~1")}` }]),
    ],
    what: whatOf("take over the fields of", key),
    key,
    secret: isSecret(key),
    as,
    signal,
  });
  return liveOf(body, settings.fieldManager);
}
