import assert from "node:assert/strict";
import { toTrueUpError, type Entry, type Source, type Tree } from "@trueup/spec";
import type { Case } from "./case.ts";

/** Content by path; `null` removes the file. */
export type SourceFiles = Readonly<Record<string, string | null>>;

/** One place that a source reads, and the means to change it. */
export interface SourcePlace {
  readonly source: Source;
  /** Makes these changes the next revision. */
  readonly change: (files: SourceFiles) => Promise<void>;
  /** Releases the place. The source was closed before. */
  readonly dispose?: () => Promise<void>;
}

export interface SourceHarness {
  /** A new place that holds these files, and a source that reads it. */
  readonly create: (files: SourceFiles) => Promise<SourcePlace>;
  /** Whether an older revision can still be opened. Default true; a working tree cannot. */
  readonly history?: boolean;
}

const FILES: SourceFiles = {
  "app/b.yaml": "b: 1\n",
  "app/a.yaml": "a: 1\n",
  "app/nested/c.yaml": "c: 1\n",
  "copy/a.yaml": "a: 1\n",
  "copy/b.yaml": "b: 1\n",
  "copy/nested/c.yaml": "c: 1\n",
  "README.md": "hello\n",
};

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");
const paths = (entries: readonly Entry[]): string[] => entries.map(({ path }) => path);

const aborted = (error: unknown): boolean => toTrueUpError(error).code === "ABORTED";

async function openNow(source: Source): Promise<Tree> {
  return (await source.open(await source.resolve())).tree;
}

/** What every source must do. Run each: `for (const { name, run } of sourceCases(harness)) it(name, run)`. */
export function sourceCases(harness: SourceHarness): readonly Case[] {
  const rule = (name: string, body: (place: SourcePlace) => Promise<void>, files: SourceFiles = FILES): Case => ({
    name,
    async run() {
      const place = await harness.create(files);
      try {
        await body(place);
      } finally {
        await place.source.close?.();
        await place.dispose?.();
      }
    },
  });

  return [
    rule("has a name", async ({ source }) => {
      assert.equal(typeof source.name, "string");
      assert.notEqual(source.name, "");
    }),
    rule("resolves to the same revision while nothing changes", async ({ source }) => {
      assert.equal((await source.resolve()).id, (await source.resolve()).id);
    }),
    rule("resolves to another revision after a change", async ({ source, change }) => {
      const before = await source.resolve();
      await change({ "app/a.yaml": "a: 2\n" });
      assert.notEqual((await source.resolve()).id, before.id);
    }),
    rule("lists a directory sorted by name, with paths from the root", async ({ source }) => {
      const tree = await openNow(source);
      assert.deepEqual(paths(await tree.list("app")), ["app/a.yaml", "app/b.yaml", "app/nested"]);
      const types = (await tree.list("app")).map(({ type }) => type);
      assert.deepEqual(types, ["file", "file", "directory"]);
    }),
    rule("lists the root as '', '.' and without a path", async ({ source }) => {
      const tree = await openNow(source);
      const root = ["README.md", "app", "copy"];
      assert.deepEqual(paths(await tree.list()), root);
      assert.deepEqual(paths(await tree.list("")), root);
      assert.deepEqual(paths(await tree.list(".")), root);
    }),
    rule("reads a file", async ({ source }) => {
      const tree = await openNow(source);
      assert.equal(text(await tree.read("app/nested/c.yaml")), "c: 1\n");
    }),
    rule("what was read may be changed by the reader", async ({ source }) => {
      const tree = await openNow(source);
      (await tree.read("README.md")).fill(0);
      assert.equal(text(await tree.read("README.md")), "hello\n");
    }),
    rule("gives equal content an equal digest, and other content another", async ({ source }) => {
      const tree = await openNow(source);
      const [app, copy] = [await tree.list("app"), await tree.list("copy")];
      assert.deepEqual(
        app.map(({ digest }) => digest),
        copy.map(({ digest }) => digest),
      );
      assert.equal(new Set(app.map(({ digest }) => digest)).size, 3);
      assert.equal((await tree.subtree("app")).digest, (await tree.subtree("copy")).digest);
      assert.notEqual((await tree.subtree("app")).digest, tree.digest);
    }),
    rule("the digest of a tree changes with its content, and comes back with it", async ({ source, change }) => {
      const before = (await openNow(source)).digest;
      await change({ "app/nested/c.yaml": "c: 2\n" });
      const changed = (await openNow(source)).digest;
      await change({ "app/nested/c.yaml": "c: 1\n" });
      assert.notEqual(changed, before);
      assert.equal((await openNow(source)).digest, before);
    }),
    rule("a change leaves the digests of what it does not touch", async ({ source, change }) => {
      const before = await (await openNow(source)).subtree("copy");
      await change({ "app/a.yaml": "a: 2\n" });
      assert.equal((await (await openNow(source)).subtree("copy")).digest, before.digest);
    }),
    rule("a subtree has its own root", async ({ source }) => {
      const tree = await (await openNow(source)).subtree("app");
      assert.deepEqual(paths(await tree.list()), ["a.yaml", "b.yaml", "nested"]);
      assert.equal(text(await tree.read("nested/c.yaml")), "c: 1\n");
      await assert.rejects(tree.read("app/a.yaml"), { code: "NOT_FOUND" });
    }),
    rule("what is not there is NOT_FOUND", async ({ source }) => {
      const tree = await openNow(source);
      await assert.rejects(tree.read("app/none.yaml"), { code: "NOT_FOUND" });
      await assert.rejects(tree.read("none/a.yaml"), { code: "NOT_FOUND" });
      await assert.rejects(tree.read("README.md/a.yaml"), { code: "NOT_FOUND" });
      await assert.rejects(tree.list("none"), { code: "NOT_FOUND" });
      await assert.rejects(tree.list("README.md"), { code: "NOT_FOUND" });
      await assert.rejects(tree.subtree("none"), { code: "NOT_FOUND" });
    }),
    rule("a directory is not read as a file", async ({ source }) => {
      await assert.rejects((await openNow(source)).read("app"), { code: "INVALID" });
    }),
    rule("paths that lead out of the tree are refused", async ({ source }) => {
      const tree = await openNow(source);
      for (const path of ["..", "../etc/passwd", "app/../../x", "app/../README.md", "/README.md", "app\\a.yaml"]) {
        await assert.rejects(tree.read(path), { code: "INVALID" }, path);
        await assert.rejects(tree.list(path), { code: "INVALID" }, path);
        await assert.rejects(tree.subtree(path), { code: "INVALID" }, path);
      }
    }),
    rule("says when a revision is the one before", async ({ source }) => {
      const revision = await source.resolve();
      assert.equal((await source.open(revision, { previous: revision })).relation, "same");
    }),
    rule("says 'forward', or 'unknown', for the next revision", async ({ source, change }) => {
      const previous = await source.resolve();
      await source.open(previous);
      await change({ "app/a.yaml": "a: 2\n" });
      const { relation } = await source.open(await source.resolve(), { previous });
      assert.ok(relation === "forward" || relation === "unknown", relation);
    }),
    ...(harness.history === false
      ? []
      : [
          rule("opens an older revision as it was", async ({ source, change }) => {
            const before = await source.resolve();
            await change({ "app/a.yaml": "a: 2\n", "README.md": null });
            await openNow(source);
            const { tree } = await source.open(before);
            assert.equal(text(await tree.read("app/a.yaml")), "a: 1\n");
            assert.equal(text(await tree.read("README.md")), "hello\n");
          }),
        ]),
    rule("an aborted signal stops every call", async ({ source }) => {
      const revision = await source.resolve();
      const signal = AbortSignal.abort();
      await assert.rejects(source.resolve({ signal }), aborted);
      await assert.rejects(source.open(revision, { signal }), aborted);
    }),
    rule("opens the same revision many times at once", async ({ source }) => {
      const revision = await source.resolve();
      const snapshots = await Promise.all(Array.from({ length: 20 }, () => source.open(revision)));
      assert.equal(new Set(snapshots.map(({ tree }) => tree.digest)).size, 1);
      for (const snapshot of snapshots) snapshot.close();
    }),
    rule("a snapshot and a source may be closed twice", async ({ source }) => {
      const snapshot = await source.open(await source.resolve());
      snapshot.close();
      snapshot.close();
      await source.close?.();
      await source.close?.();
    }),
    rule("calls the watcher after a change, where it can be watched", async ({ source, change }) => {
      if (source.watch === undefined) return;
      await source.resolve();
      const watched = Promise.withResolvers<void>();
      const stop = source.watch(watched.resolve);
      await change({ "app/a.yaml": "a: 3\n" });
      await watched.promise;
      stop();
      stop();
    }),
  ];
}
