import type { Entry, Tree } from "@trueup/spec";
import { segmentsOf } from "./tree.ts";

/** A tree in which other trees stand at some paths. Digests stay: a submodule's commit is part of that of the directory around it. */
export function mountedTree(tree: Tree, mounts: ReadonlyMap<string, Tree>): Tree {
  if (mounts.size === 0) return tree;

  /** The mount that a path leads into, and where in it. */
  function mountOf(path: string): { at: string; mount: Tree; rest: string } | undefined {
    const segments = segmentsOf(path);
    for (let depth = 1; depth <= segments.length; depth++) {
      const at = segments.slice(0, depth).join("/");
      const mount = mounts.get(at);
      if (mount !== undefined) return { at, mount, rest: segments.slice(depth).join("/") };
    }
    return undefined;
  }

  return {
    digest: tree.digest,
    async list(path = "") {
      const inside = mountOf(path);
      if (inside !== undefined) {
        const entries = await inside.mount.list(inside.rest);
        return entries.map((entry): Entry => ({ ...entry, path: `${inside.at}/${entry.path}` }));
      }
      const entries = await tree.list(path);
      return entries.map((entry): Entry => {
        const mount = mounts.get(entry.path);
        return mount === undefined ? entry : { path: entry.path, type: "directory", digest: mount.digest };
      });
    },
    async read(path) {
      const inside = mountOf(path);
      return inside === undefined ? await tree.read(path) : await inside.mount.read(inside.rest);
    },
    async subtree(path) {
      const inside = mountOf(path);
      if (inside !== undefined) return await inside.mount.subtree(inside.rest);
      const prefix = segmentsOf(path)
        .map((segment) => `${segment}/`)
        .join("");
      const below = [...mounts]
        .filter(([at]) => at.startsWith(prefix))
        .map(([at, mount]) => [at.slice(prefix.length), mount] as const);
      return mountedTree(await tree.subtree(path), new Map(below));
    },
  };
}
