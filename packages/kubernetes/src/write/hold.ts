import { isObject, parseKey, type Json, type JsonObject, type Live, type Manifest, type Mask } from "@trueup/spec";
import { project } from "@trueup/diff";
import type { System } from "../target/system.ts";
import { patch, type Sending, type Sent } from "./send.ts";

/**
 * Makes what lies under a mask ours as it stands, and changes nothing: the next apply, which declares less, removes the
 * rest. `spec`: fields of it beside the mask.
 */
export async function hold(
  system: System,
  sending: Omit<Sending, "conflicts" | "takeOver">,
  live: Live,
  mask: Mask | undefined,
  spec: JsonObject = {},
): Promise<Sent> {
  const { apiVersion, kind } = sending.body;
  const { name, namespace } = parseKey(sending.key);
  const held = objectIn(mask === undefined ? undefined : project(live.manifest, mask));
  const metadata = {
    ...objectIn(held["metadata"]),
    name,
    ...(namespace !== "" && { namespace }),
    ...(live.uid !== undefined && { uid: live.uid }),
  };
  const specs = { ...objectIn(held["spec"]), ...spec };
  const body = {
    ...held,
    apiVersion,
    kind,
    metadata,
    ...(Object.keys(specs).length > 0 && { spec: specs }),
  } as Manifest;
  return await patch(system, { ...sending, body }, true);
}

export const objectIn = (value: Json | undefined): JsonObject => (isObject(value) ? value : {});
