import { TrueUpError, type Manifest } from "@trueup/spec";
import { APPLY, CONFLICTS, PROPAGATION, type ApplyPolicy } from "./annotations.ts";
import type { Propagation, Settings } from "./options.ts";

/** What an annotation says, of the words it may say. Throws `INVALID` for another. */
function wordOf<Word extends string>(
  manifest: Manifest,
  annotation: string,
  words: readonly Word[],
  otherwise: Word,
): Word {
  const text = manifest.metadata.annotations?.[annotation];
  if (text === undefined) return otherwise;
  const word = words.find((word) => word === text.toLowerCase());
  if (word !== undefined) return word;
  throw new TrueUpError(
    "INVALID",
    `${manifest.kind} ${manifest.metadata.name}: ${annotation} must be ${words.join(", ")}, not ${JSON.stringify(text)}`,
  );
}

export const applyPolicyOf = (manifest: Manifest): ApplyPolicy =>
  wordOf<ApplyPolicy>(manifest, APPLY, ["override", "merge", "if-not-present", "ignore"], "override");

export const conflictPolicyOf = (manifest: Manifest, { conflicts }: Settings): "force" | "fail" =>
  wordOf(manifest, CONFLICTS, ["force", "fail"], conflicts);

export const propagationOf = (manifest: Manifest | undefined, { propagation }: Settings): Propagation =>
  manifest === undefined
    ? propagation
    : wordOf(manifest, PROPAGATION, ["foreground", "background", "orphan"], propagation);
