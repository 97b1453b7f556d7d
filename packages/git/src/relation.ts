import type { Relation } from "@trueup/spec";

/** The parents of a commit; undefined where they are not known. */
export type ParentsOf = (id: string) => readonly string[] | undefined;

const MAX_COMMITS = 10_000;

/** Whether `ancestor` is `from` or among its ancestors; undefined where history is cut off, or too long, before that is known. */
export function descendsFrom(parentsOf: ParentsOf, from: string, ancestor: string): boolean | undefined {
  const seen = new Set([from]);
  let complete = true;
  for (const id of seen) {
    if (id === ancestor) return true;
    if (seen.size > MAX_COMMITS) return undefined;
    const parents = parentsOf(id);
    if (parents === undefined) complete = false;
    for (const parent of parents ?? []) seen.add(parent);
  }
  return complete ? false : undefined;
}

/** What `revision` is to `previous`, as far as the history that is known tells. */
export function relationOf(parentsOf: ParentsOf, revision: string, previous: string): Relation {
  if (revision === previous) return "same";
  const forward = descendsFrom(parentsOf, revision, previous);
  if (forward === true) return "forward";
  const older = descendsFrom(parentsOf, previous, revision);
  if (older === true) return "older";
  return forward === false && older === false ? "forced" : "unknown";
}
