import { TrueUpError } from "@trueup/spec";
import { OID } from "./oid.ts";
import type { VersionRange } from "./version-tags.ts";

/**
 * What to follow. A string is a full name (`refs/heads/main`, `HEAD`), a commit id of 40 hex digits, or the short name of a
 * branch or, where there is no such branch, of a tag. With `semver` it is the tag of the highest version in a range.
 */
export type RefOption =
  | string
  | { readonly branch: string }
  | { readonly tag: string }
  | { readonly commit: string }
  | { readonly name: string }
  | VersionRange;

/** A ref as a server or a repository lists it. */
export interface ListedRef {
  readonly name: string;
  readonly oid: string;
  /** What an annotated tag stands for. */
  readonly peeled?: string;
  /** What a symbolic ref points to. */
  readonly target?: string;
}

export type Wanted =
  | { readonly commit: string }
  /** The first of these names that is there counts. */
  | { readonly names: readonly string[] }
  | VersionRange;

/** git-check-ref-format(1), as far as it keeps a name from leading elsewhere. */
export function isRefName(name: string): boolean {
  // oxlint-disable-next-line no-control-regex
  return !/[\0- ~^:?*[\\\x7f]|\.\.|@\{|\/\/|\.$|\/$|^\/|^$|(?:^|\/)\.|\.lock(?:\/|$)/.test(name);
}

/** Throws `INVALID`. */
export function parseRef(ref: RefOption = "HEAD"): Wanted {
  const given = JSON.stringify(ref);
  const checked = (...names: readonly string[]): Wanted => {
    for (const name of names)
      if (!isRefName(name)) throw new TrueUpError("INVALID", `ref ${given} is not a name Git allows`);
    return { names };
  };
  const commit = (id: string): Wanted => {
    if (!OID.test(id)) throw new TrueUpError("INVALID", `ref ${given}: a commit is 40 hex digits`);
    return { commit: id };
  };
  if (typeof ref === "string") {
    if (OID.test(ref)) return commit(ref);
    if (ref === "HEAD" || ref.startsWith("refs/")) return checked(ref);
    return checked(`refs/heads/${ref}`, `refs/tags/${ref}`);
  }
  if ("branch" in ref) return checked(`refs/heads/${ref.branch}`);
  if ("tag" in ref) return checked(`refs/tags/${ref.tag}`);
  if ("name" in ref) return checked(ref.name);
  if ("commit" in ref) return commit(ref.commit);
  if ("semver" in ref) return ref;
  throw new TrueUpError("INVALID", `ref ${given} has none of branch, tag, commit, name, semver`);
}

/** What a repository is asked for: the beginnings of the names that may count. */
export function prefixesOf(wanted: Exclude<Wanted, { commit: string }>): readonly string[] {
  return "names" in wanted ? wanted.names : ["refs/tags/"];
}

/** What was found, peeled, and by which name: `HEAD` counts as the branch it stands for. */
export async function chooseRef(
  wanted: Exclude<Wanted, { commit: string }>,
  listed: readonly ListedRef[],
): Promise<{ id: string; ref: string } | undefined> {
  let found: ListedRef | undefined;
  if ("names" in wanted) {
    const present = wanted.names.find((name) => listed.some((ref) => ref.name === name));
    found = listed.find((ref) => ref.name === present);
  } else {
    const { newestTag } = await import("./version-tags.ts");
    found = newestTag(listed, wanted);
  }
  return found && { id: found.peeled ?? found.oid, ref: found.target ?? found.name };
}

/** For the message of `NOT_FOUND`. */
export function describeWanted(wanted: Exclude<Wanted, { commit: string }>): string {
  return "names" in wanted ? wanted.names.join(" or ") : `tag of a version in ${JSON.stringify(wanted.semver)}`;
}
