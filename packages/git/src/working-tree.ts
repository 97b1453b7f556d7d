import { resolve } from "node:path";
import type { Source } from "@trueup/spec";
import { lazySource } from "./lazy-source.ts";
import { limitsOf, type GitLimits } from "./options.ts";

export interface WorkingTreeOptions {
  /** A directory, in a repository or not. */
  readonly path: string;
  /** Default: the path. */
  readonly name?: string;
  readonly limits?: Partial<GitLimits>;
  /** Paths to leave out, in gitignore(5) syntax, besides what `.gitignore` and `.sourceignore` files name. */
  readonly ignore?: string;
}

/**
 * A directory as it stands, committed or not, for local development. What Git would not take is left out: `.git`, ignored files,
 * empty directories. A revision is the tree id that a commit of these files would have; a file that changed after it was resolved
 * is `STALE`.
 */
export function workingTree(options: WorkingTreeOptions): Source {
  const name = options.name ?? options.path;
  const root = resolve(options.path);
  const limits = limitsOf(options.limits);
  const make = async () =>
    (await import("./working-tree-source.ts")).workingTreeSource({
      name,
      root,
      limits,
      ...(options.ignore !== undefined && { ignore: options.ignore }),
    });
  let made: ReturnType<typeof make> | undefined;
  const source = (): ReturnType<typeof make> => (made ??= make());
  const lazy = lazySource(name, source);
  let closed = false;
  return {
    ...lazy,
    watch(listener) {
      if (closed) return () => {};
      let stop: (() => void) | undefined;
      let stopped = false;
      const start = async (): Promise<void> => {
        const { watch } = await source();
        if (!stopped) stop = watch(listener);
      };
      void start();
      return () => {
        stopped = true;
        stop?.();
      };
    },
    async close() {
      closed = true;
      await lazy.close?.();
      // What is only watched was made all the same.
      await (await made)?.close();
    },
  };
}
