import {
  isObject,
  markOwned,
  parseKey,
  type Declared,
  type Json,
  type JsonObject,
  type Key,
  type Manifest,
  type Owner,
} from "@trueup/spec";
import type { Resource } from "../api/discovery.ts";
import { LAST_APPLIED } from "../target/annotations.ts";

/** Metadata that the server keeps, and refuses or stores where a client sends it. */
const SERVERS = new Set([
  "creationTimestamp",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "generation",
  "managedFields",
  "resourceVersion",
  "selfLink",
  "uid",
]);

/**
 * The declared object as it is sent: marked as its owner's, with its namespace, without what is the server's, without
 * nulls (which server-side apply takes for values), and with a Secret's `stringData` as `data` (which alone can be pruned).
 */
export function prepare(
  { manifest }: Pick<Declared, "manifest">,
  key: Key,
  owner: Owner,
  resource: Resource,
): Manifest {
  const { namespace } = parseKey(key);
  const { status: _status, ...rest } = manifest;
  const { namespace: _namespace, annotations, ...metadata } = manifest.metadata;
  const kept: [string, Json | undefined][] = Object.entries(metadata).filter(([field]) => !SERVERS.has(field));
  const others = Object.entries(annotations ?? {}).filter(([name]) => name !== LAST_APPLIED);
  const bare = withoutNulls({
    ...rest,
    metadata: {
      ...Object.fromEntries(kept),
      ...(resource.namespaced && { namespace }),
      ...(others.length > 0 && { annotations: Object.fromEntries(others) }),
    },
  }) as Manifest;
  const secret = resource.group === "" && resource.kind === "Secret";
  return markOwned(secret ? withPlainData(bare) : bare, owner, key);
}

const hasNulls = (value: Json | undefined): boolean =>
  value === null ||
  (typeof value === "object" && Object.values(value).some((below: Json | undefined) => hasNulls(below)));

/** Itself where it has none, as most have. */
function withoutNulls(value: Json | undefined): Json | undefined {
  return hasNulls(value) ? strip(value) : value;
}

function strip(value: Json | undefined): Json | undefined {
  if (Array.isArray(value))
    return (value as readonly Json[]).filter((item) => item !== null).map((item) => strip(item) as Json);
  if (!isObject(value)) return value;
  const kept: [string, Json | undefined][] = [];
  for (const [name, field] of Object.entries(value)) {
    if (field !== null && field !== undefined) kept.push([name, strip(field)]);
  }
  return Object.fromEntries(kept);
}

function withPlainData(manifest: Manifest): Manifest {
  const { stringData, data, ...rest } = manifest as Manifest & { readonly data?: Json; readonly stringData?: Json };
  if (stringData === undefined && data === undefined) return manifest;
  const entries: [string, Json | undefined][] = [];
  // White space is how YAML writers wrap base64; the server would take some of it, and not all.
  for (const [name, value] of Object.entries(mapOf(data))) {
    entries.push([name, typeof value === "string" ? value.replaceAll(/\s+/g, "") : value]);
  }
  for (const [name, value] of Object.entries(mapOf(stringData))) {
    entries.push([name, typeof value === "string" ? Buffer.from(value).toString("base64") : value]);
  }
  return { ...rest, data: Object.fromEntries(entries) };
}

const mapOf = (value: Json | undefined): JsonObject => (isObject(value) ? value : {});
