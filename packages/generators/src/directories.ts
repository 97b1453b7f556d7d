import { find, globs, join, nameOf, normalize, type PathsOptions } from "./globs.ts";
import type { ValueGenerator } from "./value-generator.ts";

/**
 * One set of values for each directory that matches: `directory`, with `path` (from the source's root), `name` (its last
 * segment) and `segments` (of its path below the application's).
 */
export function directories(options: PathsOptions): ValueGenerator {
  const wanted = globs("directories", options);
  return {
    name: "directories",
    async generate({ tree, path, signal }) {
      const base = normalize(path);
      const found = await find(tree, base, "directory", wanted, signal);
      return found.map((directory) => {
        const at = join(base, directory.path);
        return {
          values: { directory: { path: at, name: nameOf(at), segments: directory.path.split("/") } },
          origin: { file: at },
        };
      });
    },
  };
}
