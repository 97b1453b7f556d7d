import { TrueUpError } from "@trueup/spec";
import semver from "semver";
import type { ListedRef } from "./ref.ts";

export interface VersionRange {
  /** npm's syntax: `^1.2`, `>=2 <3`, `1.x`. */
  readonly semver: string;
  /** Lets `2.0.0-rc.1` count. Default false: only where the range names one of the same version. */
  readonly prereleases?: boolean;
}

const TAGS = "refs/tags/";

/** The tag of the highest version in the range: `v1.2.3` or `1.2.3`. Others are passed over. Throws `INVALID` for a range that is none. */
export function newestTag(
  listed: readonly ListedRef[],
  { semver: range, prereleases = false }: VersionRange,
): ListedRef | undefined {
  if (semver.validRange(range) === null)
    throw new TrueUpError("INVALID", `ref: ${JSON.stringify(range)} is not a semver range`);
  let best: { ref: ListedRef; version: string } | undefined;
  for (const ref of listed) {
    if (!ref.name.startsWith(TAGS)) continue;
    const version = /^v?(\d.*)$/.exec(ref.name.slice(TAGS.length))?.[1];
    // Strictly: `semver` would take `v1` or ` =1.0.0` for a version otherwise.
    if (version === undefined || semver.valid(version) === null) continue;
    if (!semver.satisfies(version, range, { includePrerelease: prereleases })) continue;
    // Equal ones (`v1.0.0` and `1.0.0`) by name, so that the answer does not depend on the server's order.
    const order = best === undefined ? 1 : semver.compareBuild(version, best.version);
    if (best === undefined || order > 0 || (order === 0 && ref.name > best.ref.name)) best = { ref, version };
  }
  return best?.ref;
}
