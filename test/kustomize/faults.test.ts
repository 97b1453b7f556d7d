import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { workingTree } from "@trueup/git";
import { build, type BuildOptions, type Built } from "@trueup/kustomize";
import type { Tree } from "@trueup/spec";
import { memoryTree } from "@trueup/testkit";
import { afterEach, describe, expect, it } from "vitest";

const treeOf = (files: Readonly<Record<string, string>>): Tree => memoryTree(new Map(Object.entries(files)));
const run = (files: Readonly<Record<string, string>>, options?: BuildOptions): Promise<Built> =>
  build(treeOf(files), "app", options);

const service = (name: string): string => `apiVersion: v1\nkind: Service\nmetadata:\n  name: ${name}\n`;
const SECRET = "canary-5f3a";

describe("fault 19: a path that leads out", () => {
  const outside = { "secret/token.yaml": service("token"), "secret/kustomization.yaml": "resources: [token.yaml]\n" };

  it.each([
    ["resources", "resources: [../secret/token.yaml]"],
    ["resources, hidden", "resources: [./x/../../secret/token.yaml]"],
    ["resources, absolute", "resources: [/secret/token.yaml]"],
    ["patches", "resources: [a.yaml]\npatches: [{ path: ../secret/token.yaml, target: { kind: Service } }]"],
    ["patchesStrategicMerge", "resources: [a.yaml]\npatchesStrategicMerge: [../secret/token.yaml]"],
    [
      "patchesJson6902",
      "resources: [a.yaml]\npatchesJson6902: [{ target: { kind: Service, name: a, version: v1 }, path: ../secret/token.yaml }]",
    ],
    ["configMapGenerator files", "configMapGenerator: [{ name: m, files: [../secret/token.yaml] }]"],
    ["configMapGenerator envs", "configMapGenerator: [{ name: m, envs: [../secret/token.yaml] }]"],
    ["secretGenerator files", "secretGenerator: [{ name: m, files: [key=../secret/token.yaml] }]"],
    ["configurations", "resources: [a.yaml]\nconfigurations: [../secret/token.yaml]"],
    ["crds", "resources: [a.yaml]\ncrds: [../secret/token.yaml]"],
    ["openapi", "resources: [a.yaml]\nopenapi: { path: ../secret/token.yaml }"],
    ["replacements", "resources: [a.yaml]\nreplacements: [{ path: ../secret/token.yaml }]"],
  ])("fault 19: %s is confined to the kustomization's directory", async (_, text) => {
    const files = { ...outside, "app/kustomization.yaml": `${text}\n`, "app/a.yaml": service("a") };
    await expect(run(files)).rejects.toMatchObject({
      code: "INVALID",
      message: expect.stringContaining("security; file '/secret/token.yaml' is not in or below '/app'"),
    });
  });

  it.each([
    ["a base", "resources: [../../etc]"],
    ["a component", "resources: [a.yaml]\ncomponents: [../../etc]"],
    ["a file", "resources: [../../etc/passwd]"],
    ["a generated file", "configMapGenerator: [{ name: m, files: [../../../etc/passwd] }]"],
  ])("fault 19: %s above the tree is refused, whatever the load restrictor says", async (_, text) => {
    const files = { "app/kustomization.yaml": `${text}\n`, "app/a.yaml": service("a") };
    for (const loadRestrictor of ["root", "none"] as const) {
      await expect(run(files, { loadRestrictor })).rejects.toMatchObject({
        code: "INVALID",
        message: expect.stringContaining("outside the tree"),
      });
    }
  });

  it("fault 19: without the restrictor, files elsewhere in the tree are read", async () => {
    const files = { ...outside, "app/kustomization.yaml": "resources: [../secret/token.yaml]\n" };
    expect((await run(files, { loadRestrictor: "none" })).objects).toHaveLength(1);
  });

  it("fault 19: a chart's home above the tree is refused", async () => {
    const files = { "app/kustomization.yaml": "helmGlobals: { chartHome: ../../charts }\nhelmCharts: [{ name: c }]\n" };
    await expect(run(files, { helm: () => Promise.resolve("") })).rejects.toMatchObject({
      code: "INVALID",
      message: expect.stringContaining("outside the tree"),
    });
  });
});

describe("fault 15: symbolic links", () => {
  let folder = "";
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("fault 15: one that leaves the repository is not followed, one that stays is", async () => {
    folder = mkdtempSync(join(tmpdir(), "kustomize-links-"));
    const repository = join(folder, "repository");
    mkdirSync(join(repository, "app"), { recursive: true });
    writeFileSync(join(folder, "secret.yaml"), service(SECRET));
    writeFileSync(join(repository, "app/inside.yaml"), service("inside"));
    symlinkSync("../../secret.yaml", join(repository, "app/out.yaml"));
    symlinkSync("inside.yaml", join(repository, "app/in.yaml"));
    const source = workingTree({ path: repository });
    const render = async (resource: string): Promise<Built> => {
      writeFileSync(join(repository, "app/kustomization.yaml"), `resources: [${resource}]\n`);
      return build((await source.open(await source.resolve())).tree, "app");
    };
    const error: unknown = await render("out.yaml").catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: "TrueUpError" });
    expect(String(error)).not.toContain(SECRET);
    expect((await render("in.yaml")).yaml).toBe(service("inside"));
    await source.close?.();
  });
});

describe("fault 20: what is remote", () => {
  it.each([
    ["a repository", "resources: ['https://github.com/org/repo//base?ref=v1']"],
    ["a repository, as git writes it", "resources: ['git@github.com:org/repo.git']"],
    ["a component", "resources: [a.yaml]\ncomponents: ['github.com/org/repo']"],
    ["a file", "resources: ['https://example.com/a.yaml']"],
    ["a patch", "resources: [a.yaml]\npatches: [{ path: 'https://example.com/p.yaml', target: { kind: Service } }]"],
    ["a schema", "resources: [a.yaml]\nopenapi: { path: 'https://example.com/schema.json' }"],
  ])("fault 20: %s is off by default", async (_, text) => {
    const files = { "app/kustomization.yaml": `${text}\n`, "app/a.yaml": service("a") };
    await expect(run(files)).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringContaining("is outside the tree"),
    });
  });

  it("fault 20: a passed function gets it, and what comes of it is confined to its own tree", async () => {
    const asked: unknown[] = [];
    const remote: BuildOptions["remote"] = (url, reference) => {
      asked.push([url, reference?.repository, reference?.path, reference?.ref]);
      return Promise.resolve({
        tree: treeOf({
          "base/kustomization.yaml": "resources: [a.yaml, ../../app/own.yaml]\n",
          "base/a.yaml": service("remote"),
        }),
      });
    };
    const files = {
      "app/kustomization.yaml": "resources: ['https://github.com/org/repo//base?ref=v1']\n",
      "app/own.yaml": service("own"),
    };
    await expect(run(files, { remote, loadRestrictor: "none" })).rejects.toMatchObject({ code: "INVALID" });
    expect(asked).toEqual([["https://github.com/org/repo//base?ref=v1", "https://github.com/org/repo", "base", "v1"]]);
  });

  it.each(["generators", "transformers", "validators"])("fault 20: a function under %s does not run", async (field) => {
    const plugin = `apiVersion: example.com/v1\nkind: Run\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n      exec: { path: ./evil.sh }\n`;
    const files = {
      "app/kustomization.yaml": `resources: [a.yaml]\n${field}: [plugin.yaml]\n`,
      "app/plugin.yaml": plugin,
      "app/a.yaml": service("a"),
    };
    await expect(run(files)).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringContaining("app/plugin.yaml"),
      origin: { file: "app/plugin.yaml", field: `/${field}` },
    });
  });

  it("fault 20: charts are off by default", async () => {
    await expect(run({ "app/kustomization.yaml": "helmCharts: [{ name: c }]\n" })).rejects.toMatchObject({
      code: "UNSUPPORTED",
      origin: { field: "/helmCharts/0" },
    });
  });
});

describe("fault 24: bombs", () => {
  it("fault 24: aliases of aliases are refused before they are written out", async () => {
    const levels = Array.from(
      { length: 9 },
      (_, i) => `  l${i}: &l${i} [${Array.from({ length: 10 }, () => (i === 0 ? "x" : `*l${i - 1}`)).join(", ")}]`,
    );
    const bomb = `apiVersion: v1\nkind: Bomb\nmetadata: { name: b }\nspec:\n${levels.join("\n")}\n`;
    const from = performance.now();
    await expect(run({ "app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": bomb })).rejects.toMatchObject({
      code: "LIMIT",
      message: expect.stringMatching(
        /^accumulating resources: app\/a\.yaml:\d+: .*aliases add more than 100000 values$/,
      ),
    });
    expect(performance.now() - from).toBeLessThan(1_000);
  });

  it("fault 24: the same in the kustomization itself", async () => {
    const levels = Array.from(
      { length: 9 },
      (_, i) => `- &l${i} [${Array.from({ length: 10 }, () => (i === 0 ? "x" : `*l${i - 1}`)).join(", ")}]`,
    );
    await expect(run({ "app/kustomization.yaml": `resources:\n${levels.join("\n")}\n` })).rejects.toMatchObject({
      code: "LIMIT",
    });
  });

  it("fault 25: 100,000 levels of nesting are an error, not a crash", async () => {
    const deep = `apiVersion: v1\nkind: Deep\nmetadata: { name: d }\nspec: ${"[".repeat(100_000)}${"]".repeat(100_000)}\n`;
    await expect(run({ "app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": deep })).rejects.toMatchObject({
      code: "LIMIT",
    });
  });

  it("a file of 100,000 lines is built", { timeout: 60_000 }, async () => {
    const lines = Array.from({ length: 100_000 }, (_, i) => `  key-${i}: value`).join("\n");
    const file = `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: m }\ndata:\n${lines}\n`;
    const { objects } = await run({
      "app/kustomization.yaml": "resources: [a.yaml]\nnamePrefix: p-\n",
      "app/a.yaml": file,
    });
    expect(Object.keys(objects[0]?.manifest["data"] ?? {})).toHaveLength(100_000);
  });

  it.each([
    ["one file's bytes", { fileBytes: 100 }, "at most 100 are read"],
    ["all files' bytes", { totalBytes: 100 }, "more than 100 bytes"],
    ["files", { files: 3 }, "more than 3 files"],
    ["resources", { resources: 1 }, "more than 1 resources"],
    ["the output", { outputBytes: 50 }, "more than 50 bytes"],
    ["values of a document", { values: 5 }, "more than 5 values"],
    ["nesting", { nesting: 1 }, "nested deeper than 1 levels"],
  ])("a budget on %s", async (_, limits, message) => {
    const files = {
      "app/kustomization.yaml": "resources:\n- a.yaml\n- b.yaml\n- c.yaml\n",
      "app/a.yaml": service("a"),
      "app/b.yaml": service("b"),
      "app/c.yaml": `${service("c")}spec:\n  text: ${"x".repeat(60)}\n`,
    };
    await expect(run(files, { limits })).rejects.toMatchObject({
      code: "LIMIT",
      message: expect.stringContaining(message),
    });
  });

  it("a budget on kustomizations below each other", async () => {
    const files: Record<string, string> = { "app/kustomization.yaml": "resources: [../l0]\n" };
    for (let i = 0; i < 12; i++) files[`l${i}/kustomization.yaml`] = `resources: [../l${i + 1}]\n`;
    await expect(run(files, { limits: { depth: 10 } })).rejects.toMatchObject({
      code: "LIMIT",
      message: expect.stringContaining("more than 10 kustomizations"),
    });
  });
});

describe("cycles", () => {
  it.each([
    ["itself", { "app/kustomization.yaml": "resources: [.]\n" }],
    ["its parent", { "kustomization.yaml": "resources: [app]\n", "app/kustomization.yaml": "resources: [..]\n" }],
    [
      "each other",
      { "app/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: [../app]\n" },
    ],
    [
      "a component",
      {
        "app/kustomization.yaml": "components: [../c]\n",
        "c/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ncomponents: [../app]\n",
      },
    ],
  ])("%s", async (_, files) => {
    await expect(run(files)).rejects.toMatchObject({
      code: "CYCLE",
      message: expect.stringContaining("cycle detected"),
    });
  });

  it("types that refer to themselves in a schema, and in crds", async () => {
    const schema = `definitions:\n  w:\n    x-kubernetes-group-version-kind: [{ group: example.com, version: v1, kind: W }]\n    properties:\n      spec: { $ref: "#/definitions/a" }\n  a: { $ref: "#/definitions/a" }\n`;
    const object = "apiVersion: example.com/v1\nkind: W\nmetadata: { name: w }\nspec: { list: [1] }\n";
    const patched = "resources: [a.yaml]\nopenapi: { path: schema.yaml }\npatches: [{ path: a.yaml }]\n";
    expect(
      (await run({ "app/kustomization.yaml": patched, "app/a.yaml": object, "app/schema.yaml": schema })).objects,
    ).toHaveLength(1);
    const crd = JSON.stringify({
      "x.W": { Schema: { properties: { kind: {}, apiVersion: {}, metadata: {}, self: { $ref: "x.W" } } } },
    });
    await expect(
      run({
        "app/kustomization.yaml": "resources: [a.yaml]\ncrds: [crd.json]\n",
        "app/a.yaml": object,
        "app/crd.json": crd,
      }),
    ).rejects.toMatchObject({ code: "LIMIT" });
  });
});

describe("fault 64: patterns from a repository", () => {
  const evil = "(a+)+$";
  const name = `${"a".repeat(5_000)}b`;

  it.each([
    ["a patch's target", `patches: [{ target: { name: "${evil}" }, patch: '[]' }]`],
    ["an image's name", `images: [{ name: "${evil}", newTag: x }]`],
    [
      "an item of a replacement's path",
      `replacements: [{ sourceValue: x, targets: [{ select: { kind: Pod }, fieldPaths: ["spec.containers.[name=${evil}].image"], options: { create: true } }] }]`,
    ],
  ])("fault 64: %s does not hang", async (_, text) => {
    const pod = `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name} }\nspec:\n  containers:\n  - { name: ${name}, image: ${name} }\n`;
    const from = performance.now();
    await run({ "app/kustomization.yaml": `resources: [a.yaml]\n${text}\n`, "app/a.yaml": pod }).catch(() => undefined);
    expect(performance.now() - from).toBeLessThan(5_000);
  });

  it("fault 64: one that is none is an error that names it", async () => {
    const files = {
      "app/kustomization.yaml": "resources: [a.yaml]\npatches: [{ target: { name: '(' }, patch: '[]' }]\n",
      "app/a.yaml": service("a"),
    };
    await expect(run(files)).rejects.toMatchObject({
      code: "INVALID",
      message: expect.stringContaining("error parsing regexp in name"),
    });
  });
});

describe("other abuse", () => {
  it.each([
    "__proto__: { polluted: true }",
    '"__proto__": { polluted: true }',
    "spec: { deep: { __proto__: { polluted: true } } }",
  ])("fault 26: %s is refused", async (line) => {
    await expect(
      run({ "app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": `${service("a")}${line}\n` }),
    ).rejects.toMatchObject({
      code: "INVALID",
      message: expect.stringContaining("__proto__"),
    });
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it("fault 26: a JSON patch cannot reach a prototype", async () => {
    const patch = `'[{"op": "add", "path": "/constructor/prototype/polluted", "value": true}]'`;
    await expect(
      run({
        "app/kustomization.yaml": `resources: [a.yaml]\npatches: [{ target: { kind: Service }, patch: ${patch} }]\n`,
        "app/a.yaml": service("a"),
      }),
    ).rejects.toMatchObject({ code: "INVALID" });
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it("fault 61: the values of secrets are in no error", async () => {
    for (const text of [
      `secretGenerator: [{ name: s, literals: [${SECRET}] }]`,
      `secretGenerator: [{ name: s, literals: [a=${SECRET}, a=${SECRET}] }]`,
      "secretGenerator: [{ name: s, envs: [a.env], literals: [KEY=x] }]",
    ]) {
      const error: unknown = await run({ "app/kustomization.yaml": `${text}\n`, "app/a.env": `KEY=${SECRET}\n` }).catch(
        (caught: unknown) => caught,
      );
      expect(error).toMatchObject({ code: "INVALID" });
      expect(String(error)).not.toContain(SECRET);
    }
  });

  it("an abort ends a build", async () => {
    const controller = new AbortController();
    const built = run(
      { "app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": service("a") },
      { signal: controller.signal },
    );
    controller.abort();
    await expect(built).rejects.toMatchObject({ code: "ABORTED" });
  });

  it("builds side by side do not see each other's schemas", async () => {
    const schema = "definitions: {}\n";
    const pod = "apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec:\n  containers: [{ name: a }]\n";
    const patch = "patches: [{ path: patch.yaml }]\n";
    const files = {
      "app/a.yaml": pod,
      "app/patch.yaml": pod.replace("name: a }", "name: b }"),
      "app/schema.yaml": schema,
    };
    const plain = { ...files, "app/kustomization.yaml": `resources: [a.yaml]\n${patch}` };
    const own = { ...files, "app/kustomization.yaml": `resources: [a.yaml]\nopenapi: { path: schema.yaml }\n${patch}` };
    const counts = await Promise.all(
      [plain, own, plain, own].map(async (one) => ((await run(one)).yaml.match(/- name/g) ?? []).length),
    );
    expect(counts).toEqual([2, 1, 2, 1]);
  });
});
