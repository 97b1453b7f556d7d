import type { RenderCache, Tree } from "@trueup/spec";
import { errorAt } from "../errors.ts";

/** A file below a directory. */
export interface FoundFile {
  /** Below the directory that was listed. */
  readonly path: string;
  /** Content address of the file; absent for a symbolic link, which may lead anywhere in the tree. */
  readonly digest?: string;
  readonly size?: number;
}

const MANIFEST = /\.(?:yaml|yml|json)$/;

/**
 * The manifest files below a directory, in the order of their paths. Names that begin with a point are left out; links to
 * directories are not followed. Throws `UNSUPPORTED` where a submodule stands: what it holds would be missing.
 */
export async function findFiles(tree: Tree, path: string, cache: RenderCache): Promise<readonly FoundFile[]> {
  const directory = path === "" ? tree : await tree.subtree(path);
  const files = await listDirectory(directory, "", directory.digest, path, cache);
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** A directory's listing is kept by its digest: one changed file costs the listings of the directories above it. */
async function listDirectory(
  tree: Tree,
  directory: string,
  digest: string,
  origin: string,
  cache: RenderCache,
): Promise<readonly FoundFile[]> {
  const key = `manifest files ${digest}`;
  const known = cache.get(key);
  if (known !== undefined) return known as readonly FoundFile[];
  const files: FoundFile[] = [];
  for (const entry of await tree.list(directory)) {
    const name = entry.path.slice(entry.path.lastIndexOf("/") + 1);
    if (name.startsWith(".")) continue;
    const where = origin === "" ? name : `${origin}/${name}`;
    if (entry.type === "submodule") throw errorAt("UNSUPPORTED", { file: where }, "submodules are not read");
    if (entry.type === "directory") {
      for (const file of await listDirectory(tree, entry.path, entry.digest, where, cache)) {
        files.push({ ...file, path: `${name}/${file.path}` });
      }
    } else if (MANIFEST.test(name)) {
      const { size } = entry;
      files.push({
        path: name,
        ...(entry.type === "file" && { digest: entry.digest }),
        ...(size !== undefined && { size }),
      });
    }
  }
  cache.set(key, files);
  return files;
}
