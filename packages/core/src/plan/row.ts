import {
  PRUNE,
  WAVE,
  type Application,
  type Declared,
  type Key,
  type Live,
  type Manifest,
  type Mask,
  type TargetState,
  type Tracked,
} from "@trueup/spec";
import { internMask, maskOf, withoutIgnored } from "@trueup/diff";
import type { Keyed } from "../keyed.ts";

/** What of an object is compared: our mask, less what is ignored and what was yielded; `declared` where live is compared with it. */
export function maskFor(application: Application, mask: Mask, live: Live, declared?: Manifest): Mask {
  const rules = application.ignore ?? [];
  return withoutIgnored(mask, { rules, manifest: live.manifest, declared, yielded: live.yielded });
}

export interface RowInput {
  readonly key: Key;
  readonly declared: Declared;
  readonly live: Live;
  /** The target's; default: what is declared. */
  readonly mask: Mask | undefined;
  readonly state?: TargetState | undefined;
  /** The row as it was. */
  readonly before: Tracked | undefined;
  readonly dependsOn?: readonly Key[];
  /** The run that wrote it; left as it was where nothing was written. */
  readonly run?: string | undefined;
  readonly application: Application;
  readonly keyed: Keyed;
}

/** The row of the inventory once the object stands as declared. */
export function rowOf(input: RowInput): Tracked {
  const { key, declared, live, application, keyed, before } = input;
  // Shared by shape: ten thousand objects have a handful.
  const mask = internMask(input.mask ?? maskOf(declared.manifest));
  const state = input.state ?? before?.state;
  const { formerly: _f, sensitive: _s, ...kept } = before ?? {};
  return {
    ...intendedRow(key, declared, before && (kept as Tracked), input.dependsOn ?? before?.dependsOn ?? []),
    ...(live.uid !== undefined && { uid: live.uid }),
    mask,
    expected: keyed.fingerprint(live.manifest, maskFor(application, mask, live)),
    applied: keyed.declared(declared),
    ...(declared.sensitive !== undefined && declared.sensitive.length > 0 && { sensitive: declared.sensitive }),
    ...(state !== undefined && { state }),
    ...(input.run !== undefined && { run: input.run }),
  };
}

/** Under which names besides the application's own an object may be marked, and be its own: those it had, and those that handed it over. */
export const formerNames = (
  { formerly = [] }: Pick<Application, "formerly">,
  tracked: Tracked | undefined,
): readonly string[] => (tracked?.formerly === undefined ? formerly : [...formerly, ...tracked.formerly]);

/** The row before the first write: it says that we are about to own this, and nothing of how it stands. */
export function intendedRow(
  key: Key,
  declared: Declared,
  before: Tracked | undefined,
  dependsOn: readonly Key[],
): Tracked {
  const prune = declared.manifest.metadata.annotations?.[PRUNE];
  const wave = waveOf(declared);
  const { prune: _p, wave: _w, ...kept } = before ?? {};
  return {
    ...kept,
    key,
    apiVersion: declared.manifest.apiVersion,
    dependsOn,
    ...(wave !== 0 && { wave }),
    ...((prune === "disabled" || prune === "confirm") && { prune }),
  };
}

/** The object's wave; 0 where it names none, or no whole number. */
export function waveOf(declared: Declared): number {
  const text = declared.manifest.metadata.annotations?.[WAVE];
  return text !== undefined && /^-?\d{1,9}$/.test(text) ? Number(text) : 0;
}
