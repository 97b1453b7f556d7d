import { describe, expect, it } from "vitest";
import type { Application, Declared } from "@trueup/spec";
import { emitYaml } from "../emitter/emit.ts";
import { parseManifests } from "../reader/manifests.ts";
import { parseApplication } from "./parse-application.ts";

function declared(text: string): Declared {
  const { documents, errors } = parseManifests(text, { file: "apps.yaml" });
  expect(errors).toEqual([]);
  return documents[0] as Declared;
}

const application = (spec: string) =>
  declared(`apiVersion: trueup.dev/v1\nkind: Application\nmetadata: {name: web}\nspec:\n  ${spec}\n`);

async function problems(spec: string): Promise<string[]> {
  const error = await parseApplication(application(spec)).catch((error: Error) => error);
  if (!(error instanceof Error)) return [];
  const { errors } = error as { errors?: readonly Error[] };
  return (errors ?? [error]).map(({ message }) => message);
}

// TypeScript holds this against the contract: every field of it, none besides.
const FULL: Required<Application> = {
  name: "team/web_1.x-y",
  source: "git",
  project: "team",
  path: "apps/web",
  renderer: "plain",
  transforms: ["team-labels"],
  parameters: { any: [1, "x", null, { nested: true }] },
  target: "cluster",
  routes: [
    {
      target: "t",
      match: { group: "apps", kind: "Deployment", namespace: "a*", name: "*" },
      as: { user: "u", groups: ["g"] },
    },
  ],
  as: { user: "deployer", groups: [] },
  namespace: "prod",
  mode: "approve",
  selfHeal: false,
  windows: [
    {
      kind: "deny",
      schedule: "0 22 * * 1-5",
      durationMs: 60_000,
      timeZone: "Europe/Berlin",
      manual: true,
      match: { namespace: "prod" },
    },
  ],
  policies: [{ policy: "labels", parameters: { labels: ["team"] } }],
  prune: { enabled: true, allowEmpty: false, limit: "12.5%", protect: [{ kind: "Namespace" }] },
  adopt: "if-unowned",
  references: false,
  exports: { host: { object: "Service/demo/web", pointer: "/spec/clusterIP", target: "t" } },
  ignore: [{ match: { group: "" }, pointers: ["/spec/replicas", "", "/a~1b/~0c"], managers: ["hpa"] }],
  dependsOn: [{ application: "db", condition: "same-revision" }],
  retry: { limit: 0, delayMs: 1, factor: 1.5, maxDelayMs: 2 },
  onFailure: "pin",
  observeEveryMs: 1,
  healthTimeoutMs: 1,
  hooks: [{ phase: "post-sync", run: "smoke", wave: -1, timeoutMs: 1, retries: 0, retryDelayMs: 0 }],
  soakMs: 0,
  concurrency: 1,
  allowLookup: true,
  formerly: ["old"],
  onRemoval: "orphan",
  suspended: true,
};

describe("an Application", () => {
  it.each(["target", "routes"] as const)("with every field of the contract, without %s", async (without) => {
    const { name, [without]: _, ...spec } = FULL;
    const text = emitYaml({
      apiVersion: "trueup.dev/v1",
      kind: "Application",
      metadata: { name },
      spec: spec as never,
    });
    expect(await parseApplication(declared(text))).toEqual({ ...spec, name });
  });

  it("with the least", async () => {
    expect(await parseApplication(application("{source: git, target: files}"))).toEqual({
      name: "web",
      source: "git",
      target: "files",
    });
  });

  it.each([
    ["{target: t}", ["apps.yaml:4: /spec/source: is missing"]],
    ["{source: s}", ["apps.yaml:4: /spec: exactly one of target, routes must be given, none is"]],
    [
      "{source: s, target: t, routes: [{target: t}]}",
      ["apps.yaml:4: /spec: exactly one of target, routes must be given"],
    ],
    ["{source: s, routes: []}", ["apps.yaml:5: /spec/routes: must NOT have fewer than 1 items"]],
    ["{source: s, routes: [{match: {}}]}", ["apps.yaml:5: /spec/routes/0/target: is missing"]],
    ["{source: '', target: t}", ["apps.yaml:5: /spec/source: must NOT have fewer than 1 characters"]],
    ["{source: s, target: t, colour: red}", ["apps.yaml:5: /spec/colour: is not a field that is known here"]],
    ["{source: s, target: t, mode: Auto}", ['apps.yaml:5: /spec/mode: must be one of "auto", "observe", "approve"']],
    [
      "{source: s, target: t, adopt: yes}",
      ['apps.yaml:5: /spec/adopt: must be one of "never", "if-unowned", "always"'],
    ],
    ["{source: s, target: t, onFailure: 1}", ["apps.yaml:5: /spec/onFailure: must be string"]],
    ["{source: s, target: t, onFailure: ''}", ["apps.yaml:5: /spec/onFailure: must NOT have fewer than 1 characters"]],
    ["{source: s, target: t, parameters: []}", ["apps.yaml:5: /spec/parameters: must be object"]],
    ["{source: s, target: t, retry: {limit: -1}}", ["apps.yaml:5: /spec/retry/limit: must be >= 0"]],
    ["{source: s, target: t, retry: {factor: 0.5}}", ["apps.yaml:5: /spec/retry/factor: must be >= 1"]],
    ["{source: s, target: t, concurrency: 0}", ["apps.yaml:5: /spec/concurrency: must be >= 1"]],
    ["{source: s, target: t, observeEveryMs: 1.5}", ["apps.yaml:5: /spec/observeEveryMs: must be integer"]],
    [
      "{source: s, target: t, dependsOn: [{condition: healthy}]}",
      ["apps.yaml:5: /spec/dependsOn/0/application: is missing"],
    ],
    [
      "{source: s, target: t, formerly: ['a b']}",
      ['apps.yaml:5: /spec/formerly/0: must match pattern "^[A-Za-z0-9._/-]{1,253}$"'],
    ],
    [
      "{source: s, target: t, ignore: [{pointers: [spec]}]}",
      ['apps.yaml:5: /spec/ignore/0/pointers/0: must match pattern "^(/([^~/]|~[01])*)*$"'],
    ],
    [
      "{source: s, target: t, ignore: [{pointers: ['/a~b']}]}",
      ['apps.yaml:5: /spec/ignore/0/pointers/0: must match pattern "^(/([^~/]|~[01])*)*$"'],
    ],
    ["{source: s, target: t, as: {groups: [g]}}", ["apps.yaml:5: /spec/as/user: is missing"]],
    [
      "{source: s, target: t, prune: {protect: [{label: x}]}}",
      ["apps.yaml:5: /spec/prune/protect/0/label: is not a field that is known here"],
    ],
    ["{source: s, target: t, prune: {limit: 5}}", []],
    ["{source: s, target: t, prune: {limit: 5%}}", []],
    [
      "{source: s, target: t, prune: {limit: '5'}}",
      [
        'apps.yaml:5: /spec/prune/limit: matches none of the forms that the schema allows: must be integer; must match pattern "^[0-9]+(\\.[0-9]+)?%$"',
      ],
    ],
  ])("%s", async (spec, expected) => {
    expect(await problems(spec)).toEqual(expected);
  });

  it("tells all that is wrong at once, with lines", async () => {
    expect(await problems("source: 1\n  mode: x\n  y: z")).toEqual([
      "apps.yaml:4: /spec: exactly one of target, routes must be given, none is",
      "apps.yaml:5: /spec/source: must be string",
      'apps.yaml:6: /spec/mode: must be one of "auto", "observe", "approve"',
      "apps.yaml:7: /spec/true: is not a field that is known here",
    ]);
  });

  it("has a name that applications can have, and nothing besides", async () => {
    const named = (name: string, more = "") =>
      declared(
        `apiVersion: trueup.dev/v1\nkind: Application\nmetadata: {name: ${name}}\nspec: {source: s, target: t}\n${more}`,
      );
    await expect(parseApplication(named("'a b'"))).rejects.toThrow(
      'apps.yaml:3: /metadata/name: must match pattern "^[A-Za-z0-9._/-]{1,253}$"',
    );
    await expect(parseApplication(named("a".repeat(254)))).rejects.toThrow("/metadata/name");
    expect((await parseApplication(named("a".repeat(253)))).name).toHaveLength(253);
    await expect(parseApplication(named("a", "extra: 1\n"))).rejects.toThrow(
      "apps.yaml:5: /extra: is not a field that is known here",
    );
    expect(await parseApplication(named("a", "status: {x: 1}\n"))).toEqual({ name: "a", source: "s", target: "t" });
  });

  it.each([
    ["v1", "ConfigMap"],
    ["trueup.dev/v1", "ApplicationSet"],
    ["trueup.dev/v2", "Application"],
    ["argoproj.io/v1", "Application"],
  ])("%s %s is none", async (apiVersion, kind) => {
    const object = declared(`apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: a}\n`);
    await expect(parseApplication(object)).rejects.toThrow(
      `apps.yaml:1: not a trueup.dev/v1 Application but a ${apiVersion} ${kind}`,
    );
  });
});
