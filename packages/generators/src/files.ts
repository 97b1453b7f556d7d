import { isObject, isTrueUpError, TrueUpError, type RenderCache, type Tree } from "@trueup/spec";
import { parseYaml } from "@trueup/manifest";
import { find, globs, join, nameOf, normalize, type Found, type PathsOptions } from "./globs.ts";
import { errorAt, throwAll, type GeneratedValues, type ValueGenerator } from "./value-generator.ts";

/** Files read at a time. */
const BATCH = 16;

/**
 * One set of values for each document of each JSON or YAML file that matches: its fields, and `file` with `path` (from the
 * source's root), `name`, and `directory` with its `path` and `name`.
 */
export function files(options: PathsOptions): ValueGenerator {
  const wanted = globs("files", options);
  return {
    name: "files",
    async generate({ tree, path, context, signal }) {
      const base = normalize(path);
      const found = await find(tree, base, "file", wanted, signal);
      const sets: GeneratedValues[] = [];
      const errors: TrueUpError[] = [];
      for (let at = 0; at < found.length; at += BATCH) {
        signal?.throwIfAborted();
        const batch = found.slice(at, at + BATCH).map(async (file) => await valuesOf(tree, base, file, context.cache));
        for (const read of await Promise.all(batch)) {
          sets.push(...read.sets);
          errors.push(...read.errors);
        }
      }
      throwAll(errors);
      return sets;
    },
  };
}

interface Read {
  readonly sets: readonly GeneratedValues[];
  readonly errors: readonly TrueUpError[];
}

async function valuesOf(tree: Tree, base: string, { path, entry }: Found, cache: RenderCache): Promise<Read> {
  const file = join(base, path);
  // What a link leads to may change without its own digest.
  const key = entry.type === "file" ? `generators values ${entry.digest} ${file}` : undefined;
  const known = key === undefined ? undefined : (cache.get(key) as Read | undefined);
  if (known !== undefined) return known;
  const read = await readValues(tree, file);
  if (key !== undefined) cache.set(key, read);
  return read;
}

async function readValues(tree: Tree, file: string): Promise<Read> {
  let bytes: Uint8Array;
  try {
    bytes = await tree.read(file);
  } catch (error) {
    // A tree that cannot be read is no matter of this file.
    if (!isTrueUpError(error) || !FILE_ERRORS.has(error.code)) throw error;
    const reason = error.message.includes(file) ? error.message : `${file}: ${error.message}`;
    return { sets: [], errors: [new TrueUpError(error.code, reason, { cause: error, origin: { file } })] };
  }
  const { documents, errors } = parseYaml(bytes, { file });
  const directory = file.includes("/") ? file.slice(0, file.lastIndexOf("/")) : "";
  const about = { path: file, name: nameOf(file), directory: { path: directory, name: nameOf(directory) } };
  const sets: GeneratedValues[] = [];
  const wrong = [...errors];
  for (const { value, origin, lineOf } of documents) {
    if (!isObject(value)) wrong.push(errorAt("INVALID", origin, "values are wanted: a map of names"));
    else if (Object.hasOwn(value, "file")) {
      const at = { ...origin, line: lineOf("/file"), field: "/file" };
      wrong.push(errorAt("INVALID", at, "/file: is the name of what says which file this is"));
    } else sets.push({ values: { ...value, file: about }, origin });
  }
  return { sets, errors: wrong };
}

const FILE_ERRORS: ReadonlySet<string> = new Set(["INVALID", "LIMIT", "UNSUPPORTED", "NOT_FOUND"]);
