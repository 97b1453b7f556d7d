import { keyOf, refOf, type Change, type Declared, type JsonObject, type Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { maximumChanges, noDataDeletion, noLatestTag, requiredLabels, resourceLimits, type Policy } from "./index.ts";

/** Each object in the plan: created where it stands there, deleted or replaced where the action says so. */
async function ask(
  policy: Policy,
  manifests: readonly (Manifest & { action?: Change["action"] })[],
  parameters: JsonObject = {},
): Promise<string[]> {
  const changes = manifests.map(({ action = "create", ...manifest }) => {
    const change: Change = { key: keyOf(refOf(manifest, "t")), action, reason: "", stamp: "" };
    const declared = { manifest: manifest as Manifest } as Declared;
    return { change, ...(action !== "delete" && { declared }) };
  });
  const found = await policy({
    hooks: [],
    application: { name: "app", source: "s" },
    plan: undefined as never,
    changes,
    parameters,
    signal: new AbortController().signal,
  });
  return found.map(({ severity, key, message, approvable }) =>
    [severity, key?.slice(key.lastIndexOf("/") + 1) ?? "-", message, ...(approvable ? ["approvable"] : [])].join(" | "),
  );
}

const object = (kind: string, name: string, more: object = {}, apiVersion = "v1"): Manifest => ({
  apiVersion,
  kind,
  metadata: { name },
  ...more,
});
const pod = (image: unknown, resources?: unknown): Manifest =>
  object("Pod", "web", { spec: { containers: [{ name: "main", image, resources }] } });
const invalid = (message: string) => expect.objectContaining({ code: "INVALID", message });

it("hooks are held to the same rules as what stays, each once", async () => {
  const declared = { manifest: pod("nginx") } as Declared;
  const key = keyOf(refOf(declared.manifest, "t"));
  const hooks = (["pre-sync", "post-sync"] as const).map((phase) => ({ phase, key, declared }));
  const input = { application: { name: "app", source: "s" }, plan: undefined as never, changes: [], hooks };
  const { signal } = new AbortController();
  for (const policy of [noLatestTag, requiredLabels, resourceLimits]) {
    const found = await policy({ ...input, signal, parameters: policy === requiredLabels ? { labels: ["team"] } : {} });
    expect(found.map(({ severity, key }) => [severity, key])).toEqual([["deny", key]]);
  }
});

describe("noLatestTag", () => {
  it.each([
    ["nginx", "has no tag"],
    ["nginx:", "has no tag"],
    ["nginx:latest", "is tagged latest"],
    ["registry.example.org:5000/team/nginx", "has no tag"],
    ["registry.example.org:5000/team/nginx:latest", "is tagged latest"],
  ])("%s", async (image, problem) => {
    expect(await ask(noLatestTag, [pod(image)])).toEqual([`deny | web | container main: image ${image} ${problem}`]);
  });

  it.each([
    "nginx:1.29",
    "registry.example.org:5000/team/nginx:v1",
    "nginx@sha256:0a",
    "nginx:latest@sha256:0a",
    7,
    undefined,
  ])("%s is fine", async (image) => {
    expect(await ask(noLatestTag, [pod(image)])).toEqual([]);
  });

  it("finds containers wherever they stand, those that begin and those that come later too", async () => {
    const template = { spec: { initContainers: [{ image: "a" }], containers: [{ name: "b", image: "b" }, "odd"] } };
    const cron = object("CronJob", "job", { spec: { jobTemplate: { spec: { template } } } });
    const own = object("Flow", "flow", {
      spec: { steps: [{ pod: { ephemeralContainers: [{ name: "c", image: "c" }] } }] },
    });
    expect(await ask(noLatestTag, [cron, own])).toEqual([
      "deny | job | container initContainers/0: image a has no tag",
      "deny | job | container b: image b has no tag",
      "deny | flow | container c: image c has no tag",
    ]);
    expect(await ask(noLatestTag, [object("Odd", "odd", { containers: { image: "a" } })])).toEqual([]);
  });

  it("warns where it is told to, and says nothing of what is deleted", async () => {
    expect(await ask(noLatestTag, [pod("nginx")], { severity: "warn" })).toEqual([
      "warn | web | container main: image nginx has no tag",
    ]);
    expect(await ask(noLatestTag, [{ ...pod("nginx"), action: "delete" }])).toEqual([]);
    await expect(ask(noLatestTag, [pod("nginx")], { severity: "error" })).rejects.toThrow(
      invalid("parameters/severity: warn or deny is wanted"),
    );
  });
});

describe("requiredLabels", () => {
  const labelled = (labels?: Record<string, string>): Manifest => ({
    ...object("ConfigMap", "a"),
    metadata: { name: "a", ...(labels && { labels }) },
  });

  it("names those that are missing or empty", async () => {
    const parameters = { labels: ["team", "tier", "toString"] };
    expect(await ask(requiredLabels, [labelled({ team: "shop", tier: "" })], parameters)).toEqual([
      "deny | a | lacks the labels tier, toString",
    ]);
    expect(await ask(requiredLabels, [labelled()], { labels: ["team"], severity: "warn" })).toEqual([
      "warn | a | lacks the labels team",
    ]);
    expect(await ask(requiredLabels, [labelled({ team: "shop" })], { labels: ["team"] })).toEqual([]);
    expect(await ask(requiredLabels, [{ ...labelled(), action: "delete" }], { labels: ["team"] })).toEqual([]);
  });

  it.each([[{}], [{ labels: "team" }], [{ labels: [""] }], [{ labels: [1] }]])("%j is refused", async (parameters) => {
    await expect(ask(requiredLabels, [labelled()], parameters as JsonObject)).rejects.toThrow(
      invalid("parameters/labels: a list of texts is wanted"),
    );
  });
});

describe("resourceLimits", () => {
  it("wants cpu and memory limits of every container", async () => {
    expect(await ask(resourceLimits, [pod("a:1")])).toEqual([
      "deny | web | container main has no limits.cpu, limits.memory",
    ]);
    expect(await ask(resourceLimits, [pod("a:1", { limits: { memory: "1Gi" }, requests: { cpu: 1 } })])).toEqual([
      "deny | web | container main has no limits.cpu",
    ]);
    expect(await ask(resourceLimits, [pod("a:1", { limits: { memory: "1Gi", cpu: 0 } })])).toEqual([]);
  });

  it("or what it is told to, requests too", async () => {
    const parameters = { limits: ["memory"], requests: ["cpu"], severity: "warn" };
    expect(await ask(resourceLimits, [pod("a:1", { limits: { memory: "1Gi" } })], parameters)).toEqual([
      "warn | web | container main has no requests.cpu",
    ]);
    expect(
      await ask(resourceLimits, [pod("a:1", { limits: { memory: 1 }, requests: { cpu: 1 } })], parameters),
    ).toEqual([]);
  });

  it("ephemeral containers cannot have them", async () => {
    const spec = { ephemeralContainers: [{ name: "shell" }], initContainers: [{ name: "init" }] };
    expect(await ask(resourceLimits, [object("Pod", "p", { spec })])).toEqual([
      "deny | p | container init has no limits.cpu, limits.memory",
    ]);
    expect(await ask(resourceLimits, [{ ...pod("a:1"), action: "delete" }])).toEqual([]);
  });
});

describe("noDataDeletion", () => {
  it("knows the kinds that hold data", async () => {
    const all = [
      object("PersistentVolumeClaim", "claim"),
      object("PersistentVolume", "volume"),
      object("Namespace", "space"),
      object("CustomResourceDefinition", "definition", {}, "apiextensions.k8s.io/v1"),
      object("VolumeSnapshot", "snapshot", {}, "snapshot.storage.k8s.io/v1"),
      object("Namespace", "other", {}, "example.org/v1"),
      object("ConfigMap", "config"),
    ];
    const names = (found: string[]): string[] => found.map((line) => line.split(" | ")[1] ?? "");
    const holding = ["claim", "volume", "space", "definition", "snapshot"];
    expect(
      names(
        await ask(
          noDataDeletion,
          all.map((one) => ({ ...one, action: "delete" })),
        ),
      ),
    ).toEqual(holding);
    expect(
      await ask(noDataDeletion, [
        { ...all[0]!, action: "delete" },
        { ...all[1]!, action: "replace" },
      ]),
    ).toEqual(["deny | claim | holds data and would be deleted", "deny | volume | holds data and would be replaced"]);
    for (const action of ["create", "update", "adopt"] as const)
      expect(
        await ask(
          noDataDeletion,
          all.map((one) => ({ ...one, action })),
        ),
      ).toEqual([]);
  });

  it("and others that it is told; may be approved where it is told so", async () => {
    const parameters = { kinds: [{ group: "db.example.org", kind: "*" }], approvable: true };
    const database = { ...object("Database", "db", {}, "db.example.org/v1"), action: "delete" } as const;
    expect(await ask(noDataDeletion, [database])).toEqual([]);
    expect(await ask(noDataDeletion, [database], parameters)).toEqual([
      "deny | db | holds data and would be deleted | approvable",
    ]);
  });

  it("parameters that it cannot read are refused", async () => {
    for (const kinds of ["x", ["x"], [{ kin: "X" }], [{ kind: 1 }]]) {
      await expect(ask(noDataDeletion, [], { kinds })).rejects.toThrow(
        invalid("parameters/kinds: a list of maps of group, kind, namespace, name is wanted"),
      );
    }
    await expect(ask(noDataDeletion, [], { approvable: "yes" })).rejects.toThrow(
      invalid("parameters/approvable: true or false is wanted"),
    );
  });
});

describe("maximumChanges", () => {
  const some = (count: number, action: Change["action"]) =>
    Array.from({ length: count }, (_, i) => ({ ...object("ConfigMap", `${action}${i}`), action }));

  it("counts all changes, or those of some actions", async () => {
    const changes = [...some(2, "create"), ...some(3, "update")];
    expect(await ask(maximumChanges, changes, { limit: 5 })).toEqual([]);
    expect(await ask(maximumChanges, changes, { limit: 4 })).toEqual(["deny | - | 5 changes are more than 4"]);
    expect(await ask(maximumChanges, changes, { limit: 2, actions: ["create"] })).toEqual([]);
    expect(await ask(maximumChanges, changes, { limit: 4, actions: ["create", "update"], severity: "warn" })).toEqual([
      "warn | - | 5 changes (create, update) are more than 4",
    ]);
    expect(await ask(maximumChanges, changes, { limit: 0, approvable: true })).toEqual([
      "deny | - | 5 changes are more than 0 | approvable",
    ]);
  });

  it.each([[{}], [{ limit: "5" }], [{ limit: -1 }], [{ limit: 1.5 }]])("%j is refused", async (parameters) => {
    await expect(ask(maximumChanges, [], parameters as JsonObject)).rejects.toThrow(
      invalid("parameters/limit: a whole number from 0 is wanted"),
    );
  });
});
