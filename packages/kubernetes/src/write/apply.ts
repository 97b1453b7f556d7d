import {
  formatKey,
  parseKey,
  REPLACE,
  TrueUpError,
  type Applied,
  type Declared,
  type Item,
  type Key,
  type Live,
  type Manifest,
  type Mask,
  type Observed,
  type Planned,
  type WriteContext,
} from "@trueup/spec";
import { applyIgnores, keepIgnored } from "@trueup/diff";
import { failureIn } from "../api/failure.ts";
import type { Resource } from "../api/discovery.ts";
import { applyPolicyOf, conflictPolicyOf } from "../target/policy.ts";
import { isTerminating } from "../target/live.ts";
import { maskOfOurs } from "../target/managed-fields.ts";
import { needResource } from "../target/observe.ts";
import { readOne } from "../target/read.ts";
import { knownResource, type System } from "../target/system.ts";
import { hold } from "./hold.ts";
import { migrate } from "./migrate.ts";
import { checkOurs } from "./ours.ts";
import { prepare } from "./prepare.ts";
import { provenImmutable } from "./probe.ts";
import { remove } from "./remove.ts";
import { send, type Sent } from "./send.ts";
import { holdDefaults, isHeldByDefault } from "./strategy.ts";

/** Nothing of it is ours: for what is left alone once it is there. */
const NOTHING: Mask = { fields: {} };
const GONE_SOON_MS = 200;
const TRIES = 4;

interface Applying {
  readonly system: System;
  readonly resource: Resource;
  readonly item: Item & { readonly declared: Declared };
  readonly planned: Planned;
  readonly context: WriteContext;
}

export async function apply(
  system: System,
  item: Item,
  planned: Planned,
  seen: Observed,
  context: WriteContext,
): Promise<Applied> {
  const { declared, key } = item;
  context.signal?.throwIfAborted();
  if (declared === undefined) throw new TrueUpError("INTERNAL", "apply without a declared object", { key });
  const resource = knownResource(system, item) ?? (await needResource(system, item, context.signal));
  // A kind that was not served yet when its objects were looked at: watched before the first is written.
  const { namespace } = parseKey(key);
  if (!system.cache.covers(resource, namespace)) await system.cache.use(resource, new Set([namespace]), context);
  const applying: Applying = { system, resource, item: { ...item, declared }, planned, context };
  let live = seen.status === "found" ? seen.live : undefined;
  // A version that was known from the watch and is needed whole: to see whose it is now, and what is left alone of it.
  if (seen.status === "settled" && leavesAlone(applying)) live = await readOne(system, resource, key, context);
  let absent = seen.status === "absent";
  for (let tries = 1; ; tries++) {
    if (live !== undefined) checkOurs(live, item, planned, context);
    try {
      return await applyOnce(applying, live, absent);
    } catch (error) {
      if (tries >= TRIES || !isOutdated(error, absent)) throw error;
    }
    // Something stands there that was not seen, or what was seen is gone: looked at again, and judged again.
    live = await readOne(system, resource, key, context);
    absent = live === undefined;
  }
}

/** The object is not, or no longer, the one that was seen. */
function isOutdated(error: unknown, absent: boolean): boolean {
  const failure = failureIn(error);
  if (failure === undefined || !(error instanceof TrueUpError)) return false;
  if (failure.status === 409) return error.retryable || absent;
  return failure.status === 422 && failure.causes.some(({ field }) => field === "metadata.uid");
}

const leavesAlone = ({ context, item }: Applying): boolean =>
  (context.ignore?.length ?? 0) > 0 || item.declared.manifest.metadata.annotations?.["trueup.dev/ignore"] !== undefined;

async function applyOnce(applying: Applying, seen: Live | undefined, absent: boolean): Promise<Applied> {
  const { system, resource, item, planned, context } = applying;
  let live = seen;
  const { key, declared } = item;
  const policy = applyPolicyOf(declared.manifest);
  if (live !== undefined && (policy === "ignore" || (policy === "if-not-present" && planned.action !== "replace"))) {
    return { status: "done", live, mask: NOTHING };
  }
  // What is on its way out would take the change along: it is made anew once it is gone.
  if (live !== undefined && isTerminating(live.manifest)) return { status: "pending", retryAfterMs: GONE_SOON_MS };
  if (planned.action === "replace" && live !== undefined) return await makeWay(applying, live);
  if (live !== undefined) live = await regain(applying, live);
  if (live !== undefined && policy === "override")
    live = await migrate(system, resource, key, live, { ...context, ours: oursOf(applying) });

  const body = bodyOf(applying, live, absent);
  const sending = {
    key,
    resource,
    body,
    conflicts: conflictPolicyOf(declared.manifest, system.settings),
    takeOver: policy === "override",
    ours: oursOf(applying),
    live,
    creates: absent,
    as: context.as,
    signal: context.signal,
  };
  let sent: Sent;
  try {
    sent = await send(system, sending);
  } catch (error) {
    if (absent) throw error;
    if (!isHeldByDefault(error)) throw await explained(system, { ...sending, error });
    await holdDefaults(system, sending);
    sent = await send(system, sending);
  }
  return done(applying, sent);
}

/** Our entry where somebody cleared the managed fields: without it nothing that Git drops would go. */
async function regain({ system, resource, item, planned, context }: Applying, live: Live): Promise<Live> {
  const { key, declared, tracked } = item;
  const { fieldManager } = system.settings;
  if (tracked?.mask === undefined || tracked.uid !== live.uid || planned.action === "adopt") return live;
  if (maskOfOurs(live.manifest, fieldManager) !== undefined) return live;
  const sending = { key, resource, body: declared.manifest, as: context.as, signal: context.signal };
  return (await hold(system, sending, live, tracked.mask)).live;
}

/** What was ours of it, where it was: nothing is asked of what is taken over. */
const oursOf = ({ item, planned }: Applying): Mask | undefined =>
  planned.action === "adopt" ? undefined : item.tracked?.mask;

function bodyOf({ item, context, resource }: Applying, live: Live | undefined, absent: boolean): Manifest {
  const { key, declared, tracked } = item;
  let body = prepare(declared, key, context.owner, resource);
  if (live !== undefined) {
    const rules = context.ignore ?? [];
    // Left out, a field that only we own would be reset: what is left alone is sent as it stands, or belongs to another manager.
    body = keepIgnored(body, live.manifest, rules);
    const managers = rules.filter((rule) => rule.managers !== undefined).map((rule) => ({ ...rule, pointers: [] }));
    if (managers.length > 0)
      body = applyIgnores(body, { rules: managers, live: live.manifest, declared: withoutIgnore(body) });
  }
  // "1" is older than anything: the server refuses where something stands there already, and makes it where nothing does.
  if (absent) return withMetadata(body, { resourceVersion: "1" });
  const uid = live?.uid ?? tracked?.uid;
  return uid === undefined ? body : withMetadata(body, { uid });
}

const withMetadata = (body: Manifest, more: { readonly [field: string]: string }): Manifest => ({
  ...body,
  metadata: { ...body.metadata, ...more },
});

/** The annotation's pointers were kept as they stand already. */
function withoutIgnore(manifest: Manifest): Manifest {
  const { annotations: _, ...metadata } = manifest.metadata;
  return { ...manifest, metadata };
}

/** Out of the way first; the next call, once it is gone, makes it anew. */
async function makeWay({ system, item, context }: Applying, live: Live): Promise<Applied> {
  const { key, declared } = item;
  if (declared.manifest.metadata.annotations?.[REPLACE] !== "allowed") {
    throw new TrueUpError(
      "IMMUTABLE",
      `${formatKey(key)} may not be replaced: it is not annotated with ${REPLACE}: allowed`,
      { key },
    );
  }
  const tracked = {
    ...(item.tracked ?? { key, apiVersion: declared.manifest.apiVersion, dependsOn: [] }),
    ...(live.uid !== undefined && { uid: live.uid }),
  };
  await remove(system, tracked, { status: "found", live }, context);
  return { status: "pending", retryAfterMs: GONE_SOON_MS / 2 };
}

async function explained(
  system: System,
  { error, ...sending }: Parameters<typeof send>[1] & { readonly error: unknown },
): Promise<unknown> {
  if (!(error instanceof TrueUpError) || !(await provenImmutable(system, sending, error))) return error;
  const { key } = sending;
  return new TrueUpError(
    "IMMUTABLE",
    `${error.message} (only a replacement could do this: annotate it with ${REPLACE}: allowed)`,
    { key, cause: error },
  );
}

function done({ system, resource, item }: Applying, { live, notes }: Sent): Applied {
  noteCrd(system, item.key, live);
  system.cache.put(resource, item.key, live);
  const mask = maskOfOurs(live.manifest, system.settings.fieldManager);
  return { status: "done", live, ...(mask !== undefined && { mask }), ...(notes.length > 0 && { notes }) };
}

/** Kinds come and go with their definitions. */
function noteCrd(system: System, key: Key, { manifest }: Live): void {
  const { kind, group } = parseKey(key);
  if (kind !== "CustomResourceDefinition" || group !== "apiextensions.k8s.io") return;
  const spec = manifest["spec"] as { readonly group?: string } | undefined;
  if (spec?.group !== undefined) system.crdWrites.set(spec.group, performance.now());
  system.discovery.forget();
}
