import { formatKey, isTrueUpError, keyOf, parseKey, type Manifest, type TrueUpError } from "@trueup/spec";
import { failureIn } from "../api/failure.ts";
import type { System } from "../target/system.ts";
import { patch, type Sending } from "./send.ts";
import { isHeldByDefault } from "./strategy.ts";

/**
 * Whether only the update is impossible, and not the object: by the server's words, else by a dry run of the same body
 * under another name, which succeeds where nothing but what stands there is in the way. A CRD's name is bound to its
 * content: there words alone count.
 */
export async function provenImmutable(system: System, sending: Sending, error: TrueUpError): Promise<boolean> {
  if (error.code === "IMMUTABLE") return true;
  const failure = failureIn(error);
  if (failure?.status !== 422 || error.code !== "INVALID") return false;
  if (sending.resource.kind === "CustomResourceDefinition") return false;
  // A default of the server's own that stands in the way needs no replacement.
  if (isHeldByDefault(error) || failure.causes.some(({ field }) => field.startsWith("metadata."))) return false;
  const name = probeName(parseKey(sending.key).name);
  const { uid: _uid, resourceVersion: _version, ...metadata } = sending.body.metadata;
  const body: Manifest = { ...sending.body, metadata: { ...metadata, name } };
  const key = keyOf({ ...parseKey(sending.key), name });
  try {
    return (await patch(system, { ...sending, key, body, dryRun: true }, true)).created;
  } catch (refused) {
    if (isTrueUpError(refused) && refused.code === "ABORTED") throw refused;
    system.settings.logger?.debug({ key: formatKey(sending.key) }, "the object itself is refused, not only its update");
    return false;
  }
}

/** A name nobody has, as long as names may be where they are labels. */
const probeName = (name: string): string => `${name.slice(0, 40).replace(/[^a-z0-9]+$/, "")}-trueup-probe`;
