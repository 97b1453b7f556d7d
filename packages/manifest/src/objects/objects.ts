import {
  canonicalJson,
  digestOf,
  isObject,
  TrueUpError,
  type Commit,
  type Json,
  type Manifest,
  type Revision,
  type Source,
} from "@trueup/spec";
import { fileTree } from "./file-tree.ts";

/** Whatever becomes an object in JSON: a manifest, or what has a `toJSON`. */
export type BuiltObject = Manifest | object;

export interface ObjectsOptions {
  /** Makes the objects; or several lists of them, by the path that applications name. Called once for each revision that is opened. */
  readonly build: () =>
    | readonly BuiltObject[]
    | Readonly<Record<string, readonly BuiltObject[]>>
    | Promise<readonly BuiltObject[] | Readonly<Record<string, readonly BuiltObject[]>>>;
  /** What the program was built from: its commit. The same one must give the same objects. Default: a digest of the objects. */
  readonly revision?: string;
  /** For history: who made the commit, and why. */
  readonly commit?: Omit<Commit, "id">;
  /** Default `objects`. */
  readonly name?: string;
}

/**
 * A source of objects that a program makes: TypeScript, cdk8s. Each stands as a JSON file in its tree, named after kind and
 * name, so that the plain renderer, errors and origins work as with any other source. It is at one revision for as long as
 * the program runs: an older one can be opened by the program of that commit only.
 */
export function objects({ build, revision, commit, name = "objects" }: ObjectsOptions): Source {
  let files: Promise<ReadonlyMap<string, string>> | undefined;
  const made = (): Promise<ReadonlyMap<string, string>> =>
    (files ??= (async () => filesOf(name, await build()))().catch((error: unknown) => {
      files = undefined;
      throw error;
    }));
  const current = async (): Promise<Revision> => ({ id: revision ?? digestOf([...(await made())]) });

  return {
    name,
    async resolve({ signal } = {}) {
      signal?.throwIfAborted();
      return await current();
    },
    async open({ id }, { previous, signal } = {}) {
      signal?.throwIfAborted();
      const now = await current();
      if (id !== now.id) {
        throw new TrueUpError("NOT_FOUND", `source ${name}: this program is ${now.id}, it cannot build ${id}`);
      }
      const tree = fileTree(await made());
      const relation = previous === undefined ? "unknown" : previous.id === id ? "same" : "forward";
      return { tree, relation, close: () => {}, ...(commit && { commit: { ...commit, id } }) };
    },
  };
}

function filesOf(
  source: string,
  built: readonly BuiltObject[] | Readonly<Record<string, readonly BuiltObject[]>>,
): ReadonlyMap<string, string> {
  const lists: readonly (readonly [string, readonly BuiltObject[]])[] = isList(built)
    ? [["", built]]
    : Object.entries(built);
  const files = new Map<string, string>();
  for (const [path, list] of lists) {
    const segments = path.split("/").filter((segment) => segment !== "" && segment !== ".");
    if (segments.includes(".."))
      throw new TrueUpError("INVALID", `source ${source}: build: ${path} is no path below the root`);
    const directory = segments.map((segment) => `${segment}/`).join("");
    for (const [index, object] of list.entries()) {
      const value = toJson(source, path, index, object);
      const base = directory + fileName(value, index);
      let file = `${base}.json`;
      // The same object twice is for the render to refuse: it names both places.
      for (let again = 2; files.has(file); again++) file = `${base}-${again}.json`;
      files.set(file, `${canonicalJson(value)}\n`);
    }
  }
  return files;
}

const isList = (built: object): built is readonly BuiltObject[] => Array.isArray(built);

function toJson(source: string, path: string, index: number, object: BuiltObject): Json {
  const where = `source ${source}: build: object ${index + 1}${path === "" ? "" : ` of ${path}`}`;
  let text: string | undefined;
  try {
    text = JSON.stringify(object);
  } catch (error) {
    throw new TrueUpError("INVALID", `${where}: ${error instanceof Error ? error.message.split("\n")[0] : "no JSON"}`);
  }
  if (text === undefined || !text.startsWith("{")) throw new TrueUpError("INVALID", `${where}: is no object`);
  return JSON.parse(text) as Json;
}

/** `deployment-shop-web`: kind, namespace and name, as far as there are any. */
function fileName(value: Json, index: number): string {
  const { kind, metadata } = isObject(value) ? value : {};
  const { namespace, name } = isObject(metadata) ? metadata : {};
  const parts = [kind, namespace, name].filter((part) => typeof part === "string" && part !== "") as string[];
  const text = parts
    .join("-")
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]/g, "-")
    .slice(0, 200);
  return /^[a-z0-9]/.test(text) ? text : `object-${index + 1}${text}`;
}
