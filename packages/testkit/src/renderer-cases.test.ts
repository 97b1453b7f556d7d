import { describe, expect, it } from "vitest";
import { digestOf, TrueUpError, type Declared, type Manifest, type Renderer, type RenderInput } from "@trueup/spec";
import { rendererCases, type RendererHarness } from "./renderer-cases.ts";

interface Parsed {
  declared: Declared;
}

/** A renderer as small as can be: every file below the path names one object. */
function words(): Renderer {
  return {
    name: "words",
    detects: async () => true,
    async render({ tree, path, context, signal }) {
      const objects: Declared[] = [];
      const errors: TrueUpError[] = [];
      for (const entry of await tree.list(path)) {
        signal?.throwIfAborted();
        const known = context.cache.get(entry.path + entry.digest) as Parsed | undefined;
        const name = known === undefined ? new TextDecoder().decode(await tree.read(entry.path)).trim() : "";
        if (known === undefined && !/^[a-z]*$/.test(name)) {
          const origin = { file: entry.path };
          errors.push(new TrueUpError("INVALID", `${entry.path}: not a word`, { origin }));
        } else if (known !== undefined || name !== "") {
          const parsed = known ?? { declared: declare(name, entry.path) };
          if (known === undefined) context.cache.set(entry.path + entry.digest, parsed);
          objects.push(parsed.declared);
        }
      }
      if (errors.length > 0) throw new TrueUpError("INVALID", "errors", { errors });
      return { objects, hooks: [], warnings: [] };
    },
  };
}

function declare(name: string, file: string): Declared {
  const manifest: Manifest = { apiVersion: "v1", kind: "Word", metadata: { name } };
  return { manifest, origin: { file }, digest: digestOf(manifest) };
}

const harnessOf = (create: () => Renderer): RendererHarness => ({
  create,
  path: "in",
  files: { "in/a": "alpha", "in/b": "beta" },
  broken: { "in/x": "1", "in/y": "2" },
  change: { path: "in/b", content: "other" },
});

async function failing(create: () => Renderer, more: Partial<RendererHarness> = {}): Promise<string[]> {
  const names: string[] = [];
  for (const { name, run } of rendererCases({ ...harnessOf(create), ...more })) {
    await run().catch(() => names.push(name.replace("renderer: ", "")));
  }
  return names;
}

/** `words` with another `render`. */
const but =
  (render: (input: RenderInput, right: Renderer["render"]) => ReturnType<Renderer["render"]>) => (): Renderer => {
    const right = words();
    return { ...right, render: (input) => render(input, (given) => right.render(given)) };
  };

describe("renderer cases", () => {
  for (const { name, run } of rendererCases(harnessOf(words))) it(name, run);

  const REPEATABLE = "the same input gives the same output, whatever was rendered before";
  const APART = "renders do not disturb each other";
  const TREE = "takes its input from the tree alone, and leaves the rest of the tree alone";
  const ERRORS = "all that is wrong is told at once, each with its file";
  const LOST = "a tree that cannot be read is an error, never a smaller output";
  const CACHE = "with a cache it answers the same, and changes nothing it put there";
  const CACHED = "with a cache it reads what changed, and nothing else";
  const CONTRACT = "answers objects, hooks and warnings that are in their contract";
  const EMPTY = "a directory without files";
  const BEFORE = "a signal that has fired ends it before it reads";
  const DURING = "a signal ends it in the middle";

  const wrong: [string, () => Renderer, string[]][] = [
    ["has no name", () => ({ ...words(), name: "" }), ["has a name, and detects what it renders"]],
    [
      "does not detect",
      () => ({ ...words(), detects: async () => false }),
      ["has a name, and detects what it renders"],
    ],
    [
      "gives a wrong digest",
      but(async (input, right) => {
        const rendered = await right(input);
        return { ...rendered, objects: rendered.objects.map((object) => ({ ...object, digest: "x" })) };
      }),
      [CONTRACT],
    ],
    [
      "gives no origin",
      but(async (input, right) => {
        const rendered = await right(input);
        return { ...rendered, objects: rendered.objects.map((object) => ({ ...object, origin: { file: "" } })) };
      }),
      [CONTRACT],
    ],
    [
      "counts",
      (() => {
        let renders = 0;
        return but(async (input, right) => {
          const rendered = await right(input);
          return { ...rendered, objects: [...rendered.objects, declare(`n${renders++}`, "in/a")] };
        });
      })(),
      [REPEATABLE, APART, TREE, EMPTY, CACHE],
    ],
    [
      "remembers the last tree",
      () => {
        const right = words();
        let last: ReturnType<Renderer["render"]> | undefined;
        return { ...right, render: (input) => (last ??= right.render(input)) };
      },
      [REPEATABLE, APART],
    ],
    [
      "keeps its state where renders share it",
      () => {
        let objects: Declared[] = [];
        return {
          ...words(),
          async render(input) {
            objects = [];
            for (const object of (await words().render(input)).objects) {
              await Promise.resolve();
              objects.push(object);
            }
            return { objects, hooks: [], warnings: [] };
          },
        };
      },
      [APART],
    ],
    [
      "reads beside its path",
      but(async (input, right) => {
        await input.tree.list("");
        return await right(input);
      }),
      [TREE],
    ],
    [
      "stops at the first error",
      but(async (input, right) => {
        try {
          return await right(input);
        } catch (error) {
          throw (error as TrueUpError).errors?.[0] ?? error;
        }
      }),
      [ERRORS],
    ],
    [
      "does not name the file",
      but(async (input, right) => {
        try {
          return await right(input);
        } catch (error) {
          throw error instanceof TrueUpError && error.code === "INVALID" ? new TrueUpError("INVALID", "bad") : error;
        }
      }),
      [ERRORS],
    ],
    [
      "leaves out what it cannot read",
      but((input, right) =>
        right({
          ...input,
          tree: { ...input.tree, read: (path) => input.tree.read(path).catch(() => new Uint8Array()) },
        }),
      ),
      [LOST],
    ],
    [
      "fails on nothing",
      but(async (input, right) => {
        const rendered = await right(input);
        if (rendered.objects.length === 0) throw new TrueUpError("INVALID", "nothing");
        return rendered;
      }),
      [EMPTY],
    ],
    [
      "ignores the signal",
      but((input, right) => right({ ...input, signal: new AbortController().signal })),
      [BEFORE, DURING],
    ],
    [
      "has no cache",
      but((input, right) =>
        right({ ...input, context: { ...input.context, cache: { get: () => undefined, set: () => {} } } }),
      ),
      [CACHED],
    ],
    [
      "changes what it cached",
      but(async (input, right) => {
        const rendered = await right(input);
        for (const object of rendered.objects) (object as { digest: string }).digest += "";
        return rendered;
      }),
      [CACHE, CACHED],
    ],
    [
      "caches by path alone",
      but((input, right) => {
        const { cache } = input.context;
        const short = (key: string) => key.slice(0, 4);
        return right({
          ...input,
          context: {
            ...input.context,
            cache: { get: (key) => cache.get(short(key)), set: (key, value) => cache.set(short(key), value) },
          },
        });
      }),
      [CACHE, CACHED],
    ],
  ];
  it.each(wrong)("a renderer that %s fails", async (_, create, expected) => {
    expect(await failing(create)).toEqual(expected);
  });

  it("a harness can say that a renderer has no cache, reads beside its path, or needs files", async () => {
    const uncached = but((input, right) =>
      right({ ...input, context: { ...input.context, cache: { get: () => undefined, set: () => {} } } }),
    );
    expect(await failing(uncached, { caches: false })).toEqual([]);
    const beside = but(async (input, right) => {
      await input.tree.list("");
      return await right(input);
    });
    expect(await failing(beside, { readsOutside: true })).toEqual([]);
    const needy = but(async (input, right) => {
      const rendered = await right(input);
      if (rendered.objects.length === 0) throw new TrueUpError("INVALID", "nothing");
      return rendered;
    });
    expect(await failing(needy, { empty: "error" })).toEqual([]);
    expect(await failing(words, { empty: "error" })).toEqual([EMPTY]);
  });
});
