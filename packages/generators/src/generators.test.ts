import type { JsonObject } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { directories } from "./directories.ts";
import { files } from "./files.ts";
import { list } from "./list.ts";
import { matrix } from "./matrix.ts";
import { generate, inputOf, valuesOf } from "./testing/generating.ts";

describe("list", () => {
  it("answers what it was given, each with its place in the list", async () => {
    expect(await generate(list([{ a: 1 }, { a: 2 }]), {}, "teams")).toEqual([
      { values: { a: 1 }, origin: { file: "teams", through: ["list item 1"] } },
      { values: { a: 2 }, origin: { file: "teams", through: ["list item 2"] } },
    ]);
    expect((await generate(list([{}])))[0]?.origin.file).toBe(".");
    expect(await generate(list([]))).toEqual([]);
  });

  it("is limited", async () => {
    const sets = Array.from({ length: 10_001 }, () => ({}));
    expect(() => list(sets)).toThrow("list: 10001 items, at most 10000 are taken");
    expect(await generate(list(sets.slice(1)))).toHaveLength(10_000);
    await expect(list([{}]).generate({ ...inputOf({}), signal: AbortSignal.abort() })).rejects.toThrow();
  });
});

describe("directories", () => {
  const TREE = {
    "apps/web/a.yaml": "",
    "apps/api/deep/a.yaml": "",
    "apps/.hidden/a.yaml": "",
    "apps/readme.md": "",
    "infra/db/a.yaml": "",
    "other/a.yaml": "",
  };
  const paths = async (options: Parameters<typeof directories>[0], path = "") =>
    (await generate(directories(options), TREE, path)).map(({ values }) => (values["directory"] as JsonObject)["path"]);

  it("answers path, name and segments, sorted, with the directory as origin", async () => {
    expect(await generate(directories({ match: "apps/*" }), TREE)).toEqual([
      {
        values: { directory: { path: "apps/api", name: "api", segments: ["apps", "api"] } },
        origin: { file: "apps/api" },
      },
      {
        values: { directory: { path: "apps/web", name: "web", segments: ["apps", "web"] } },
        origin: { file: "apps/web" },
      },
    ]);
  });

  it("below the application's path; segments are of what matched", async () => {
    expect(valuesOf(await generate(directories({ match: "*" }), TREE, "./apps/"))).toEqual([
      { directory: { path: "apps/api", name: "api", segments: ["api"] } },
      { directory: { path: "apps/web", name: "web", segments: ["web"] } },
    ]);
  });

  it("several globs, exclusions, any depth; points only where they are meant", async () => {
    expect(await paths({ match: ["apps/*", "infra/*"], exclude: "**/api" })).toEqual(["apps/web", "infra/db"]);
    expect(await paths({ match: "**" })).toEqual([
      "apps",
      "apps/api",
      "apps/api/deep",
      "apps/web",
      "infra",
      "infra/db",
      "other",
    ]);
    expect(await paths({ match: "**", exclude: ["apps", "infra/*"] })).toEqual(["infra", "other"]);
    expect(await paths({ match: "{apps/web,infra/db,apps/api/deep}" })).toEqual([
      "apps/api/deep",
      "apps/web",
      "infra/db",
    ]);
    expect(await paths({ match: "apps/.*" })).toEqual(["apps/.hidden"]);
    expect(await paths({ match: "nothing/*" })).toEqual([]);
  });

  it("looks no deeper than its globs do", async () => {
    const { tree, ...rest } = inputOf(TREE);
    const listed: (string | undefined)[] = [];
    const watched = { ...tree, digest: "", list: async (path?: string) => (listed.push(path), await tree.list(path)) };
    await directories({ match: "apps/*", exclude: "infra" }).generate({ ...rest, tree: watched });
    expect(listed).toEqual(["", "apps", "other"]);
  });

  it("refuses globs that lead elsewhere, or nowhere", () => {
    for (const glob of ["", "/apps", "../apps", "apps/../.."]) {
      const message = `directories: a glob of paths below the application's is wanted, not ${JSON.stringify(glob)}`;
      expect(() => directories({ match: glob }), glob).toThrow(message);
      expect(() => directories({ match: "a", exclude: [glob] }), glob).toThrow(message);
    }
    expect(() => directories({ match: [] })).toThrow("directories: match: at least one glob is wanted");
    expect(() => files({ match: [] })).toThrow("files: match: at least one glob is wanted");
  });

  it("a directory that is not there is an error", async () => {
    await expect(generate(directories({ match: "*" }), TREE, "gone")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("files", () => {
  const TREE = {
    "teams/a/team.yaml": "name: a\nsize: 3\nlabels: {tier: one}\n",
    "teams/b/team.yaml": "# nothing but this\nname: b\n---\nname: c\n",
    "teams/team.json": '{"name": "d"}',
    "teams/a/other.yaml": "- 1\n",
  };

  it("answers every document's fields, typed, and which file it is", async () => {
    expect(await generate(files({ match: ["teams/*/team.yaml", "**/*.json"] }), TREE)).toEqual([
      {
        values: {
          name: "a",
          size: 3,
          labels: { tier: "one" },
          file: { path: "teams/a/team.yaml", name: "team.yaml", directory: { path: "teams/a", name: "a" } },
        },
        origin: { file: "teams/a/team.yaml", document: 1, line: 1 },
      },
      {
        values: {
          name: "b",
          file: { path: "teams/b/team.yaml", name: "team.yaml", directory: { path: "teams/b", name: "b" } },
        },
        origin: { file: "teams/b/team.yaml", document: 1, line: 2 },
      },
      {
        values: {
          name: "c",
          file: { path: "teams/b/team.yaml", name: "team.yaml", directory: { path: "teams/b", name: "b" } },
        },
        origin: { file: "teams/b/team.yaml", document: 2, line: 4 },
      },
      {
        values: {
          name: "d",
          file: { path: "teams/team.json", name: "team.json", directory: { path: "teams", name: "teams" } },
        },
        origin: { file: "teams/team.json", document: 1, line: 1 },
      },
    ]);
    const [root] = await generate(files({ match: "x.json" }), { "x.json": "{}" });
    expect(root?.values).toEqual({ file: { path: "x.json", name: "x.json", directory: { path: "", name: "" } } });
  });

  it("tells all that is wrong, each with file and line", async () => {
    const tree = { ...TREE, "teams/b/team.yaml": "name: b\nfile: x\n", "teams/c/team.yaml": "a: [\n" };
    await expect(generate(files({ match: "teams/**/*.yaml" }), tree)).rejects.toMatchObject({
      code: "INVALID",
      errors: [
        { message: "teams/a/other.yaml:1: values are wanted: a map of names" },
        {
          message: "teams/b/team.yaml:2: /file: is the name of what says which file this is",
          origin: { field: "/file" },
        },
        { origin: { file: "teams/c/team.yaml" } },
      ],
    });
  });
});

describe("matrix", () => {
  it("answers every pair in the order of both, with both origins", async () => {
    const pairs = await generate(matrix(list([{ env: "x" }, { env: "y" }]), directories({ match: "*" })), {
      "a/f": "",
      "b/f": "",
    });
    expect(
      pairs.map(({ values, origin }) => [values["env"], (values["directory"] as JsonObject)["name"], origin]),
    ).toEqual([
      ["x", "a", { file: "a", through: ["., list item 1"] }],
      ["x", "b", { file: "b", through: ["., list item 1"] }],
      ["y", "a", { file: "a", through: ["., list item 2"] }],
      ["y", "b", { file: "b", through: ["., list item 2"] }],
    ]);
    expect(await generate(matrix(list([]), list([{}])))).toEqual([]);
    expect(matrix(list([]), matrix(list([]), list([]))).name).toBe("matrix of list and matrix of list and list");
  });

  it("a name that both have must mean the same", async () => {
    const same = matrix(list([{ a: { x: 1, y: 2 } }]), list([{ a: { y: 2, x: 1 }, b: 1 }]));
    expect(valuesOf(await generate(same))).toEqual([{ a: { y: 2, x: 1 }, b: 1 }]);
    await expect(generate(matrix(list([{ a: 1 }]), list([{ a: 2 }])), {}, "p")).rejects.toMatchObject({
      code: "INVALID",
      message: "p: a: stands otherwise in p, list item 1",
    });
  });

  it("tells what is wrong with both, and passes on what is not the input's fault", async () => {
    const broken = matrix(files({ match: "a.yaml" }), files({ match: "b.yaml" }));
    await expect(generate(broken, { "a.yaml": "- 1", "b.yaml": "- 2" })).rejects.toMatchObject({
      errors: [{ origin: { file: "a.yaml" } }, { origin: { file: "b.yaml" } }],
    });
    const gone = matrix(directories({ match: "*" }), list([{}]));
    await expect(generate(gone, {}, "gone")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("is limited", async () => {
    const many = list(Array.from({ length: 101 }, (_, i) => ({ i })));
    const more = list(Array.from({ length: 100 }, (_, n) => ({ n })));
    await expect(generate(matrix(many, more))).rejects.toMatchObject({
      code: "LIMIT",
      message: ".: 101 × 100 sets of values, at most 10000 are taken",
    });
    expect(await generate(matrix(more, list(Array.from({ length: 100 }, (_, i) => ({ i })))))).toHaveLength(10_000);
  });
});
