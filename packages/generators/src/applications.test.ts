import type { JsonObject, RenderInput } from "@trueup/spec";
import { rendererCases, type RendererHarness } from "@trueup/testkit";
import { describe, expect, it } from "vitest";
import { applications, type ApplicationsOptions } from "./applications.ts";
import { directories } from "./directories.ts";
import { files } from "./files.ts";
import { list } from "./list.ts";
import { matrix } from "./matrix.ts";
import { inputOf } from "./testing/generating.ts";

const template = {
  metadata: { labels: { made: "yes" } },
  spec: { source: "git", target: "live", prune: { limit: 3 } },
};

async function render(options: Partial<ApplicationsOptions>, tree: Record<string, string> = {}) {
  const renderer = applications({ generate: list([]), template, fill: {}, ...options });
  return await renderer.render({ ...(inputOf(tree) as RenderInput), parameters: {} });
}
const manifests = async (...given: Parameters<typeof render>) =>
  (await render(...given)).objects.map(({ manifest }) => manifest as unknown as JsonObject);

describe("applications", () => {
  it("are the template with values filled in, by pointers, typed, the template left as it is", async () => {
    const generate = list([{ name: "a", settings: { limit: 5, tags: ["x", "y"] }, "we/ird": "w" }]);
    const fill = {
      "/metadata/name": "/name",
      "/spec/path": "/name",
      "/spec/prune/limit": "/settings/limit",
      "/spec/parameters/tag": "/settings/tags/1",
      "/metadata/labels/a~1b": "/we~1ird",
    };
    expect(await manifests({ generate, fill })).toEqual([
      {
        apiVersion: "trueup.dev/v1",
        kind: "Application",
        metadata: { name: "a", labels: { made: "yes", "a/b": "w" } },
        spec: { source: "git", target: "live", path: "a", prune: { limit: 5 }, parameters: { tag: "y" } },
      },
    ]);
    expect(template.spec.prune.limit).toBe(3);
  });

  it("or what a function answers, of copies", async () => {
    const generate = list([{ name: "a" }, { name: "b" }]);
    const made = await manifests({
      generate,
      fill: (values: JsonObject, { spec }) => {
        Object.assign(spec, { path: `apps/${values["name"] as string}` });
        return { metadata: { name: `team-${values["name"] as string}` }, spec };
      },
    });
    expect(made.map(({ metadata, spec }) => [metadata, (spec as JsonObject)["path"]])).toEqual([
      [{ name: "team-a" }, "apps/a"],
      [{ name: "team-b" }, "apps/b"],
    ]);
  });

  it("know where they come from", async () => {
    const { objects } = await render(
      { generate: files({ match: "*.yaml" }), fill: { "/metadata/name": "/name" }, name: "teams" },
      { "a.yaml": "x: 1\nname: a\n" },
    );
    expect(objects.map(({ origin }) => origin)).toEqual([{ file: "a.yaml", document: 1, line: 1, through: ["teams"] }]);
  });

  it("values that are missing, and places that are none, are errors: all at once", async () => {
    const generate = list([{ name: "a" }, {}, { name: "c", x: 1 }]);
    await expect(render({ generate, fill: { "/metadata/name": "/name", "/spec/path": "/x" } })).rejects.toMatchObject({
      code: "INVALID",
      errors: [
        { message: ".: /spec/path: there is no value /x" },
        { message: ".: /metadata/name: there is no value /name" },
      ],
    });
    await expect(render({ generate: list([{ a: 1 }]), fill: { "/spec/source/x": "/a" } })).rejects.toThrow(
      ".: /spec/source/x: leads through what is no map",
    );
    await expect(
      render({ generate: list([{ a: "toString" }]), fill: { "/metadata/name": "/toString" } }),
    ).rejects.toThrow("there is no value /toString");
    for (const name of [1, "", undefined]) {
      await expect(
        render({
          generate: list([{ a: 1 }]),
          fill: (_, t) => ({ ...t, metadata: name === undefined ? {} : { name } }),
        }),
      ).rejects.toThrow(".: the application has no name: /metadata/name is filled in by nothing");
    }
    const throwing = () => {
      throw new Error("no such team");
    };
    await expect(render({ generate: list([{ a: 1 }]), fill: throwing })).rejects.toMatchObject({
      code: "INVALID",
      message: ".: fill: no such team",
    });
  });

  it("a name that is made twice is an error that names both", async () => {
    const generate = matrix(list([{ env: "x" }, { env: "y" }]), directories({ match: "*" }));
    await expect(
      render({ generate, fill: { "/metadata/name": "/directory/name" } }, { "a/f": "" }),
    ).rejects.toMatchObject({
      code: "INVALID",
      origin: { file: "a" },
      message:
        'a: the application a is made twice: of {"env":"x","directory":{"path":"a","name":"a","segments":["a"]}} (a, ., list item 1) and of {"env":"y","directory":{"path":"a","name":"a","segments":["a"]}} (a, ., list item 2)',
    });
    const long = list([{ name: "a", text: "x".repeat(300) }, { name: "a" }]);
    await expect(render({ generate: long, fill: { "/metadata/name": "/name" } })).rejects.toThrow(
      /x{170,190}… \(\., list item 1\) and of \{"name":"a"\}/,
    );
  });

  it("no other place than the template is written", async () => {
    const made = await manifests({
      generate: list([{ v: "x", n: "a" }]),
      fill: { "/metadata/name": "/n", "/spec/__proto__/polluted": "/v" },
    });
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
    expect(Object.keys(made[0]?.["spec"] as JsonObject)).toContain("__proto__");
  });
});

interface Directories {
  readonly directory: { readonly name: string };
  readonly file: { readonly directory: { readonly name: string } };
}

const harness = (options: Pick<ApplicationsOptions, "generate" | "fill">): RendererHarness => ({
  create: () => applications({ template, ...options }),
  detected: false,
  path: "teams",
  files: { "teams/a/team.yaml": "name: a\nsize: 1\n", "teams/b/team.yaml": "name: b\nsize: 2\n" },
  broken: { "teams/c/team.yaml": "name: [\n", "teams/d/team.yaml": "- none\n" },
  change: { path: "teams/a/team.yaml", content: "name: a\nsize: 3\n" },
});
const byFile = { "/metadata/name": "/file/directory/name", "/spec/prune/limit": "/size" };

describe.each([
  ["files", harness({ generate: files({ match: "*/team.yaml" }), fill: byFile })],
  [
    "files and a list",
    harness({
      generate: matrix(list([{ env: "x" }]), files({ match: "**/team*.yaml" })),
      fill: (values, { spec }) => ({
        metadata: { name: ((values["file"] as JsonObject)["path"] as string).replaceAll("/", "-") },
        spec: { ...spec, parameters: { size: values["size"] as number } },
      }),
    }),
  ],
  [
    "directories and files",
    harness({
      generate: matrix(directories({ match: "*", exclude: ["c", "d"] }), files({ match: "*/team.yaml" })),
      fill: (values, { spec }) => {
        const { directory: own, file } = values as unknown as Directories;
        return {
          metadata: { name: `${own.name}-${file.directory.name}` },
          spec: { ...spec, parameters: { size: values["size"] as number } },
        };
      },
    }),
  ],
])("%s", (_, given) => {
  for (const { name, run } of rendererCases(given)) it(name, run);
});
