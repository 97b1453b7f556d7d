import { createHash } from "node:crypto";
import { digestOf, isTrueUpError, type Entry, type Input, type Tree } from "@trueup/spec";

/** What a render read, kept so that the next run can tell whether it would read the same. */
export interface Recorder {
  readonly inputs: ReadonlyMap<string, Input>;
  add(input: Input): void;
  /** The tree with every read outside `path` noted; what stands below `path` is covered by that directory's own digest. */
  watch(tree: Tree, path: string): Promise<Tree>;
}

const ABSENT = "absent";

export function createRecorder(): Recorder {
  const inputs = new Map<string, Input>();
  const add = (input: Input): void => {
    inputs.set(identify(input), input);
  };
  return {
    inputs,
    add,
    async watch(tree, path) {
      const base = normalize(path);
      add({ type: "directory", path: base, digest: await directoryDigest(tree, base) });
      return recording(tree, "", { root: tree, base, add, links: linksOf(tree) });
    },
  };
}

function identify(input: Input): string {
  switch (input.type) {
    case "file":
    case "directory":
      return `${input.type} ${input.path}`;
    case "source":
      return `source ${input.source} ${input.path}`;
    case "capabilities":
      return `capabilities ${input.target}`;
    case "lookup":
      return `lookup ${input.key}`;
    case "clock":
      return "clock";
  }
}

interface Recording {
  readonly root: Tree;
  readonly base: string;
  readonly add: (input: Input) => void;
  /** Whether a path leads through a symbolic link: its content is then not covered by the digest of any directory above. */
  readonly links: (path: string) => Promise<boolean>;
}

function recording(tree: Tree, prefix: string, note: Recording): Tree {
  const full = (path: string): string => normalize(`${prefix}/${path}`);
  const covered = (path: string): boolean => note.base === "" || path === note.base || path.startsWith(`${note.base}/`);
  return {
    digest: tree.digest,
    ...(tree.confidential && { confidential: true as const }),
    async list(path = "") {
      const where = full(path);
      const plain = covered(where) && !(await note.links(where));
      if (!plain) note.add({ type: "directory", path: where, digest: await listingDigest(note.root, where) });
      return await tree.list(path);
    },
    async read(path) {
      const where = full(path);
      if (covered(where) && !(await note.links(where))) return await tree.read(path);
      try {
        const bytes = await tree.read(path);
        note.add({ type: "file", path: where, digest: sha256(bytes) });
        return bytes;
      } catch (error) {
        if (isNotFound(error)) note.add({ type: "file", path: where, digest: ABSENT });
        throw error;
      }
    },
    async subtree(path) {
      const where = full(path);
      if (!covered(where) || (await note.links(where))) {
        note.add({ type: "directory", path: where, digest: await listingDigest(note.root, where) });
      }
      return recording(await tree.subtree(path), where, note);
    },
  };
}

/** Whether an input is as it was. Only what stands in the tree is looked up here; `elsewhere` answers for the rest. */
export async function inputHolds(
  input: Input,
  tree: Tree,
  elsewhere: (input: Input) => Promise<boolean>,
): Promise<boolean> {
  switch (input.type) {
    case "directory": {
      // A directory that was listed is told by its entries, one that was covered whole by its own digest.
      const now = await directoryDigest(tree, input.path);
      return now === input.digest || (await listingDigest(tree, input.path)) === input.digest;
    }
    case "file":
      return (await fileDigest(tree, input.path)) === input.digest;
    default:
      return await elsewhere(input);
  }
}

async function directoryDigest(tree: Tree, path: string): Promise<string> {
  if (path === "") return tree.digest;
  return await orAbsent(async () => (await tree.subtree(path)).digest);
}

async function listingDigest(tree: Tree, path: string): Promise<string> {
  return await orAbsent(async () => {
    const entries = await tree.list(path);
    return digestOf(entries.map(({ path, type, digest }) => [path, type, digest]));
  });
}

async function fileDigest(tree: Tree, path: string): Promise<string> {
  return await orAbsent(async () => sha256(await tree.read(path)));
}

async function orAbsent(digest: () => Promise<string>): Promise<string> {
  try {
    return await digest();
  } catch (error) {
    if (isNotFound(error)) return ABSENT;
    throw error;
  }
}

/** One for all renders of a tree: a repository of a thousand applications lists its root once. */
const finders = new WeakMap<Tree, (path: string) => Promise<boolean>>();

function linksOf(tree: Tree): (path: string) => Promise<boolean> {
  let finder = finders.get(tree);
  if (finder === undefined) {
    finder = linkFinder(tree);
    finders.set(tree, finder);
  }
  return finder;
}

function linkFinder(tree: Tree): (path: string) => Promise<boolean> {
  const listings = new Map<string, Promise<ReadonlyMap<string, Entry["type"]>>>();
  const linked = new Map<string, Promise<boolean>>();
  const listing = (directory: string): Promise<ReadonlyMap<string, Entry["type"]>> => {
    let found = listings.get(directory);
    if (found === undefined) {
      found = tree.list(directory).then(
        (entries) => new Map(entries.map((entry) => [entry.path.slice(entry.path.lastIndexOf("/") + 1), entry.type])),
        () => {
          // It may be readable the next time.
          finders.delete(tree);
          return new Map();
        },
      );
      listings.set(directory, found);
    }
    return found;
  };
  const isLinked = (path: string): Promise<boolean> => {
    if (path === "") return Promise.resolve(false);
    let answer = linked.get(path);
    if (answer === undefined) {
      const slash = path.lastIndexOf("/");
      const parent = slash === -1 ? "" : path.slice(0, slash);
      answer = (async () =>
        (await isLinked(parent)) || (await listing(parent)).get(path.slice(slash + 1)) === "symlink")();
      linked.set(path, answer);
    }
    return answer;
  };
  return isLinked;
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const isNotFound = (error: unknown): boolean => isTrueUpError(error) && error.code === "NOT_FOUND";

/** `""` for the root; no `.`, no empty segments. `..` is resolved here, and cannot climb above the root. */
export function normalize(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment === "..") segments.pop();
    else segments.push(segment);
  }
  return segments.join("/");
}
