import { formatRef, TrueUpError, type Ref } from "@trueup/spec";

/** The target's own folder at the root: identity, records of raw files, unfinished writes. */
export const OWN_FOLDER = ".trueup";
/** Stands for the namespace of objects that have none. */
const NO_NAMESPACE = "_cluster";
/** What file systems allow a name, in bytes. */
const MAX_SEGMENT = 255;
const MAX_PATH = 4096;

/** A path below the root: `/` between segments. */
export type RelativePath = string;

/**
 * `<namespace>/<kind>.<group>/<name>.yaml`; `_cluster` where there is no namespace, `<kind>` in the core group. Whatever is not
 * a lower-case letter, digit, `.`, `-` or `_` is percent-encoded, and so is a leading `.` or `_`: no two objects share a file,
 * even where the file system folds case (kinds alone keep their capitals), and none gets out of the root.
 * Throws `INVALID` where a name is longer than a file's may be.
 */
export function objectPath(ref: Omit<Ref, "target">): RelativePath {
  const { namespace, kind, group, name } = ref;
  const refuse = (why: string): TrueUpError =>
    new TrueUpError("INVALID", `${formatRef({ ...ref, target: "" })}: its name ${why}`);
  if (![namespace, kind, group, name].every((part) => part.isWellFormed())) throw refuse("is not well-formed Unicode");
  const segments = [
    namespace === "" ? NO_NAMESPACE : encode(namespace),
    group === "" ? encodeKind(kind) : `${encodeKind(kind)}.${encode(group)}`,
    `${encode(name)}.yaml`,
  ];
  const longest = Math.max(...segments.map((segment) => segment.length));
  if (longest > MAX_SEGMENT) throw refuse(`is too long for a file: ${longest} bytes of at most ${MAX_SEGMENT}`);
  return segments.join("/");
}

/** The object that would stand in this file; undefined where no object's file has such a path. */
export function refOfPath(path: RelativePath): Omit<Ref, "target"> | undefined {
  const match = /^([^/]+)\/([A-Z%][A-Za-z0-9%_-]*)(?:\.([^/]+))?\/([^/]+)\.yaml$/.exec(path);
  const [, namespace, kind, group = "", name] = match ?? [];
  if (namespace === undefined || kind === undefined || name === undefined) return undefined;
  try {
    const ref = {
      group: decodeURIComponent(group),
      kind: decodeURIComponent(kind),
      namespace: namespace === NO_NAMESPACE ? "" : decodeURIComponent(namespace),
      name: decodeURIComponent(name),
    };
    return objectPath(ref) === path ? ref : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A raw file's path as it was declared, if it is one below the root: relative, `/` between segments, no `.` or `..`, no
 * backslash or control character, not the target's own folder and not where objects stand. Throws `INVALID`.
 */
export function checkFilePath(path: string): RelativePath {
  const problem = problemOf(path);
  if (problem !== undefined) throw new TrueUpError("INVALID", `spec.path ${JSON.stringify(path)} ${problem}`);
  return path;
}

function problemOf(path: string): string | undefined {
  if (path === "") return "is empty";
  if (Buffer.byteLength(path) > MAX_PATH) return `is longer than ${MAX_PATH} bytes`;
  if (path.startsWith("/") || /^[A-Za-z]:/.test(path)) return "is absolute: it must be relative to the root";
  if (path.includes("\\")) return "holds a backslash";
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  if (/[\u0000-\u001F\u007F]/.test(path)) return "holds a control character";
  if (!path.isWellFormed()) return "is not well-formed Unicode";
  const segments = path.split("/");
  if (segments.includes("")) return "has an empty segment";
  if (segments.some((segment) => segment === "." || segment === ".."))
    return "leaves its folder: `.` and `..` are refused";
  if (segments.some((segment) => Buffer.byteLength(segment) > MAX_SEGMENT))
    return `has a segment over ${MAX_SEGMENT} bytes`;
  if (foldCase(segments[0] ?? "") === OWN_FOLDER) return `is inside ${OWN_FOLDER}, which is the target's own`;
  if (refOfPath(path) !== undefined) return "is where an object's file stands";
  return undefined;
}

/** Equal for paths that some file system takes for the same. */
export const foldCase = (path: string): string => path.normalize("NFC").toLowerCase();

/** Parent folders, outermost first: `a/b/c` → `a`, `a/b`. */
export function parentsOf(path: RelativePath): RelativePath[] {
  const segments = path.split("/").slice(0, -1);
  return segments.map((_, index) => segments.slice(0, index + 1).join("/"));
}

export function splitPath(path: RelativePath): { readonly folder: RelativePath; readonly name: string } {
  const slash = path.lastIndexOf("/");
  return { folder: slash === -1 ? "" : path.slice(0, slash), name: path.slice(slash + 1) };
}

const encode = (text: string): string => text.replaceAll(/[^a-z0-9._-]/gu, percent).replace(/^[._]/, percent);

/** Kinds keep their capitals, and start with one; a dot would end them. */
const encodeKind = (kind: string): string => kind.replaceAll(/[^A-Za-z0-9_-]/gu, percent).replace(/^[^A-Z%]/, percent);

const percent = (character: string): string =>
  [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
