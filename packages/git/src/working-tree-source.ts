import type { Source } from "@trueup/spec";
import { TrueUpError } from "@trueup/spec";
import { throwIfAborted } from "./abort.ts";
import type { GitLimits } from "./options.ts";
import { sourceIgnore } from "./source-ignore.ts";
import { checkTree } from "./check-tree.ts";
import { WorkingFiles } from "./working-files.ts";
import { watchDirectories, type DirectoryWatch } from "./watch-directories.ts";

export interface WorkingTreeSourceOptions {
  readonly name: string;
  readonly root: string;
  readonly limits: GitLimits;
  readonly ignore?: string;
}

export function workingTreeSource({ name, root, limits, ignore = "" }: WorkingTreeSourceOptions): Required<Source> {
  const files = new WorkingFiles(root, limits);
  let closed = false;
  const watches = new Set<DirectoryWatch>();

  async function scan(signal?: AbortSignal): Promise<string> {
    const id = await files.scan(signal);
    for (const watch of watches) watch.update(files.directories());
    return id;
  }

  return {
    name,
    async resolve({ signal } = {}) {
      return { id: await scan(signal), ref: "working tree" };
    },
    async open(revision, { previous, signal } = {}) {
      throwIfAborted(signal);
      const view =
        files.view(revision.id) ?? ((await scan(signal)) === revision.id ? files.view(revision.id) : undefined);
      if (view === undefined) {
        throw new TrueUpError("STALE", `${name}: the files are no longer those of ${revision.id}`);
      }
      await checkTree(revision.id, view, { limits, checked: new Map(), complete: false, ...(signal && { signal }) });
      return {
        tree: sourceIgnore(view, ignore)(revision.id),
        relation: previous?.id === revision.id ? "same" : previous === undefined ? "unknown" : "forward",
        close: () => {},
      };
    },
    watch(listener) {
      if (closed) return () => {};
      const watch = watchDirectories(files.directories(), listener);
      watches.add(watch);
      return () => {
        watches.delete(watch);
        watch.stop();
      };
    },
    async close() {
      closed = true;
      for (const watch of watches) watch.stop();
      watches.clear();
    },
  };
}
