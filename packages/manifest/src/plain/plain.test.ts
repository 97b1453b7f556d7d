import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  TrueUpError,
  type Entry,
  type RenderCache,
  type RenderContext,
  type RenderInput,
  type Tree,
} from "@trueup/spec";
import { plain, type PlainOptions } from "./plain.ts";

type Files = Readonly<Record<string, string | { link: string } | { submodule: true }>>;

const sha = (text: string): string => createHash("sha1").update(text).digest("hex");

/** A tree of texts that counts what is asked of it. Links lead to files of the tree. */
function treeOf(
  files: Files,
  root = "",
  calls = { list: [] as string[], read: [] as string[] },
): Tree & { calls: typeof calls } {
  const below = (path: string): [string, Files[string]][] =>
    Object.entries(files).filter(([file]) => path === "" || file.startsWith(`${path}/`));
  const at = (path: string): string => [root, path].filter((part) => part !== "").join("/");
  const digestOf = (path: string): string =>
    sha(JSON.stringify(below(path).map(([file, text]) => [file.slice(path.length), text])));
  return {
    calls,
    digest: digestOf(root),
    async list(path = "") {
      const directory = at(path);
      calls.list.push(directory);
      const entries = new Map<string, Entry>();
      for (const [file, content] of below(directory)) {
        const rest = directory === "" ? file : file.slice(directory.length + 1);
        const name = rest.split("/")[0] as string;
        const full = path === "" ? name : `${path}/${name}`;
        if (rest !== name)
          entries.set(name, {
            path: full,
            type: "directory",
            digest: digestOf(directory === "" ? name : `${directory}/${name}`),
          });
        else if (typeof content === "string")
          entries.set(name, { path: full, type: "file", digest: sha(content), size: Buffer.byteLength(content) });
        else if (content !== undefined && "link" in content)
          entries.set(name, { path: full, type: "symlink", digest: sha(content.link) });
        else entries.set(name, { path: full, type: "submodule", digest: "0" });
      }
      return [...entries.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
    },
    async read(path) {
      calls.read.push(at(path));
      const content = files[at(path)];
      const text = typeof content === "object" && "link" in content ? files[content.link] : content;
      if (typeof text === "string") return new TextEncoder().encode(text);
      throw new TrueUpError(text === undefined ? "INVALID" : "UNSUPPORTED", `${path}: cannot be read`);
    },
    subtree: async (path) => treeOf(files, at(path), calls),
  };
}

function memoryCache(): RenderCache & { values: Map<string, object> } {
  const values = new Map<string, object>();
  return { values, get: (key) => values.get(key), set: (key, value) => void values.set(key, value) };
}

const inputOf = (
  tree: Tree,
  { path = "", cache = memoryCache(), signal }: { path?: string; cache?: RenderCache; signal?: AbortSignal } = {},
): RenderInput => ({
  tree,
  path,
  parameters: {},
  context: { application: "test", cache } as unknown as RenderContext,
  ...(signal !== undefined && { signal }),
});

const config = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;

async function render(files: Files, options: PlainOptions & { path?: string } = {}) {
  const { path, ...rest } = options;
  const { objects, hooks, warnings } = await plain(rest).render(
    inputOf(treeOf(files), { ...(path !== undefined && { path }) }),
  );
  expect([hooks, warnings]).toEqual([[], []]);
  return objects.map(({ manifest, origin }) => `${origin.file}:${origin.line} ${manifest.metadata.name}`);
}

async function failure(files: Files, options: PlainOptions = {}): Promise<TrueUpError> {
  const outcome = await plain(options)
    .render(inputOf(treeOf(files)))
    .catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(TrueUpError);
  return outcome as TrueUpError;
}

describe("what is read", () => {
  it("all .yaml, .yml and .json files, in the order of their paths, documents in theirs", async () => {
    const files = {
      "z.yaml": config("z"),
      "b/c.yml": `${config("c1")}---\n${config("c2")}`,
      "b.yaml": config("b"),
      "a/x.json": JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "x" } }),
      "README.md": "no",
      "a/notes.txt": "no",
      "a/yaml": "no",
      "x.yaml.bak": "no",
      "x.YAML": "no",
    };
    expect(await render(files)).toEqual(["a/x.json:1 x", "b.yaml:1 b", "b/c.yml:1 c1", "b/c.yml:5 c2", "z.yaml:1 z"]);
  });

  it("below the path only, with the path in the origin", async () => {
    const files = {
      "a.yaml": config("a"),
      "deploy/b.yaml": config("b"),
      "deploy/x/c.yaml": config("c"),
      "deployed/d.yaml": config("d"),
    };
    for (const path of ["deploy", "deploy/", "./deploy", "/deploy//"]) {
      expect(await render(files, { path })).toEqual(["deploy/b.yaml:1 b", "deploy/x/c.yaml:1 c"]);
    }
    for (const path of ["", ".", "./"]) expect(await render(files, { path })).toHaveLength(4);
  });

  it("names that begin with a point are left out", async () => {
    const files = {
      ".a.yaml": "no: [",
      ".git/config.yaml": "no: [",
      "x/.github/workflows/ci.yaml": "no: [",
      "x/a.yaml": config("a"),
    };
    expect(await render(files)).toEqual(["x/a.yaml:1 a"]);
  });

  it("empty files and directories are nothing", async () => {
    expect(await render({})).toEqual([]);
    expect(await render({ "a.yaml": "", "b.yaml": "# note\n---\n" })).toEqual([]);
  });

  it("links to files are followed, links to directories are not", async () => {
    const files = { "real/a.yaml": config("a"), "b.yaml": { link: "real/a.yaml" }, dir: { link: "real" } };
    expect(await render(files)).toEqual(["b.yaml:1 a", "real/a.yaml:1 a"]);
  });

  it("the dialect can be chosen", async () => {
    const files = { "a.yaml": `${config("a")}data: {k: yes}\n` };
    const { objects } = await plain({ dialect: "kustomize" }).render(inputOf(treeOf(files)));
    expect(objects[0]?.manifest["data"]).toEqual({ k: "yes" });
  });

  it("takes any directory, and says what its output depends on", async () => {
    expect(await plain().detects(treeOf({}))).toBe(true);
    expect(plain().name).toBe("plain");
    expect(plain().version).toBe(plain({}).version);
    const versions = [plain(), plain({ dialect: "kustomize" }), plain({ limits: { depth: 3 } })].map(
      ({ version }) => version,
    );
    expect(new Set(versions).size).toBe(3);
  });
});

describe("what is refused", () => {
  it("fault 29: one bad document among the files of a tree: all errors are told, nothing is rendered", async () => {
    const files = {
      "a.yaml": config("a"),
      "b.yaml": `${config("b")}---\nkind: [\n---\n${config("c")}`,
      "c.json": '{"apiVersion": "v1", "kind": "ConfigMap"}',
      "d.yaml": config("d"),
    };
    const error = await failure(files);
    expect(error.code).toBe("INVALID");
    expect(error.errors?.map(({ origin }) => origin)).toEqual([
      { file: "b.yaml", document: 2, line: 5 },
      { file: "c.json", document: 1, line: 1, field: "/metadata" },
    ]);
    expect(error.message).toBe(
      "2 errors\n- b.yaml:5: what [, { or a quote began is not closed before this line\n- c.json:1: /metadata: is missing; metadata.name is required",
    );
  });

  it("a single error is thrown as it is", async () => {
    const error = await failure({ "a.yaml": "a: 1\na: 2\n" });
    expect([error.code, error.message, error.errors]).toEqual([
      "INVALID",
      "a.yaml:2: /a: the field is there twice",
      undefined,
    ]);
  });

  it("of very many errors the message shows a hundred", async () => {
    const files = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`${1000 + i}.yaml`, "x"]));
    const error = await failure(files);
    expect(error.errors).toHaveLength(101);
    expect(error.message.split("\n")).toHaveLength(102);
    expect(error.message.endsWith("- 1099.yaml:1: a manifest is a map, this is a string\nand 1 more")).toBe(true);
    const { "1100.yaml": _, ...hundred } = files;
    expect((await failure(hundred)).message.endsWith("- 1099.yaml:1: a manifest is a map, this is a string")).toBe(
      true,
    );
  });

  it("fault 14: a file over the budget is not even read", async () => {
    const tree = treeOf({ "big.yaml": config("a"), "small.yaml": "" });
    const error = await plain({ limits: { bytes: 20 } })
      .render(inputOf(tree))
      .catch((error: unknown) => error);
    expect(error).toMatchObject({
      code: "LIMIT",
      message: "big.yaml: 51 bytes, at most 20 are read",
      origin: { file: "big.yaml" },
    });
    expect(tree.calls.read).toEqual(["small.yaml"]);
    expect(await render({ "a.yaml": config("a") }, { limits: { bytes: 51 } })).toHaveLength(1);
  });

  it("too many files", async () => {
    const files = { "a.yaml": config("a"), "x/b.yaml": config("b"), "c.txt": "" };
    expect(await render(files, { maxFiles: 2 })).toHaveLength(2);
    const error = await failure(files, { maxFiles: 1 });
    expect([error.code, error.message]).toEqual(["LIMIT", ".: 2 files of manifests, at most 1 are read"]);
  });

  it("a submodule: what it holds would be missing", async () => {
    const error = await failure({ "a.yaml": config("a"), "x/vendor": { submodule: true } });
    expect([error.code, error.message]).toEqual(["UNSUPPORTED", "x/vendor: submodules are not read"]);
  });

  it("a file that the tree refuses is one of the errors, named", async () => {
    const error = await failure({ "a.yaml": { link: "nowhere" }, "b.yaml": "a: [" });
    expect(error.errors?.map(({ code, message, origin }) => [code, message, origin])).toEqual([
      ["INVALID", "a.yaml: cannot be read", { file: "a.yaml" }],
      [
        "INVALID",
        "b.yaml:1: unexpected end of the stream within a flow collection",
        { file: "b.yaml", document: 1, line: 1 },
      ],
    ]);
  });

  it.each(["INVALID", "LIMIT", "UNSUPPORTED", "NOT_FOUND"] as const)(
    "so is one that it answers %s for",
    async (code) => {
      const tree = { ...treeOf({ "a.yaml": "" }), read: () => Promise.reject(new TrueUpError(code, "no such luck")) };
      const error = { code, message: "a.yaml: no such luck", origin: { file: "a.yaml" } };
      await expect(plain().render(inputOf(tree))).rejects.toMatchObject(error);
    },
  );

  it.each(["UNAVAILABLE", "INCOMPLETE", "ABORTED", "INTERNAL"] as const)(
    "a tree that answers %s is no empty tree",
    async (code) => {
      const tree = {
        ...treeOf({ "a.yaml": config("a"), "b.yaml": "a: [" }),
        read: () => Promise.reject(new TrueUpError(code, "gone")),
      };
      await expect(plain().render(inputOf(tree))).rejects.toMatchObject({ code, message: "gone" });
    },
  );
});

describe("the work is done once", () => {
  const files: Record<string, string> = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [`d${i % 4}/f${i}.yaml`, config(`c${i}`)]),
  );

  it("a changed file costs its own parse and the listings above it", async () => {
    const cache = memoryCache();
    const before = await plain().render(inputOf(treeOf(files), { cache }));
    const same = treeOf(files);
    const again = await plain().render(inputOf(same, { cache }));
    expect(same.calls).toEqual({ list: [], read: [] });
    expect(again).toEqual(before);

    const changed = treeOf({ ...files, "d2/f2.yaml": config("changed") });
    const after = await plain().render(inputOf(changed, { cache }));
    expect(changed.calls).toEqual({ list: ["", "d2"], read: ["d2/f2.yaml"] });
    expect(
      after.objects.filter((object, i) => object !== before.objects[i]).map(({ manifest }) => manifest.metadata.name),
    ).toEqual(["changed"]);
  });

  it("errors are remembered too", async () => {
    const cache = memoryCache();
    const bad = { ...files, "x.yaml": "a: [" };
    await expect(plain().render(inputOf(treeOf(bad), { cache }))).rejects.toThrow("x.yaml:1");
    const tree = treeOf(bad);
    await expect(plain().render(inputOf(tree, { cache }))).rejects.toThrow("x.yaml:1");
    expect(tree.calls.read).toEqual([]);
  });

  it("the same bytes at another path, under other limits or in another dialect are another thing", async () => {
    const cache = memoryCache();
    const one = { "a.yaml": `${config("a")}data: {k: yes}\n` };
    await plain().render(inputOf(treeOf(one), { cache }));
    const moved = await plain().render(inputOf(treeOf({ "b.yaml": one["a.yaml"] }), { cache }));
    expect(moved.objects[0]?.origin.file).toBe("b.yaml");
    const below = await plain().render(inputOf(treeOf({ "x/a.yaml": one["a.yaml"] }), { cache, path: "x" }));
    expect(below.objects[0]?.origin.file).toBe("x/a.yaml");
    const other = await plain({ dialect: "kustomize" }).render(inputOf(treeOf(one), { cache }));
    expect(other.objects[0]?.manifest["data"]).toEqual({ k: "yes" });
    await expect(plain({ limits: { depth: 1 } }).render(inputOf(treeOf(one), { cache }))).rejects.toThrow(
      "nested deeper than 1",
    );
  });

  it("what stands behind a link is read every time: its entry does not tell when it changes", async () => {
    const cache = memoryCache();
    await plain().render(inputOf(treeOf({ "b.yaml": { link: ".real" }, ".real": config("one") }), { cache }));
    const { objects } = await plain().render(
      inputOf(treeOf({ "b.yaml": { link: ".real" }, ".real": config("two") }), { cache }),
    );
    expect(objects[0]?.manifest.metadata.name).toBe("two");
  });
});

describe("cancelled", () => {
  it("before it began", async () => {
    const tree = treeOf({ "a.yaml": config("a") });
    const reason = new Error("enough");
    await expect(plain().render(inputOf(tree, { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
    expect(tree.calls.read).toEqual([]);
  });

  it("in the middle: no more than the files under way are read", async () => {
    const files = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`f${i}.yaml`, config(`c${i}`)]));
    const tree = treeOf(files);
    const stop = new AbortController();
    const read = tree.read.bind(tree);
    const watched: Tree = {
      ...tree,
      read(path) {
        if (tree.calls.read.length === 100) stop.abort();
        return read(path);
      },
    };
    await expect(plain().render(inputOf(watched, { signal: stop.signal }))).rejects.toMatchObject({
      name: "AbortError",
    });
    expect(tree.calls.read.length).toBeLessThan(130);
  });

  it("lets timers run while it parses", async () => {
    const big = Array.from(
      { length: 300 },
      (_, i) => `${config(`c${i}`)}data: {${Array.from({ length: 20 }, (_, k) => `k${k}: v`).join(", ")}}\n`,
    ).join("---\n");
    const files = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`f${i}.yaml`, big]));
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await plain().render(inputOf(treeOf(files)));
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(1);
  });
});
