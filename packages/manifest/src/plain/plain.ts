import { isTrueUpError, TrueUpError, type Declared, type Renderer, type Tree } from "@trueup/spec";
import { errorAt, throwAll } from "../errors.ts";
import { pacer } from "../pace.ts";
import { DEFAULT_LIMITS, type Limits } from "../reader/limits.ts";
import { parseManifests, type ParsedFile } from "../reader/manifests.ts";
import type { Dialect } from "../reader/scalars.ts";
import { tooBig } from "../reader/text.ts";
import { findFiles, type FoundFile } from "./files.ts";
import { checkFields, fillParameters, type ParameterField } from "./parameters.ts";

export interface PlainOptions {
  /** Budgets of each file. Default: 16 MiB, 10,000 documents, 200 levels, 100,000 values behind aliases. */
  readonly limits?: Partial<Limits>;
  /** How many files there may be. Default 100,000. */
  readonly maxFiles?: number;
  /** Default `kubectl`. */
  readonly dialect?: Dialect;
  /** Fields that take their value from an application's `parameters`. With them it is chosen by name only. */
  readonly fields?: readonly ParameterField[];
}

/** Files read at a time. */
const BATCH = 16;

/**
 * The plain renderer: every `.yaml`, `.yml` and `.json` file below the path is manifests, in the order of paths. Files and
 * directories whose names begin with a point are left out. Throws all that is wrong at once (`errors` of an `INVALID` error).
 */
export function plain({ limits, maxFiles = 100_000, dialect = "kubectl", fields = [] }: PlainOptions = {}): Renderer {
  checkFields(fields);
  const budgets: Limits = { ...DEFAULT_LIMITS, ...limits };
  const version = `1 ${dialect} ${Object.values(budgets).join(" ")}`;
  return {
    name: "plain",
    version,
    detects: async () => fields.length === 0,
    async render({ tree, path, parameters, context, signal }) {
      const base = path
        .split("/")
        .filter((part) => part !== "" && part !== ".")
        .join("/");
      const files = await findFiles(tree, base, context.cache);
      if (files.length > maxFiles) {
        throw errorAt(
          "LIMIT",
          { file: base || "." },
          `${files.length} files of manifests, at most ${maxFiles} are read`,
        );
      }
      const parse = async (found: FoundFile): Promise<ParsedFile> => {
        const file = base === "" ? found.path : `${base}/${found.path}`;
        const key = `manifest documents ${version} ${found.digest} ${file}`;
        const known = found.digest === undefined ? undefined : context.cache.get(key);
        if (known !== undefined) return known as ParsedFile;
        const parsed = await readFile(tree, file, found.size, budgets, dialect);
        if (found.digest !== undefined) context.cache.set(key, parsed);
        return parsed;
      };
      const objects: Declared[] = [];
      const errors: TrueUpError[] = [];
      const pause = pacer(signal);
      for (let at = 0; at < files.length; at += BATCH) {
        await pause();
        for (const parsed of await Promise.all(files.slice(at, at + BATCH).map(parse))) {
          for (const declared of parsed.documents) objects.push(declared);
          for (const error of parsed.errors) errors.push(error);
        }
      }
      throwAll(errors);
      const filled = fillParameters(objects, { fields, parameters, file: base || "." });
      throwAll(filled.errors);
      return { objects: filled.objects, hooks: [], warnings: [] };
    },
  };
}

/** What is wrong with the file itself is one of its errors; a tree that cannot be read is not. */
async function readFile(
  tree: Tree,
  file: string,
  size: number | undefined,
  limits: Limits,
  dialect: Dialect,
): Promise<ParsedFile> {
  if (size !== undefined && size > limits.bytes) return { documents: [], errors: [tooBig(file, size, limits.bytes)] };
  let bytes: Uint8Array;
  try {
    bytes = await tree.read(file);
  } catch (error) {
    if (!isTrueUpError(error) || !FILE_ERRORS.has(error.code)) throw error;
    const { code, message } = error;
    const named = message.includes(file) ? message : `${file}: ${message}`;
    return { documents: [], errors: [new TrueUpError(code, named, { cause: error, origin: { file } })] };
  }
  return parseManifests(bytes, { file, limits, dialect });
}

const FILE_ERRORS = new Set(["INVALID", "LIMIT", "UNSUPPORTED", "NOT_FOUND"]);
