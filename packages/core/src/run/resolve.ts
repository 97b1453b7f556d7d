import { digestOf, TrueUpError, type ApplicationState, type Input, type Json, type Revision } from "@trueup/spec";
import { inputHolds } from "../render/inputs.ts";
import { capabilitiesDigest, lookupDigest } from "../render/render.ts";
import type { Engine, Runtime } from "../runtime.ts";
import type { Opened } from "../triggers/sources.ts";

export interface Resolved {
  readonly opened: Opened;
  readonly revision: Revision;
  /** The last render would come out the same. */
  readonly sameInputs: boolean;
  /** Held at a revision by a rollback or by the `pin` policy. */
  readonly pinned: boolean;
}

/** Step 1: what the application's source is at, opened. Asks the source unless the trigger is its own answer, or drift. */
export async function resolve(
  engine: Engine,
  runtime: Runtime,
  trigger: string,
  signal: AbortSignal,
): Promise<Resolved> {
  const source = engine.sources.get(runtime.application.source);
  if (source === undefined) {
    const message = `application ${runtime.application.name}: no source is named ${runtime.application.source}`;
    throw new TrueUpError("INVALID", message);
  }
  const head = await newest(source, trigger, signal);
  const pinned = pinnedAt(runtime.record?.state ?? {}, head);
  const revision = pinned ?? head;
  runtime.status.latest = head;
  const opened = await source.open(revision, signal);
  try {
    return { opened, revision, pinned: pinned !== undefined, sameInputs: await sameInputs(engine, runtime, opened) };
  } catch (error) {
    opened.release();
    throw error;
  }
}

/** A person waits for these, and means what the source says now: what moved a moment ago is not to be deleted. */
const ASKED: ReadonlySet<string> = new Set(["manual", "remove"]);

/** These take what is known for the newest: it was just told, or nothing in Git is what they are about. */
const NOT_ASKED: ReadonlySet<string> = new Set(["commit", "start", "drift"]);

async function newest(
  source: Engine["sources"] extends ReadonlyMap<string, infer S> ? S : never,
  trigger: string,
  signal: AbortSignal,
) {
  const known = source.revision;
  if (known !== undefined && NOT_ASKED.has(trigger)) return known;
  try {
    return await source.resolve({ maxAgeMs: ASKED.has(trigger) ? 0 : 1_000, signal });
  } catch (error) {
    // What was resolved before still is the truth we know: a source that is away stops no healing.
    if (known !== undefined && trigger !== "manual" && !signal.aborted) return known;
    throw error;
  }
}

/** Where a rollback or a pin holds the application; undefined once Git has moved past the revision it was set at. */
export function pinnedAt(state: ApplicationState, head: Revision): Revision | undefined {
  const { pinned } = state;
  if (pinned === undefined) return undefined;
  return pinned.until === undefined || pinned.until.id === head.id ? pinned.revision : undefined;
}

/** Whether the record, now that it was read, holds the application where it was resolved to: another controller, or a restart, may lie between. */
export function isHeldAt({ record, status }: Runtime, { revision }: Resolved): boolean {
  const head = status.latest ?? revision;
  return (pinnedAt(record?.state ?? {}, head) ?? head).id === revision.id;
}

/** What a render depends on but its inputs. */
export function specificationOf({ transforms }: Pick<Engine, "transforms">, { application }: Runtime): string {
  const versions = (application.transforms ?? []).map((name) => transforms[name]?.version ?? null);
  return digestOf([application as unknown as Json, versions]);
}

/** Whether the last render would read the same. */
export async function sameInputs(engine: Engine, runtime: Runtime, { snapshot }: Opened): Promise<boolean> {
  const { rendered } = runtime;
  if (rendered === undefined || rendered.specification !== specificationOf(engine, runtime)) return false;
  const elsewhere = async (input: Input): Promise<boolean> => await inputStands(engine, runtime, input);
  for (const input of rendered.of.inputs) {
    if (!(await inputHolds(input, snapshot.tree, elsewhere))) return false;
  }
  return true;
}

async function inputStands(engine: Engine, runtime: Runtime, input: Input): Promise<boolean> {
  switch (input.type) {
    case "source": {
      const other = engine.sources.get(input.source);
      if (other === undefined) return false;
      const opened = await other.open(other.revision ?? (await other.resolve()));
      try {
        return opened.snapshot.tree.digest === input.digest;
      } finally {
        opened.release();
      }
    }
    case "capabilities": {
      const capabilities = await engine.guarded.get(engine.targets[input.target]?.name ?? input.target)?.capabilities();
      return capabilities !== undefined && capabilitiesDigest(capabilities) === input.digest;
    }
    case "lookup":
      return lookupDigest((await engine.lookup(runtime.application, input.key))?.manifest) === input.digest;
    default:
      return false;
  }
}
