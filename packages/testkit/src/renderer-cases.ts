import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  canonicalJson,
  digestOf,
  isTrueUpError,
  toTrueUpError,
  TrueUpError,
  type RenderCache,
  type RenderContext,
  type Rendered,
  type Renderer,
  type RenderInput,
  type Tree,
  type TrueUpError as Problem,
  type JsonObject,
} from "@trueup/spec";
import type { Case } from "./case.ts";
import type { SourceFileMap } from "./memory-source.ts";
import { memoryTree } from "./memory-tree.ts";

export interface RendererHarness {
  /** A new renderer. */
  readonly create: () => Renderer;
  /** A tree that it renders, at `path`, to at least two objects. */
  readonly files: SourceFileMap;
  /** Default: the root. */
  readonly path?: string;
  /** Default: none. */
  readonly parameters?: JsonObject;
  /** Files that break the render when they are put beside `files`, each by itself: paths to contents. Two at least. */
  readonly broken: SourceFileMap;
  /** A file of `files` whose change changes the output, and its new content. */
  readonly change: { readonly path: string; readonly content: string };
  /** False: it is chosen by name only, and detects nothing. Default true. */
  readonly detected?: boolean;
  /** What a directory without files is. Default `nothing`: no objects. */
  readonly empty?: "nothing" | "error";
  /** Whether it reads outside `path` (a base beside the overlay). Default false. */
  readonly readsOutside?: boolean;
  /** Whether a second render with the same cache reads no file again. Default true. */
  readonly caches?: boolean;
  /** For what else it asks of its context: capabilities, other sources. */
  readonly context?: Partial<RenderContext>;
}

/** What every renderer must do. Run each: `for (const { name, run } of rendererCases(harness)) it(name, run)`. */
export function rendererCases(harness: RendererHarness): readonly Case[] {
  const { create, files, path = "", parameters = {}, broken, change, empty = "nothing" } = harness;
  const { readsOutside = false, caches = true } = harness;

  interface Setting {
    readonly tree?: Tree;
    readonly cache?: RenderCache;
    readonly renderer?: Renderer;
    readonly signal?: AbortSignal;
  }
  const render = async ({ tree = treeOf(files), cache = forgetful, renderer = create(), signal }: Setting = {}) => {
    const context = contextWith(cache, harness.context);
    const input: RenderInput = { tree, path, parameters, context, ...(signal !== undefined && { signal }) };
    return await renderer.render(input);
  };
  const rule = (name: string, run: () => Promise<void>): Case => ({ name, run });

  return [
    rule("renderer: has a name, and detects what it renders", async () => {
      const renderer = create();
      assert.ok(typeof renderer.name === "string" && renderer.name !== "");
      const tree = treeOf(files);
      assert.equal(await renderer.detects(path === "" ? tree : await tree.subtree(path)), harness.detected ?? true);
    }),
    rule("renderer: answers objects, hooks and warnings that are in their contract", async () => {
      const { objects, hooks, warnings } = await render();
      assert.ok(objects.length >= 2, `${objects.length} objects`);
      for (const { manifest, origin, digest } of [...objects, ...hooks.map(({ declared }) => declared)]) {
        for (const text of [manifest.apiVersion, manifest.kind, manifest.metadata.name, origin.file]) {
          assert.ok(typeof text === "string" && text !== "", JSON.stringify({ manifest, origin }));
        }
        assert.deepEqual(JSON.parse(canonicalJson(manifest)), manifest, "a manifest is JSON");
        assert.equal(digest, digestOf(manifest));
      }
      for (const { severity, message } of warnings) assert.ok(severity === "warning" && message !== "");
    }),
    rule("renderer: the same input gives the same output, whatever was rendered before", async () => {
      const expected = textOf(await render());
      const renderer = create();
      assert.equal(textOf(await render({ renderer })), expected);
      const changed = textOf(await render({ renderer, tree: treeOf({ ...files, [change.path]: change.content }) }));
      assert.notEqual(changed, expected, `a change of ${change.path} does not show`);
      assert.equal(textOf(await render({ renderer })), expected);
    }),
    rule("renderer: renders do not disturb each other", async () => {
      const other = { ...files, [change.path]: change.content };
      const [one, two] = [textOf(await render()), textOf(await render({ tree: treeOf(other) }))];
      const renderer = create();
      const texts = await Promise.all(
        Array.from({ length: 8 }, async (_, i) =>
          textOf(await render({ renderer, tree: treeOf(i % 2 === 0 ? files : other) })),
        ),
      );
      assert.deepEqual(
        texts,
        texts.map((_, i) => (i % 2 === 0 ? one : two)),
      );
    }),
    rule("renderer: takes its input from the tree alone, and leaves the rest of the tree alone", async () => {
      const seen: string[] = [];
      const elsewhere = { "elsewhere/not-read.yaml": "a: [", "elsewhere/not-read.json": "{" };
      const tree = watching(treeOf(path === "" ? files : { ...files, ...elsewhere }), (at) => void seen.push(at));
      assert.equal(textOf(await render({ tree })), textOf(await render()));
      assert.ok(seen.length > 0, "it read nothing");
      const outside = seen.filter((at) => path !== "" && at !== path && !at.startsWith(`${path}/`));
      if (readsOutside) assert.ok(!outside.some((at) => at.startsWith("elsewhere/")), outside.join());
      else assert.deepEqual(outside, []);
    }),
    rule("renderer: all that is wrong is told at once, each with its file", async () => {
      assert.ok(Object.keys(broken).length >= 2, "the harness names two broken files at least");
      for (const [file, content] of Object.entries(broken)) {
        const problems = await problemsOf(render({ tree: treeOf({ ...files, [file]: content }) }));
        assert.ok(
          problems.some(({ origin, message }) => origin?.file === file && message.includes(file)),
          `${file}: ${problems.map(({ message }) => message).join("; ")}`,
        );
      }
      const found = new Set((await problemsOf(render({ tree: treeOf({ ...files, ...broken }) }))).map(fileOf));
      for (const file of Object.keys(broken)) assert.ok(found.has(file), `${file} is not among ${[...found].join()}`);
    }),
    rule("renderer: a tree that cannot be read is an error, never a smaller output", async () => {
      const reads: string[] = [];
      await render({ tree: watching(treeOf(files), (at, what) => void (what === "read" && reads.push(at))) });
      for (const lost of new Set(reads)) {
        const tree = watching(treeOf(files), (at, what) => {
          if (what === "read" && at === lost) throw new TrueUpError("UNAVAILABLE", "the connection was reset");
        });
        const error = await failureOf(render({ tree }));
        assert.equal(error.code, "UNAVAILABLE", `${lost}: ${error.message}`);
      }
    }),
    rule("renderer: a directory without files", async () => {
      const tree = treeOf(path === "" ? {} : { [`${path}/.keep`]: "" });
      if (empty === "nothing") assert.deepEqual((await render({ tree })).objects, []);
      else assert.ok((await problemsOf(render({ tree }))).length > 0);
    }),
    rule("renderer: a signal that has fired ends it before it reads", async () => {
      const reads: string[] = [];
      const tree = watching(treeOf(files), (at, what) => void (what === "read" && reads.push(at)));
      const error = await failureOf(render({ tree, signal: AbortSignal.abort() }));
      assert.equal(error.code, "ABORTED");
      assert.deepEqual(reads, []);
    }),
    rule("renderer: a signal ends it in the middle", async () => {
      const stop = new AbortController();
      const many: Record<string, string> = {};
      const [file, content] = Object.entries(files).find(([at]) => at === change.path) ?? ["", ""];
      const dot = file.lastIndexOf(".");
      for (let i = 0; i < 200; i++) many[`${file.slice(0, dot)}-${i}${file.slice(dot)}`] = content;
      let reads = 0;
      const tree = watching(treeOf({ ...many, ...files }), (_, what) => {
        if (what === "read") reads++;
        stop.abort();
      });
      assert.equal((await failureOf(render({ tree, signal: stop.signal }))).code, "ABORTED");
      assert.ok(reads < 100, `${reads} reads after the signal`);
    }),
    rule("renderer: with a cache it answers the same, and changes nothing it put there", async () => {
      const cache = freezing();
      const expected = textOf(await render());
      assert.equal(textOf(await render({ cache })), expected);
      const tree = treeOf({ ...files, [change.path]: change.content });
      assert.equal(textOf(await render({ cache, tree })), textOf(await render({ tree })));
      assert.equal(textOf(await render({ cache })), expected);
    }),
    rule("renderer: with a cache it reads what changed, and nothing else", async () => {
      if (!caches) return;
      const cache = freezing();
      await render({ cache });
      const reads: string[] = [];
      const note = (at: string, what: "read" | "list"): void => void (what === "read" && reads.push(at));
      await render({ cache, tree: watching(treeOf(files), note) });
      assert.deepEqual(reads, []);
      await render({ cache, tree: watching(treeOf({ ...files, [change.path]: change.content }), note) });
      assert.deepEqual([...new Set(reads)], [change.path]);
    }),
  ];
}

const treeOf = (files: SourceFileMap): Tree => memoryTree(new Map(Object.entries(files)));

const forgetful: RenderCache = { get: () => undefined, set: () => {} };

/** Keeps everything, frozen to the bottom: whoever changes it throws. */
function freezing(): RenderCache {
  const values = new Map<string, object>();
  return {
    get: (key) => values.get(key),
    set(key, value) {
      freeze(value);
      values.set(key, value);
    },
  };
}

function freeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return;
  Object.freeze(value);
  for (const inner of value instanceof Map ? value.values() : Object.values(value)) freeze(inner);
}

/** A context that knows nothing of the world, and in which every use of randomness is the same. */
function contextWith(cache: RenderCache, given: Partial<RenderContext> = {}): RenderContext {
  const absent = (what: string): Promise<never> =>
    Promise.reject(new TrueUpError("NOT_FOUND", `no ${what} in this test`));
  let drawn = 0;
  return {
    application: "conformance",
    source: (name) => absent(`source ${name}`),
    capabilities: async () => ({ apiVersions: ["v1", "apps/v1"], version: "v1.36.0" }),
    lookup: async () => undefined,
    clock: () => 1_700_000_000_000,
    random: (bytes) =>
      Uint8Array.from({ length: bytes }, () => createHash("sha256").update(String(drawn++)).digest()[0] as number),
    ...given,
    cache,
  };
}

/** The tree, and every path of it that is asked for, told before the answer. */
function watching(tree: Tree, told: (path: string, what: "read" | "list") => void, root = ""): Tree {
  const at = (path: string): string =>
    [root, ...path.split("/")].filter((segment) => segment !== "" && segment !== ".").join("/");
  return {
    digest: tree.digest,
    async list(path = "") {
      told(at(path), "list");
      return await tree.list(path);
    },
    async read(path) {
      told(at(path), "read");
      return await tree.read(path);
    },
    subtree: async (path) => watching(await tree.subtree(path), told, at(path)),
  };
}

const textOf = ({ objects, hooks, warnings }: Rendered): string => JSON.stringify({ objects, hooks, warnings });

async function failureOf(rendering: Promise<Rendered>): Promise<Problem> {
  const outcome = await rendering.then(
    ({ objects }) => `${objects.length} objects`,
    (error: unknown) => toTrueUpError(error),
  );
  assert.ok(typeof outcome === "object", `it was to fail, and answered ${JSON.stringify(outcome)}`);
  return outcome;
}

/** The errors of a render that fails because of its input. */
async function problemsOf(rendering: Promise<Rendered>): Promise<readonly Problem[]> {
  const error = await failureOf(rendering);
  assert.ok(
    isTrueUpError(error) && ["INVALID", "LIMIT", "UNSUPPORTED", "NOT_FOUND"].includes(error.code),
    String(error),
  );
  return error.errors ?? [error];
}

const fileOf = ({ origin }: Problem): string | undefined => origin?.file;
