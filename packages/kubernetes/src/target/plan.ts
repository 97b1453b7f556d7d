import {
  isObject,
  isTrueUpError,
  REPLACE,
  UNKNOWN,
  type CallContext,
  type Item,
  type Json,
  type JsonObject,
  type Live,
  type Manifest,
  type Mask,
  type Observed,
  type Planned,
} from "@trueup/spec";
import { diff, keepIgnored, maskOf, mergeMasks, project, withoutIgnored } from "@trueup/diff";
import { failureIn, managersOf } from "../api/failure.ts";
import { patch, type Sending } from "../write/send.ts";
import { prepare } from "../write/prepare.ts";
import { provenImmutable } from "../write/probe.ts";
import { isHeldByDefault, patchWithoutStrategy } from "../write/strategy.ts";
import { cascade } from "./cascade.ts";
import { maskOfOurs } from "./managed-fields.ts";
import { applyPolicyOf } from "./policy.ts";
import { apiVersionOfItem, checkAllowed, isSecret, resourceOf, type System } from "./system.ts";

type Purposed = CallContext & { readonly purpose: "preview" | "apply" };

/**
 * What the server would store, by a dry run, where a person will look at it or a replacement may be needed; otherwise
 * the differ's plan, which costs no request.
 */
export async function plan(
  system: System,
  item: Item,
  seen: Observed,
  context: Purposed,
): Promise<Planned | undefined> {
  const { key, declared } = item;
  if (declared === undefined) return await cascade(system, item, context);
  checkAllowed(system, key);
  const policy = applyPolicyOf(declared.manifest);
  if (policy === "ignore") return none("is left alone: its apply policy is ignore");
  if (policy === "if-not-present" && seen.status !== "absent")
    return none("is there already: its apply policy is if-not-present");
  const replaceable = declared.manifest.metadata.annotations?.[REPLACE] === "allowed" && seen.status !== "absent";
  if (context.purpose === "apply" && !replaceable) return undefined;

  const resource = await resourceOf(system, key, apiVersionOfItem(item), context.signal);
  if (resource === undefined) return early(declared.manifest, "its kind is not served yet");
  const live = seen.status === "found" ? seen.live : undefined;
  const prepared = prepare(declared, key, context.owner, resource);
  const body = live === undefined ? prepared : keepIgnored(prepared, live.manifest, context.ignore ?? []);
  const sending: Sending = {
    key,
    resource,
    body,
    conflicts: "force",
    takeOver: false,
    dryRun: true,
    as: context.as,
    signal: context.signal,
  };
  return await dryRun(system, sending, item, live, context);
}

async function dryRun(
  system: System,
  sending: Sending,
  item: Item,
  live: Live | undefined,
  context: Purposed,
): Promise<Planned> {
  const { manifest } = item.declared ?? { manifest: sending.body };
  let reason =
    live === undefined ? (item.tracked?.expected === undefined ? "new in Git" : "it was gone") : "differs from Git";
  const run = async (force: boolean) => await patch(system, sending, force);
  try {
    const sent = await run(false).catch(async (error: unknown) => {
      if (isHeldByDefault(error)) return await patchWithoutStrategy(system, sending);
      const conflicts = managersOf(failureIn(error) ?? { causes: [] });
      if (conflicts.length === 0) throw error;
      const held = conflicts.map(({ manager, field }) => `${field} by "${manager}"`);
      reason = `held by others: ${held.join(", ")}`;
      return await run(true);
    });
    // Nothing was known of it, and it stands there: as a settled one does.
    if (live === undefined && sent.created)
      return { action: "create", reason, after: shown(sent.live.manifest), stamp: "create" };
    if (live === undefined)
      return { action: "update", reason: "changed in Git", after: shown(sent.live.manifest), stamp: "update" };
    return compared(system, sent.live, live, item, context, reason);
  } catch (error) {
    const failure = failureIn(error);
    if (failure?.status === 404 && failure.kind === "namespaces")
      return early(manifest, "its namespace is not there yet");
    if (failure?.status === 404 && !failure.structured) return early(manifest, "its kind is not served yet");
    if (live === undefined || !isTrueUpError(error) || !(await provenImmutable(system, sending, error))) throw error;
    // The server's words may hold values: for a Secret the error has none.
    const why = isSecret(item.key)
      ? "a field that cannot be changed"
      : (failure?.causes.map(({ field }) => field).join(", ") ?? "");
    return {
      action: "replace",
      reason: `${why || "a field"} is immutable`,
      after: shown(sending.body),
      stamp: "replace",
    };
  }
}

function compared(
  system: System,
  after: Live,
  before: Live,
  { tracked, declared }: Item,
  context: Purposed,
  reason: string,
): Planned {
  const { fieldManager } = system.settings;
  const ours = maskOfOurs(after.manifest, fieldManager) ?? maskOf(declared?.manifest ?? after.manifest);
  const both: Mask = tracked?.mask === undefined ? ours : mergeMasks(tracked.mask, ours);
  const { manifest, yielded } = before;
  const mask = withoutIgnored(both, { rules: context.ignore ?? [], manifest, yielded });
  const patch = diff(project(manifest, mask) ?? {}, project(after.manifest, mask) ?? {});
  if (patch.length === 0) return none("stands as declared");
  return { action: "update", reason, patch, after: shown(after.manifest), stamp: "update" };
}

const none = (reason: string): Planned => ({ action: "none", reason, stamp: "" });

/** What cannot be tried yet, since what it needs stands in the same plan. */
const early = (manifest: Manifest, reason: string): Planned => ({
  action: "create",
  reason: `new in Git; ${reason}`,
  after: manifest,
  stamp: "create",
});

const VOLATILE = new Set(["creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"]);

/** Without what differs from one dry run to the next, and with what the server will only choose later marked so. */
function shown(stored: Manifest): Json {
  const { status: _status, ...manifest } = stored;
  const metadata = Object.fromEntries(Object.entries(manifest.metadata).filter(([field]) => !VOLATILE.has(field)));
  const spec: Json | undefined = manifest["spec"];
  const assigned =
    manifest.kind === "Service" && manifest.apiVersion === "v1" && isObject(spec) ? assignedLater(spec) : spec;
  return { ...manifest, metadata, ...(assigned !== undefined && { spec: assigned }) };
}

function assignedLater(spec: JsonObject): JsonObject {
  // What a dry run is given instead of an address, where the object names none.
  if (spec["clusterIP"] === "None" || spec["clusterIP"] === undefined) return spec;
  return { ...spec, clusterIP: UNKNOWN, clusterIPs: [UNKNOWN] };
}
