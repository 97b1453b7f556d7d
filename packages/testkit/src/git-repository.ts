import fs from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** What to write: content by path; `null` removes the file. */
export type Files = Readonly<Record<string, string | Uint8Array | null>>;

export interface CommitOptions {
  /** Default: the branch that is checked out. */
  readonly author?: { readonly name: string; readonly email: string };
  /** Milliseconds since the epoch. Default: now. */
  readonly time?: number;
}

/** A repository with a work tree. */
export interface TestRepository {
  readonly path: string;
  /** Changes files of the work tree and commits them, and only them. Answers the commit's id. */
  commit(message: string, files: Files, options?: CommitOptions): Promise<string>;
  /** Makes HEAD's commit undone by a new one that has the files of its parent. Answers the new commit's id. */
  revert(options?: CommitOptions): Promise<string>;
  /** The commit a ref stands for. Default: HEAD. */
  head(ref?: string): Promise<string>;
  branch(name: string, options?: { readonly checkout?: boolean }): Promise<void>;
  /** With a message it is an annotated tag. */
  tag(name: string, message?: string): Promise<void>;
}

const AUTHOR = { name: "Test", email: "test@example.com" };

function signature({ author = AUTHOR, time = Date.now() }: CommitOptions = {}): {
  name: string;
  email: string;
  timestamp: number;
  timezoneOffset: number;
} {
  return { ...author, timestamp: Math.floor(time / 1000), timezoneOffset: 0 };
}

/**
 * Opens or makes a repository on branch `main`, without a git binary: for demos, examples and tests on a machine that has only Node.
 */
export async function repository(path: string): Promise<TestRepository> {
  const git = await import("isomorphic-git");
  const where = { fs, dir: path };
  await mkdir(path, { recursive: true });
  await git.init({ ...where, defaultBranch: "main" });

  async function commit(message: string, files: Files, options?: CommitOptions): Promise<string> {
    for (const [name, content] of Object.entries(files)) {
      const file = join(path, name);
      if (content === null) {
        await rm(file, { force: true });
        await git.remove({ ...where, filepath: name });
      } else {
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, content);
        await git.add({ ...where, filepath: name });
      }
    }
    return git.commit({ ...where, message, author: signature(options) });
  }

  /** Content by path of a commit's tree. */
  async function filesOf(oid: string): Promise<Map<string, Uint8Array>> {
    const files = new Map<string, Uint8Array>();
    const walk = async (tree: string, prefix: string): Promise<void> => {
      for (const entry of (await git.readTree({ ...where, oid: tree })).tree) {
        if (entry.type === "tree") await walk(entry.oid, `${prefix}${entry.path}/`);
        if (entry.type === "blob")
          files.set(prefix + entry.path, (await git.readBlob({ ...where, oid: entry.oid })).blob);
      }
    };
    await walk(oid, "");
    return files;
  }

  return {
    path,
    commit,
    async revert(options) {
      const head = await git.resolveRef({ ...where, ref: "HEAD" });
      const { commit: undone } = await git.readCommit({ ...where, oid: head });
      const [parent] = undone.parent;
      if (parent === undefined) throw new Error("the first commit cannot be reverted");
      const [now, before] = [await filesOf(head), await filesOf(parent)];
      const files: Record<string, Uint8Array | null> = Object.fromEntries(before);
      for (const name of now.keys()) files[name] ??= null;
      const title = undone.message.split("\n")[0] ?? "";
      return commit(`Revert "${title}"\n\nThis reverts commit ${head}.\n`, files, options);
    },
    head: (ref = "HEAD") => git.resolveRef({ ...where, ref }),
    branch: (name, { checkout = false } = {}) => git.branch({ ...where, ref: name, checkout }),
    async tag(name, message) {
      if (message === undefined) await git.tag({ ...where, ref: name });
      else await git.annotatedTag({ ...where, ref: name, message, tagger: signature() });
    },
  };
}

/** Makes an empty repository without a work tree, for `gitWriter` or pushes. Its branch is `main`. */
export async function bareRepository(path: string): Promise<void> {
  const git = await import("isomorphic-git");
  await mkdir(path, { recursive: true });
  await git.init({ fs, gitdir: path, bare: true, defaultBranch: "main" });
}
