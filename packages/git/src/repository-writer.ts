import { isTrueUpError, TrueUpError, type Signature } from "@trueup/spec";
import { diffTrees, entryAt } from "./diff-trees.ts";
import { editTree, type Edit, type Edits, type NewObject } from "./edit-tree.ts";
import type { Authorship, Change, CommitResult, GitWriter } from "./git-writer.ts";
import { commitData, oidOf, tagData, type Person } from "./object.ts";
import { NO_OBJECT, type RefUpdate } from "./receive-pack.ts";
import { isRefName, type ListedRef } from "./ref.ts";
import type { OpenedCommit } from "./snapshot.ts";
import { segmentsOf, type TreeReader } from "./tree.ts";

/** A repository that can be written to, wherever it is. */
export interface Writable {
  readonly reader: TreeReader;
  list(prefixes: readonly string[], signal?: AbortSignal): Promise<readonly ListedRef[]>;
  /** The commit, with everything it holds at hand. */
  open(id: string, signal?: AbortSignal): Promise<OpenedCommit>;
  /** Stores the objects and moves the ref, if it still is where it was. Undefined where that was done, or the reason not to. */
  update(update: RefUpdate, objects: readonly NewObject[], signal?: AbortSignal): Promise<string | undefined>;
  close(): void;
}

const ATTEMPTS = 5;

export function repositoryWriter(name: string, repository: Writable): GitWriter {
  const { reader } = repository;

  async function find(ref: string, signal?: AbortSignal): Promise<string | undefined> {
    return (await repository.list([ref], signal)).find((listed) => listed.name === ref)?.oid;
  }

  /** Throws `BLOCKED` with the server's reason; `false`: somebody else was faster. */
  async function move(update: RefUpdate, objects: readonly NewObject[], signal?: AbortSignal): Promise<boolean> {
    let refused: string | undefined;
    try {
      refused = await repository.update(update, objects, signal);
    } catch (error) {
      // The answer was lost, not necessarily the push.
      if (!isTrueUpError(error) || !error.retryable) throw error;
      if ((await find(update.ref, signal)) === update.to) return true;
      throw error;
    }
    if (refused === undefined) return true;
    if (((await find(update.ref, signal)) ?? NO_OBJECT) !== update.from) return false;
    throw new TrueUpError("BLOCKED", `${name}: ${update.ref} was not accepted: ${refused}`);
  }

  /** Commits what `edit` makes of the branch's newest tree, again and again while others are faster. */
  async function commitOnto(
    change: Omit<Change, "edits" | "on">,
    edit: (tip: OpenedCommit | undefined) => Promise<Edits>,
  ): Promise<CommitResult> {
    const ref = refName("heads", change.branch);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const tip = await find(ref, change.signal);
      if (change.expected !== undefined && (tip ?? null) !== change.expected)
        throw new TrueUpError(
          "CONFLICT",
          `${name}: ${ref} is at ${tip ?? "nothing"}, not at ${change.expected ?? "nothing"}`,
          {
            retryable: false,
          },
        );
      if (tip === undefined && change.from === undefined)
        throw new TrueUpError("NOT_FOUND", `${name}: there is no ${ref}`);
      const parent = tip ?? change.from ?? undefined;
      const opened = parent === undefined ? undefined : await repository.open(parent, change.signal);
      const { root, objects } = editTree(reader, opened?.tree.digest, await edit(opened));
      if (parent !== undefined && root === opened?.tree.digest) return { status: "unchanged", id: parent };
      const message = typeof change.message === "function" ? change.message() : change.message;
      const commit = await makeCommit({ ...change, message }, root, parent === undefined ? [] : [parent]);
      if (await move({ ref, from: tip ?? NO_OBJECT, to: commit.oid }, [commit, ...objects], change.signal)) {
        return { status: "committed", id: commit.oid, ...(parent !== undefined && { parent }) };
      }
    }
    throw new TrueUpError("CONFLICT", `${name}: ${ref} was moved by others ${ATTEMPTS} times in a row`);
  }

  return {
    async head(branch, { signal } = {}) {
      const id = await find(refName("heads", branch), signal);
      return id === undefined ? undefined : await repository.open(id, signal);
    },

    async commit(change) {
      const { edits } = change;
      if (typeof edits === "function") {
        return commitOnto(change, async (tip) => {
          if (tip === undefined)
            throw new TrueUpError("INVALID", "the first commit of a repository has no tree to be edited");
          return edits(tip.tree);
        });
      }
      let base = change.on === undefined ? undefined : (await repository.open(change.on, change.signal)).tree.digest;
      return commitOnto(change, async (tip) => {
        base ??= tip?.tree.digest;
        const touched = Object.keys(edits).filter((path) => !same(reader, path, base, tip?.tree.digest));
        if (touched.length > 0) throw conflict(name, "changed by others meanwhile", touched);
        return edits;
      });
    },

    async revert(revert) {
      const undone = await repository.open(revert.commit, revert.signal);
      const [parent, second] = undone.commit.parents;
      if (second !== undefined)
        throw new TrueUpError("UNSUPPORTED", `${revert.commit} is a merge, which has no one way back`);
      const before = parent === undefined ? undefined : (await repository.open(parent, revert.signal)).tree.digest;
      const changes = diffTrees(reader, before, undone.tree.digest);
      return commitOnto({ ...revert, message: revert.message ?? revertMessage(undone) }, async (tip) => {
        const touched = changes.filter(({ path }) => !same(reader, path, undone.tree.digest, tip?.tree.digest));
        if (touched.length > 0)
          throw conflict(
            name,
            "changed since",
            touched.map(({ path }) => path),
          );
        const edits = changes.map(({ path, before }): [string, Edit] => [
          path,
          before ? { oid: before.oid, mode: before.mode } : null,
        ]);
        return Object.fromEntries(edits);
      });
    },

    async restore(restore) {
      const then = (await repository.open(restore.to, restore.signal)).tree.digest;
      return commitOnto(restore, async (tip) => {
        const now = tip?.tree.digest;
        // The root is no entry of anything: its entries are.
        const tops = [then, now].flatMap((tree) => (tree === undefined ? [] : reader.tree(tree)));
        const names = tops.map(({ name }) => name);
        const wanted = restore.paths.map((path) => segmentsOf(path).join("/"));
        const paths = new Set(wanted.includes("") ? names : wanted);
        const edits = [...paths].flatMap((path): [string, Edit][] => {
          if (same(reader, path, then, now)) return [];
          const entry = entryAt(reader, then, path);
          return [[path, entry ? { oid: entry.oid, mode: entry.mode } : null]];
        });
        return Object.fromEntries(edits);
      });
    },

    async branch(branch, commit, { signal } = {}) {
      const ref = refName("heads", branch);
      const there = await find(ref, signal);
      if (there === commit) return;
      if (there !== undefined) throw new TrueUpError("CONFLICT", `${name}: ${ref} is at ${there}`);
      await repository.open(commit, signal);
      if (!(await move({ ref, from: NO_OBJECT, to: commit }, [], signal)))
        throw new TrueUpError("CONFLICT", `${name}: ${ref} was made by others`);
    },

    async tag(tag, commit, options = {}) {
      const { signal } = options;
      const ref = refName("tags", tag);
      if ((await find(ref, signal)) !== undefined) throw new TrueUpError("CONFLICT", `${name}: there is a ${ref}`);
      await repository.open(commit, signal);
      const object = await makeTag(tag, commit, options);
      const objects = object === undefined ? [] : [object];
      const done = await move({ ref, from: NO_OBJECT, to: object?.oid ?? commit }, objects, signal);
      if (!done) throw new TrueUpError("CONFLICT", `${name}: ${ref} was made by others`);
    },

    close: async () => repository.close(),
  };
}

function refName(kind: "heads" | "tags", name: string): string {
  const ref = `refs/${kind}/${name}`;
  if (!isRefName(ref)) throw new TrueUpError("INVALID", `${JSON.stringify(name)} is not a name Git allows`);
  return ref;
}

function same(reader: TreeReader, path: string, a: string | undefined, b: string | undefined): boolean {
  if (a === b) return true;
  const [before, after] = [entryAt(reader, a, path), entryAt(reader, b, path)];
  return before?.oid === after?.oid && before?.mode === after?.mode;
}

function conflict(name: string, how: string, paths: readonly string[]): TrueUpError {
  const shown = paths.slice(0, 5).join(", ") + (paths.length > 5 ? ` and ${paths.length - 5} more` : "");
  return new TrueUpError("CONFLICT", `${name}: ${how}: ${shown}`, { retryable: false });
}

function revertMessage({ commit }: OpenedCommit): string {
  return `Revert "${commit.message.split("\n")[0]}"\n\nThis reverts commit ${commit.id}.\n`;
}

const person = (signature: Signature, time: number): Person => ({ name: signature.name, email: signature.email, time });

async function makeCommit(given: Authorship, tree: string, parents: readonly string[]): Promise<NewObject> {
  const time = given.time ?? Date.now();
  const author = person(given.author, time);
  const committer = person(given.committer ?? given.author, time);
  const commit = { tree, parents, author, committer, message: given.message };
  const plain = commitData(commit);
  const data = given.sign === undefined ? plain : commitData(commit, await given.sign(plain));
  return { oid: oidOf("commit", data), type: "commit", data };
}

/** Undefined for a tag that is a name only. */
async function makeTag(tag: string, commit: string, given: Partial<Authorship>): Promise<NewObject | undefined> {
  const { author, committer = author, message, time = Date.now() } = given;
  if (message === undefined) return undefined;
  if (committer === undefined) throw new TrueUpError("INVALID", "a tag with a message needs an author");
  const content = { object: commit, tag, tagger: person(committer, time), message };
  const plain = tagData(content);
  const data = given.sign === undefined ? plain : tagData(content, await given.sign(plain));
  return { oid: oidOf("tag", data), type: "tag", data };
}
