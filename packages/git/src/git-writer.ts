import type { CallOptions, Commit, Signature, Tree } from "@trueup/spec";
import type { Edits } from "./edit-tree.ts";
import { checkProxy, parseLocation, type GitOptions } from "./git.ts";
import { limitsOf } from "./options.ts";
import { displayUrl } from "./redact.ts";

export type GitWriterOptions = Omit<GitOptions, "ref" | "name" | "verify" | "ignore" | "sparse" | "submodules" | "lfs">;

export interface Authorship {
  readonly author: Signature;
  /** Default: the author. */
  readonly committer?: Signature;
  readonly message: string;
  /** Milliseconds since the epoch. Default: now. */
  readonly time?: number;
  /** Signs the object: answers what `git` would put into it, an armored SSH or PGP signature. */
  readonly sign?: (payload: Uint8Array) => Promise<string>;
}

export interface Change extends Omit<Authorship, "message">, CallOptions {
  /** A function is asked after the edits were made. */
  readonly message: string | (() => string);
  /** Short name. */
  readonly branch: string;
  /**
   * Paths with what to make of them, or a function that says so for the tree it is given. A function is asked again for the newer
   * tree where somebody else was faster; plain edits are made on it as they are, unless one of their paths was changed there too.
   */
  readonly edits: Edits | ((tree: Tree) => Promise<Edits>);
  /** The commit that plain edits were made for. Default: the branch's newest. */
  readonly on?: string;
  /** Where the branch begins if it is not there yet: a commit id, or `null` for a first commit. Default: it must be there. */
  readonly from?: string | null;
  /** Only while the branch is at this commit, or is not there (`null`): `CONFLICT` otherwise. Default: wherever it is. */
  readonly expected?: string | null;
}

/** Puts files and directories back to what they were. */
export interface Restore extends Omit<Change, "edits" | "on"> {
  /** Files or directories; `""` is everything. What was not there at that commit goes. */
  readonly paths: readonly string[];
  /** The commit at which they were as they shall be. */
  readonly to: string;
}

export type CommitResult =
  | { readonly status: "committed"; readonly id: string; readonly parent?: string }
  /** The branch already is as it was to be made, or would begin as what it is made from: then it is not made. */
  | { readonly status: "unchanged"; readonly id: string };

export interface Revert extends Omit<Authorship, "message">, CallOptions {
  readonly branch: string;
  /** The commit to undo: on the branch, not a merge. */
  readonly commit: string;
  /** Default: as `git revert` words it. */
  readonly message?: string;
}

/** What a branch stands at. */
export interface BranchHead {
  readonly commit: Commit;
  readonly tree: Tree;
}

/** Writes to a repository without a work tree. A path that somebody else changed meanwhile is never overwritten. */
export interface GitWriter {
  /** The branch's newest commit; undefined where there is no such branch. */
  head(branch: string, options?: CallOptions): Promise<BranchHead | undefined>;
  /** Throws `CONFLICT` (`paths` in the message) for a lost race that cannot be made good, `BLOCKED` where the server refuses. */
  commit(change: Change): Promise<CommitResult>;
  /** Throws `CONFLICT` where what it would undo was changed again. */
  revert(revert: Revert): Promise<CommitResult>;
  /** One new commit on top, whatever was changed in between. */
  restore(restore: Restore): Promise<CommitResult>;
  /** Throws `CONFLICT` where the branch stands elsewhere. */
  branch(name: string, commit: string, options?: CallOptions): Promise<void>;
  /** With a message and an author it is an annotated tag. Throws `CONFLICT` where there is such a tag. */
  tag(name: string, commit: string, options?: CallOptions & Partial<Authorship>): Promise<void>;
  close(): Promise<void>;
}

/** Nothing is read, and no library loaded, before the first call. */
export function gitWriter(options: GitWriterOptions): GitWriter {
  const limits = limitsOf(options.limits);
  const path = parseLocation(options.url);
  checkProxy(options);
  const make = async (): Promise<GitWriter> => {
    const { repositoryWriter } = await import("./repository-writer.ts");
    if (path !== undefined) {
      const { localWritable } = await import("./local-writable.ts");
      return repositoryWriter(path, localWritable(path, limits));
    }
    const { remoteWritable } = await import("./remote-writable.ts");
    return repositoryWriter(displayUrl(options.url), await remoteWritable({ ...options, limits }));
  };
  let made: Promise<GitWriter> | undefined;
  const writer = (): Promise<GitWriter> => (made ??= make());
  return {
    head: async (...given) => (await writer()).head(...given),
    commit: async (change) => (await writer()).commit(change),
    revert: async (revert) => (await writer()).revert(revert),
    restore: async (restore) => (await writer()).restore(restore),
    branch: async (...given) => (await writer()).branch(...given),
    tag: async (...given) => (await writer()).tag(...given),
    close: async () => (await made)?.close(),
  };
}
