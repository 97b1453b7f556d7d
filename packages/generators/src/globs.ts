import { TrueUpError, type Entry, type Tree } from "@trueup/spec";
import picomatch from "picomatch";
import { errorAt } from "./value-generator.ts";

export interface PathsOptions {
  /** Globs of paths below the application's path: `apps/*`, `teams/**` + `/deploy`. What begins with a point is meant only where the glob says so. */
  readonly match: string | readonly string[];
  /** Globs of what is left out of it. */
  readonly exclude?: string | readonly string[];
}

export interface Globs {
  matches(path: string): boolean;
  /** Whether something below a directory may match. */
  entered(directory: string): boolean;
}

/** Directories that are looked into, and paths that are found, at most. */
const MAX_PATHS = 100_000;

/** Throws `INVALID` for a glob that is empty, absolute or leads upwards. */
export function globs(what: string, { match, exclude = [] }: PathsOptions): Globs {
  const patterns = [match].flat();
  if (patterns.length === 0) throw new TrueUpError("INVALID", `${what}: match: at least one glob is wanted`);
  for (const pattern of [...patterns, ...[exclude].flat()]) {
    if (pattern === "" || pattern.startsWith("/") || pattern.split("/").includes("..")) {
      throw new TrueUpError(
        "INVALID",
        `${what}: a glob of paths below the application's is wanted, not ${JSON.stringify(pattern)}`,
      );
    }
  }
  const wanted = picomatch([...patterns]);
  const left = picomatch([exclude].flat());
  // Without `**`, braces or groups a glob matches as many segments as it has.
  const deepest = Math.max(
    ...patterns.map((pattern) => (/\*\*|[{(]/.test(pattern) ? Infinity : pattern.split("/").length)),
  );
  return {
    matches: (path) => wanted(path) && !left(path),
    entered: (directory) => directory.split("/").length < deepest && !left(directory),
  };
}

/** A path that was found, below the directory that was searched. */
export interface Found {
  readonly path: string;
  readonly entry: Entry;
}

/** Everything below a directory that matches, in the order of paths. Links to directories are not followed. */
export async function find(
  tree: Tree,
  base: string,
  type: "file" | "directory",
  { matches, entered }: Globs,
  signal: AbortSignal | undefined,
): Promise<readonly Found[]> {
  const found: Found[] = [];
  let seen = 0;
  const walk = async (directory: string): Promise<void> => {
    signal?.throwIfAborted();
    const entries = await tree.list(directory === "" ? base : `${base === "" ? "" : `${base}/`}${directory}`);
    signal?.throwIfAborted();
    for (const entry of entries) {
      const path = `${directory === "" ? "" : `${directory}/`}${entry.path.slice(entry.path.lastIndexOf("/") + 1)}`;
      if (++seen > MAX_PATHS) throw errorAt("LIMIT", { file: base || "." }, `over ${MAX_PATHS} paths are looked at`);
      const is = entry.type === "symlink" && type === "file" ? "file" : entry.type;
      if (is === type && matches(path)) found.push({ path, entry });
      if (entry.type === "directory" && entered(path)) await walk(path);
    }
  };
  await walk("");
  return found.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** `apps/web` → `web`. */
export const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** `""` for the root; no `.`, no empty segments. */
export const normalize = (path: string): string =>
  path
    .split("/")
    .filter((segment) => segment !== "" && segment !== ".")
    .join("/");

export const join = (base: string, path: string): string => [base, path].filter((part) => part !== "").join("/");
