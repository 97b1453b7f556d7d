import { formatComparison, formatComparisonMarkdown } from "@trueup/diff";
import { memorySource, memoryTarget, memoryTree } from "@trueup/testkit";
import { describe, expect, it, onTestFinished } from "vitest";
import { compare } from "./compare-applications.ts";
import { createController } from "../controller.ts";
import { memoryStore } from "../memory/memory-store.ts";

const config = (name: string, value: string, namespace?: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}${namespace === undefined ? "" : `, namespace: ${namespace}`} }\ndata: { value: ${value} }\n`;

const files = {
  "staging/a.yaml": config("a", "one", "staging"),
  "staging/b.yaml": config("debug", "text", "staging"),
  "production/a.yaml": config("a", "two", "production"),
};
const expected = { namespace: true };

describe("compare", () => {
  it("renders two directories of a tree side by side", async () => {
    const tree = memoryTree(new Map(Object.entries(files)));
    const comparison = await compare({ tree, path: "staging" }, { tree, path: "./production/" }, { expected });
    expect(comparison).toMatchObject({
      a: { name: "staging", path: "staging", objects: 2 },
      b: { name: "production", path: "production", objects: 1 },
      alike: 0,
      warnings: [],
    });
    expect(comparison.a).not.toHaveProperty("revision");
    expect(formatComparison(comparison)).toBe(`staging     staging, 2 objects
production  production, 1 object
1 only in staging, 1 differs, 0 alike

- ConfigMap staging/debug
  staging     staging/b.yaml:1
  - apiVersion: v1
  - kind: ConfigMap
  - metadata:
  -   name: debug
  -   namespace: (namespace)
  - data:
  -   value: text

~ ConfigMap staging/a → production/a
  staging     staging/a.yaml:1
  production  production/a.yaml:1
    … 1 unchanged
    kind: ConfigMap
    metadata: {name: a, namespace: (namespace)}
    data:
  ~   value: one → two
`);
    expect(JSON.parse(JSON.stringify(comparison))).toEqual(comparison);
  });

  it("takes sources at revisions, a renderer of one's own, parameters and a namespace", async () => {
    const source = memorySource({ files: { "a.yaml": config("a", "one") } });
    const first = await source.resolve();
    const second = source.commit({ "a.yaml": config("a", "two") });
    const closed: string[] = [];
    const watched = {
      ...source,
      open: async (...args: Parameters<typeof source.open>) => {
        const snapshot = await source.open(...args);
        return { ...snapshot, close: () => void closed.push(args[0].id) };
      },
    };
    const at = { source: watched, revision: first, name: "shop" };
    const comparison = await compare(at, { source: watched, name: "shop" });
    expect(closed.toSorted()).toEqual(["r1", "r2"]);
    expect([comparison.a.revision, comparison.b.revision]).toEqual([first, second]);
    expect(formatComparison(comparison).split("\n").slice(0, 3)).toEqual([
      "shop@r1  the root at r1 of refs/heads/main, 1 object",
      "shop@r2  the root at r2 of refs/heads/main, 1 object",
      "1 differs, 0 alike",
    ]);

    const own = {
      name: "own",
      detects: async () => false,
      render: async ({ parameters }: { parameters: object }) => ({
        objects: [
          {
            manifest: { apiVersion: "v1", kind: "A", metadata: { name: "x" }, spec: { ...parameters } },
            origin: { file: "own" },
            digest: "",
          },
        ],
        hooks: [],
        warnings: [{ severity: "warning" as const, message: "old" }],
      }),
    };
    const tree = memoryTree(new Map());
    const side = (size: number) => ({
      tree,
      renderers: { own },
      renderer: "own",
      parameters: { size },
      namespace: "n",
    });
    const rendered = await compare(side(1), side(2));
    expect(rendered.differences).toMatchObject([
      { a: { ref: { target: "compared", namespace: "n" } }, patch: [{ op: "replace", path: "/spec/size", value: 2 }] },
    ]);
    expect(rendered.warnings).toEqual([{ severity: "warning", message: "old" }]);
    expect(rendered.a.name).toBe(".");
  });

  it("throws what stands in the way of a render, and what stopped it", async () => {
    const tree = memoryTree(new Map(Object.entries({ "a/x.yaml": "kind: A\n" })));
    await expect(compare({ tree, path: "a" }, { tree, path: "a" })).rejects.toThrow(/^2 errors\n- a\/x\.yaml:1/);
    await expect(compare({ tree, path: "b" }, { tree, path: "b" })).rejects.toThrow(
      "application b: the source has no directory b",
    );
    const signal = AbortSignal.abort();
    const sound = { tree: memoryTree(new Map(Object.entries(files))) };
    await expect(compare(sound, sound, { signal })).rejects.toMatchObject({ code: "ABORTED" });
  });
});

describe("controller.compare", () => {
  it("compares its applications, and one at two revisions, without a word to a target", async () => {
    const source = memorySource({ files });
    const [staging, production] = [memoryTarget({ name: "staging" }), memoryTarget({ name: "production" })];
    const controller = createController({
      sources: { repo: source },
      targets: { staging, production },
      store: memoryStore(),
      applications: [
        { name: "web-staging", source: "repo", path: "staging", target: "staging" },
        { name: "web-production", source: "repo", path: "production", target: "production" },
      ],
    });
    onTestFinished(async () => await controller.stop());
    const events: string[] = [];
    controller.subscribe(({ type }) => void events.push(type));
    const comparison = await controller.compare("web-staging", "web-production", { expected });
    expect(comparison.a).toEqual({
      name: "web-staging",
      path: "staging",
      objects: 2,
      revision: { id: "r1", ref: "refs/heads/main" },
    });
    expect(comparison.differences.map(({ status }) => status)).toEqual(["only-a", "differs"]);
    source.commit({ "staging/b.yaml": undefined });
    const revisions = await controller.compare(
      { application: "web-staging", revision: { id: "r1" } },
      { application: "web-staging", revision: { id: "r2" } },
    );
    expect(formatComparisonMarkdown(revisions)).toContain(
      "### `web-staging@r1` and `web-staging@r2`: `1 only in web-staging@r1, 1 alike`",
    );
    for (const { calls } of [staging, production]) expect([calls.observe, calls.apply, calls.watch]).toEqual([0, 0, 0]);
    expect(new Set(events)).toEqual(new Set(["source-resolved", "source-opened"]));
    await expect(controller.compare("web-staging", "web")).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: "no application is named web",
    });
  });
});
