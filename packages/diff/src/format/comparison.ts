import type { Change, Comparison, ComparedObject, ComparedSide, Difference } from "@trueup/spec";
import { formatOrigin, formatRef, keyOf } from "@trueup/spec";
import { bodyLines } from "./change.ts";
import type { Line } from "./lines.ts";
import { label } from "./printable.ts";

/** `- ConfigMap staging/debug`, `~ Deployment.apps staging/web → production/web`. */
export function differenceTitle(difference: Difference): string {
  if (difference.status === "only-a") return `- ${refText(difference.a)}`;
  if (difference.status === "only-b") return `+ ${refText(difference.b)}`;
  const { a, b } = difference;
  if (refText(a) === refText(b)) return `~ ${refText(a)}`;
  const sameKind = a.ref.kind === b.ref.kind && a.ref.group === b.ref.group;
  return `~ ${refText(a)} → ${sameKind ? label(placeOf(b), 300) : refText(b)}`;
}

const refText = ({ ref }: ComparedObject): string => label(formatRef(ref), 300);
const placeOf = ({ ref: { namespace, name } }: ComparedObject): string =>
  namespace === "" ? name : `${namespace}/${name}`;

/** `base/web.yaml:3 through base/kustomization.yaml, staging/kustomization.yaml`. */
export function originText({ origin }: ComparedObject): string {
  const through = (origin.through ?? []).map((step) => label(step, 300));
  return `${label(formatOrigin(origin), 300)}${through.length === 0 ? "" : ` through ${through.join(", ")}`}`;
}

/** What differs, line by line: from a to b. Secrets are redacted once more, as in a plan. */
export function differenceLines(difference: Difference, key: Uint8Array): readonly Line[] {
  return bodyLines(asChange(difference), key);
}

function asChange(difference: Difference): Change {
  const { ref } = difference.status === "only-b" ? difference.b : difference.a;
  return {
    key: keyOf({ ...ref, target: ref.target || "compared" }),
    action: difference.status === "only-a" ? "delete" : difference.status === "only-b" ? "create" : "update",
    reason: "",
    stamp: "",
    ...(difference.status !== "only-b" && { before: difference.a.value }),
    ...(difference.status !== "only-a" && { after: difference.b.value }),
  };
}

/** What the two sides are called: their names, with the revision where that is all that differs. */
export function sideNames({ a, b }: Comparison): readonly [a: string, b: string] {
  const short = ({ name, revision }: ComparedSide): string =>
    a.name === b.name && revision !== undefined ? `${label(name)}@${label(revision.id.slice(0, 12))}` : label(name);
  return [short(a), short(b)];
}

/** `staging at 1f2e3d4c5b6a of refs/heads/main, 12 objects`. */
export function sideText({ path, revision, objects }: ComparedSide): string {
  const from = revision?.ref === undefined ? "" : ` of ${label(revision.ref)}`;
  const at = revision === undefined ? "" : ` at ${label(revision.id.slice(0, 12))}${from}`;
  return `${path === "" ? "the root" : label(path, 300)}${at}, ${objects} object${objects === 1 ? "" : "s"}`;
}

/** `1 only in staging, 2 differ, 3 alike`. */
export function comparisonCounts(comparison: Comparison): string {
  const [a, b] = sideNames(comparison);
  const count = (status: Difference["status"]): number =>
    comparison.differences.filter((difference) => difference.status === status).length;
  const differ = count("differs");
  const parts = [
    [count("only-a"), `only in ${a}`],
    [count("only-b"), `only in ${b}`],
    [differ, differ === 1 ? "differs" : "differ"],
  ] as const;
  const told = parts.flatMap(([number, text]) => (number === 0 ? [] : [`${number} ${text}`]));
  return [...told, `${comparison.alike} alike`].join(", ");
}
