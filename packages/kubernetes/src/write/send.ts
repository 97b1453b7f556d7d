import { setTimeout as sleep } from "node:timers/promises";
import {
  formatKey,
  parseKey,
  TrueUpError,
  type Finding,
  type Key,
  type Live,
  type Manifest,
  type Mask,
} from "@trueup/spec";
import { omit } from "@trueup/diff";
import { failureIn, managersOf, type ManagerConflict } from "../api/failure.ts";
import type { Resource } from "../api/discovery.ts";
import { objectPath } from "../api/path.ts";
import { isInjected } from "../target/injected.ts";
import { liveOf } from "../target/live.ts";
import { readOne, type Caller } from "../target/read.ts";
import { isSecret, whatOf, type System } from "../target/system.ts";
import { foreseeConflicts } from "./foresee.ts";
import { migrate } from "./migrate.ts";

export interface Sending extends Caller {
  readonly key: Key;
  readonly resource: Resource;
  readonly body: Manifest;
  readonly conflicts: "force" | "fail";
  /** Whether earlier managers' fields are taken over first. */
  readonly takeOver: boolean;
  /** As it stands, where that was seen. Default: read when it is needed. */
  readonly live?: Live | undefined;
  /** What was ours already. */
  readonly ours?: Mask | undefined;
  readonly dryRun?: boolean;
  /** Nothing stands there as far as is known: a conflict says that something does. */
  readonly creates?: boolean;
}

export interface Sent {
  readonly live: Live;
  /** 201: it was not there before. */
  readonly created: boolean;
  /** Conflicts that were seen, and forced or yielded to; what the server advised. */
  readonly notes: readonly Finding[];
}

/** One server-side apply. Throws what the server answered; a conflict of managers as it is. */
export async function patch(
  system: System,
  { key, resource, body, dryRun, as, signal }: Omit<Sending, "conflicts" | "takeOver">,
  force: boolean,
): Promise<Sent> {
  const { client, settings } = system;
  const {
    status,
    body: stored,
    warnings,
  } = await client.request<Manifest>({
    method: "PATCH",
    path: objectPath(resource, parseKey(key)),
    query: {
      fieldManager: settings.fieldManager,
      // An apply refuses unknown fields whatever is asked here, and JSON that was made here names no field twice: asked
      // to look for both, the server would read the body once more.
      fieldValidation: "Ignore",
      force,
      dryRun: dryRun ? "All" : undefined,
    },
    contentType: "application/apply-patch+yaml",
    body,
    what: whatOf(dryRun ? "dry run of" : "apply", key),
    key,
    secret: isSecret(key),
    as,
    signal,
  });
  const notes = warnings.map((message) => noteOf(system, message));
  return { live: liveOf(stored, settings.fieldManager), created: status === 201, notes };
}

/**
 * Applies without force first, unless the object as it was seen tells the answer already. Where other managers hold fields
 * of ours: what was written through a subresource, or is known to be filled in by others, is left to its writer, what
 * earlier tools wrote is taken over, and the rest is forced where the policy says so, with a note that names manager and field.
 */
export async function send(system: System, sending: Sending): Promise<Sent> {
  const foreseen = plainConflicts(system, sending);
  const forced = foreseen.length > 0 ? await sendForced(system, sending, foreseen) : undefined;
  if (forced !== undefined) return forced;
  let conflicts: readonly ManagerConflict[];
  try {
    const isNew = system.crdWrites.has(sending.resource.group);
    return await (isNew ? patchNewKind(system, sending, false) : patch(system, sending, false));
  } catch (error) {
    conflicts = managersOf(failureIn(error) ?? { causes: [] });
    if (conflicts.length === 0 || sending.creates === true) throw error;
  }
  const { key, resource } = sending;
  const notes: Finding[] = [];
  const note = (message: string): void => void notes.push(noteOf(system, message));
  let live = sending.live ?? (await readOne(system, resource, key, sending));
  if (live === undefined)
    throw new TrueUpError("CONFLICT", `${formatKey(key)} was removed while it was applied`, { key });
  let { body } = sending;

  const isLeft = ({ subresource, field }: ManagerConflict): boolean =>
    subresource !== undefined || isInjected(sending.body, field);
  const left = conflicts.filter(isLeft);
  if (left.length > 0 && live.yielded !== undefined) {
    body = omit(body, live.yielded) as Manifest;
    note(`left ${fieldsOf(left)} to ${namesOf(left)}`);
  }
  const { managers } = system.settings;
  if (sending.takeOver && !sending.dryRun && conflicts.some(({ manager }) => managers.has(manager))) {
    live = await migrate(system, resource, key, live, sending);
  }
  const others = conflicts.filter((conflict) => !isLeft(conflict) && !managers.has(conflict.manager));
  if (others.length > 0 && sending.conflicts === "fail") {
    const message = `${formatKey(key)}: ${namesOf(others)} holds ${fieldsOf(others)}, and conflicts are not forced here`;
    throw new TrueUpError("CONFLICT", message, { key, retryable: false });
  }
  const taken = conflicts.filter((conflict) => !isLeft(conflict));
  if (taken.length > 0) note(tookOver(taken));
  const sent = await patch(system, { ...sending, body }, taken.length > 0);
  return { ...sent, notes: [...notes, ...sent.notes] };
}

/** What would be forced, where nothing else is to be done and the object as it was seen tells it, as after a hand edit. */
function plainConflicts({ settings }: System, sending: Sending): readonly ManagerConflict[] {
  const { live, body, conflicts, dryRun = false } = sending;
  if (conflicts !== "force" || dryRun || live?.version === undefined) return [];
  const foreseen = foreseeConflicts(live.manifest, body, settings.fieldManager) ?? [];
  const isPlain = ({ manager, subresource, field }: ManagerConflict): boolean =>
    subresource === undefined && !settings.managers.has(manager) && !isInjected(body, field);
  return foreseen.every(isPlain) ? foreseen : [];
}

/** Forces at once, as long as the object is the one that was seen; undefined where it is not. */
async function sendForced(
  system: System,
  sending: Sending,
  foreseen: readonly ManagerConflict[],
): Promise<Sent | undefined> {
  const { live, body } = sending;
  const seen = { ...body, metadata: { ...body.metadata, resourceVersion: live?.version } };
  try {
    const sent = await patch(system, { ...sending, body: seen }, true);
    return { ...sent, notes: [noteOf(system, tookOver(foreseen)), ...sent.notes] };
  } catch (error) {
    if (failureIn(error)?.status !== 409) throw error;
    return undefined;
  }
}

const noteOf = ({ settings }: System, message: string): Finding => ({
  severity: "warning",
  rule: settings.name,
  message,
});
const tookOver = (conflicts: readonly ManagerConflict[]): string =>
  `took ${fieldsOf(conflicts)} over from ${namesOf(conflicts)}`;

const NEW_KIND_MS = 3_000;

/** A custom resource right after its CRD was written: the server may not serve the kind, or still know its earlier schema. */
async function patchNewKind(system: System, sending: Sending, force: boolean): Promise<Sent> {
  for (;;) {
    try {
      return await patch(system, sending, force);
    } catch (error) {
      const failure = failureIn(error);
      const writtenAt = system.crdWrites.get(sending.resource.group);
      const fresh = writtenAt !== undefined && performance.now() - writtenAt < NEW_KIND_MS;
      const passing =
        failure !== undefined &&
        ((failure.status === 404 && !failure.structured) || (failure.status === 500 && failure.reason === ""));
      if (!fresh || !passing) throw error;
      await sleep(50);
      sending.signal?.throwIfAborted();
    }
  }
}

const fieldsOf = (conflicts: readonly ManagerConflict[]): string =>
  [...new Set(conflicts.map(({ field }) => field))].join(", ");
const namesOf = (conflicts: readonly ManagerConflict[]): string =>
  [
    ...new Set(
      conflicts.map(
        ({ manager, subresource }) => `"${manager}"${subresource === undefined ? "" : ` (${subresource})`}`,
      ),
    ),
  ].join(", ");
