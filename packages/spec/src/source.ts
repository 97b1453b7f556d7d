export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** What a source resolved to. */
export interface Revision {
  /** Identifies the content for ever: a commit id. */
  readonly id: string;
  /** What was followed to it, for people: `refs/heads/main`. */
  readonly ref?: string;
}

export interface Signature {
  readonly name: string;
  readonly email: string;
}

export interface Commit {
  readonly id: string;
  readonly author: Signature;
  readonly committer?: Signature;
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly parents: readonly string[];
}

/** What was verified, by whom it was signed. */
export interface Verification {
  readonly by: "ssh" | "pgp";
  readonly signer: string;
  readonly object: "commit" | "tag";
  readonly fingerprint?: string;
}

/** What a revision is to the previous one. */
export type Relation = "same" | "forward" | "forced" | "older" | "unknown";

export interface Snapshot {
  readonly tree: Tree;
  readonly commit?: Commit;
  readonly verified?: Verification;
  readonly relation: Relation;
  /** Lets a store evict. A tree is not read after its snapshot was closed. */
  close(): void;
}

export interface Entry {
  /** Path below the root of the tree it was listed from, `/` between segments. */
  readonly path: string;
  readonly type: "file" | "directory" | "symlink" | "submodule";
  /** Content address of what stands there. */
  readonly digest: string;
  /** Bytes, where it is known without reading. */
  readonly size?: number;
  readonly executable?: boolean;
}

/**
 * A lazy, read-only view of files. Paths are relative, `/` between segments, without `..`; `""` and `"."` are the root.
 * `read` and `list` follow symbolic links that stay inside the tree.
 */
export interface Tree {
  /** Content address of the whole: the git tree id. Equal digests mean equal content. */
  readonly digest: string;
  /** Decrypted: nothing read from it may be cached. */
  readonly confidential?: true;
  /** The entries of one directory, sorted by name (bytes). Throws `NOT_FOUND`. */
  list(path?: string): Promise<readonly Entry[]>;
  /** Throws `NOT_FOUND`, `LIMIT`, `INVALID` (a directory, a link that leaves the tree), `UNSUPPORTED` (a submodule, an LFS pointer). */
  read(path: string): Promise<Uint8Array>;
  /** The tree of a directory, a view with its own root. Throws `NOT_FOUND`. */
  subtree(path: string): Promise<Tree>;
}

export interface Source {
  readonly name: string;
  /** Cheap: what is current. Throws `NOT_FOUND` only on a complete answer that lacks the ref. */
  resolve(options?: CallOptions): Promise<Revision>;
  /** Read-only, lazy. `previous` decides `relation`. */
  open(revision: Revision, options?: CallOptions & { readonly previous?: Revision }): Promise<Snapshot>;
  /** Calls the listener when `resolve` may answer differently (a work tree changed). A poll is not needed then. */
  watch?(listener: () => void): () => void;
  close?(): Promise<void>;
}
