import type { JsonObject, Manifest } from "@trueup/spec";
import { failureIn } from "../api/failure.ts";
import { maskOfOurs } from "../target/managed-fields.ts";
import { readOne } from "../target/read.ts";
import type { System } from "../target/system.ts";
import { hold, objectIn } from "./hold.ts";
import { patch, type Sending, type Sent } from "./send.ts";

const FIELDS = ["strategy", "updateStrategy"] as const;

/**
 * Whether the server refuses `Recreate` or `OnDelete` because of the `rollingUpdate` that it filled in itself beside the
 * strategy before: nobody owns that, so that an apply without it does not remove it.
 */
export function isHeldByDefault(error: unknown): boolean {
  const failure = failureIn(error);
  return (
    failure?.status === 422 &&
    failure.causes.some(({ field }) => FIELDS.some((name) => field === `spec.${name}.rollingUpdate`))
  );
}

/** Makes the strategy as it stands ours, and changes nothing: the next apply, which does not declare it, removes it. */
export async function holdDefaults(system: System, sending: Omit<Sending, "conflicts" | "takeOver">): Promise<void> {
  const live = sending.live ?? (await readOne(system, sending.resource, sending.key, sending));
  if (live === undefined) return;
  const mask = maskOfOurs(live.manifest, system.settings.fieldManager);
  await hold(system, sending, live, mask, strategyOf(live.manifest));
}

/** The dry run of an apply that this stands in the way of: of all but the strategy, which is shown as it will be. */
export async function patchWithoutStrategy(system: System, sending: Sending): Promise<Sent> {
  const wanted = strategyOf(sending.body);
  const spec = Object.fromEntries(
    Object.entries(objectIn(sending.body["spec"])).filter(([name]) => !Object.hasOwn(wanted, name)),
  );
  const sent = await patch(system, { ...sending, body: { ...sending.body, spec } }, true);
  const { manifest } = sent.live;
  const stored = { ...manifest, spec: { ...objectIn(manifest["spec"]), ...wanted } };
  return { ...sent, live: { ...sent.live, manifest: stored } };
}

const strategyOf = (manifest: Manifest): JsonObject => {
  const spec = objectIn(manifest["spec"]);
  return Object.fromEntries(FIELDS.flatMap((name) => (spec[name] === undefined ? [] : [[name, spec[name]]])));
};
