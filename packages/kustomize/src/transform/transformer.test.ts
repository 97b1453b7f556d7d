import { memoryTree } from "@trueup/testkit";
import { expect, it } from "vitest";
import { build } from "../build.ts";
import { Resource } from "../resource.ts";
import { Resources } from "../resources.ts";
import { NULL, scalar } from "../yaml/node.ts";
import { parseNode } from "../yaml/parse.ts";
import { transformEach, transformTogether, type Pass, type Transformer } from "./transformer.ts";

const resource = (name: string): Resource => {
  const node = parseNode(`{apiVersion: v1, kind: ConfigMap, metadata: {name: ${name}}}`);
  if (node === undefined) throw new Error("no document");
  return new Resource(node, { file: `${name}.yaml` });
};
const abc = (): Resources => new Resources(["a", "b", "c"].map(resource));
const pass = (change: (resource: Resource) => void, begin = (): void => {}): Pass => ({
  begin: () => {
    begin();
    return change;
  },
  comesFirst: false,
});
const rest = async (): Promise<void> => {};

it("all steps go over a resource before the next", async () => {
  const seen: string[] = [];
  const step = (mark: string): Pass => pass(({ name }) => void seen.push(`${mark} ${name}`));
  await transformTogether([step("1"), step("2")], abc(), rest);
  expect(seen).toEqual(["1 a", "2 a", "1 b", "2 b", "1 c", "2 c"]);
});

it("what a step has emptied the next ones do not see", async () => {
  const seen: string[] = [];
  const empty = pass((one) => {
    if (one.name === "b") one.node = scalar("", NULL);
  });
  await transformTogether([empty, pass(({ name }) => void seen.push(name))], abc(), rest);
  expect(seen).toEqual(["a", "c"]);
});

it.each([
  [{ "1": "c", "2": "a" }, "1 c"],
  [{ "1": "b", "2": "b" }, "1 b"],
  [{ "2": "c", "3": "a" }, "2 c"],
  [{ "2": "ab" }, "2 a"],
])(
  "with failures %j the error is that of one step after the other",
  async (failures: Record<string, string>, first) => {
    const step = (mark: string): Transformer =>
      transformEach(() => ({ name }) => {
        if (failures[mark]?.includes(name) === true) throw new Error(`${mark} ${name}`);
      });
    const steps = ["1", "2", "3"].map(step);
    expect(() => {
      for (const one of steps) one(abc());
    }).toThrow(new Error(first));
    const passes = steps.flatMap((one) => one.pass ?? []);
    await expect(transformTogether(passes, abc(), rest)).rejects.toThrow(new Error(first));
  },
);

it("a step that cannot begin fails behind the ones before it, and keeps the ones behind it from beginning", async () => {
  const seen: string[] = [];
  const see = pass(({ name }) => void seen.push(name));
  const fail = pass(
    () => {},
    () => {
      throw new Error("no pattern");
    },
  );
  const last = pass(
    () => {},
    () => void seen.push("begun"),
  );
  await expect(transformTogether([see, fail, last], abc(), rest)).rejects.toThrow(new Error("no pattern"));
  expect(seen).toEqual(["a", "b", "c"]);
});

it("others are let run every hundred resources", async () => {
  const many = new Resources(Array.from({ length: 201 }, (_, i) => resource(`r${i}`)));
  let breaths = 0;
  await transformTogether([], many, async () => void breaths++);
  expect(breaths).toBe(3);
  const stopped = transformTogether([], many, () => Promise.reject(new Error("stopped")));
  await expect(stopped).rejects.toThrow(new Error("stopped"));
});

it("a namespace is given after all patches: it is their names that may not meet", async () => {
  const configMap = (name: string, namespace: string): string =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n  namespace: ${namespace}\n`;
  const tree = memoryTree(
    new Map([
      ["a.yaml", configMap("a", "test")],
      ["b.yaml", configMap("b", "prod")],
      [
        "kustomization.yaml",
        [
          "resources: [a.yaml, b.yaml]",
          "namespace: prod",
          "patches:",
          "- target: { name: b }",
          "  patch: '- { op: replace, path: /metadata/name, value: a }'",
          "",
        ].join("\n"),
      ],
    ]),
  );
  await expect(build(tree, "")).rejects.toThrow(
    expect.objectContaining({
      code: "INVALID",
      message: "namespace transformation produces ID conflict: ConfigMap.v1.[noGrp]/a.prod",
    }),
  );
});
