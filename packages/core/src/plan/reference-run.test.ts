import {
  memorySource,
  memoryTarget,
  type MemorySource,
  type MemoryTarget,
  type MemoryTargetOptions,
} from "@trueup/testkit";
import {
  keyOf,
  TrueUpError,
  UNKNOWN,
  type Application,
  type ChangeRecord,
  type Declared,
  type Health,
  type Json,
  type Key,
  type Live,
  type Manifest,
  type Store,
} from "@trueup/spec";
import { formatPlan, formatPlanMarkdown } from "@trueup/diff";
import { afterEach, describe, expect, it } from "vitest";
import { createController, type Controller } from "../controller.ts";
import type { ControllerEvent } from "../events.ts";
import { memoryStore } from "../memory/memory-store.ts";
import { until } from "../testing/world.ts";
import { withoutReferences } from "./reference-run.ts";

const open: Controller[] = [];
afterEach(async () => void (await Promise.all(open.splice(0).map(async (controller) => await controller.stop()))));

interface World {
  readonly controller: Controller;
  readonly target: MemoryTarget;
  readonly cloud: MemoryTarget;
  readonly source: MemorySource;
  readonly store: Store;
  readonly events: ControllerEvent[];
}

interface Options {
  readonly application?: Partial<Application>;
  readonly others?: readonly Application[];
  readonly target?: MemoryTargetOptions;
  readonly live?: MemoryTarget;
  readonly key?: string;
  readonly store?: Store;
}

function world(files: Record<string, string>, { application, others = [], key, ...more }: Options = {}): World {
  const source = memorySource({ files });
  const target = more.live ?? memoryTarget(more.target);
  const cloud = memoryTarget({ name: "the-cloud" });
  const store = more.store ?? memoryStore();
  const controller: Controller = createController<string, string>({
    pollMs: 3_600_000,
    sources: { repo: source },
    targets: { live: target, cloud },
    store,
    ...(key !== undefined && { key }),
    applications: [{ name: "app", source: "repo", path: "app", target: "live", ...application }, ...others],
  });
  const events: ControllerEvent[] = [];
  controller.subscribe((event) => events.push(event));
  open.push(controller);
  return { controller, target, cloud, source, store, events };
}

const config = (name: string, data: Record<string, string>, more = ""): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n  namespace: demo\n${more}data:\n${Object.entries(data)
    .map(([field, value]) => `  ${field}: ${JSON.stringify(value)}\n`)
    .join("")}`;
const service = (name: string, port = 80): string =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: demo }\nspec: { port: ${port} }\n`;

/** A server that gives each Service an address, and each ConfigMap an uid of its own. */
const address = (manifest: Manifest): Manifest =>
  manifest.kind === "Service"
    ? { ...manifest, status: { ip: `10.0.0.${JSON.stringify(manifest["spec"]).length}`, ports: [80, 443] } }
    : manifest;

const at = (name: string, kind = "ConfigMap") => ({ kind, namespace: "demo", name });
const key = (name: string, kind = "ConfigMap"): Key =>
  keyOf({ target: "memory", group: "", kind, namespace: "demo", name });
const data = (target: MemoryTarget, name: string): Json | undefined => target.get(at(name))?.["data"];
const told = (changes: readonly ChangeRecord[]): string[] =>
  changes.map(({ action, key, outcome }) => `${action} ${key.slice(key.lastIndexOf("/") + 1)} ${outcome}`);
const IP = "trueup:v1/object/Service/web#/status/ip";
const FILES = { "app/s.yaml": service("web"), "app/c.yaml": config("uses", { ip: IP }) };
const said = { actor: "ada", reason: "because" };

describe("a reference to an object of the same application", () => {
  it("waits for it, and takes what the server made of it", async () => {
    const { controller, target } = world(FILES, { target: { defaults: address } });
    const plan = await controller.plan("app");
    expect(plan.changes.map(({ key, action, after }) => [key, action, (after as Manifest)["data"]])).toEqual([
      [key("uses"), "create", { ip: UNKNOWN }],
      [key("web", "Service"), "create", undefined],
    ]);
    expect(formatPlan(plan)).toContain("(known after apply)");
    const { error, changes } = await controller.sync("app");
    expect([error, told(changes)]).toEqual([undefined, ["create web done", "create uses done"]]);
    expect(data(target, "uses")).toEqual({ ip: "10.0.0.11" });
    target.calls.reset();
    expect((await controller.sync("app")).changes).toEqual([]);
    expect(target.calls.apply).toBe(0);
  });

  it("waits until it is healthy: the value may come late", async () => {
    const live = memoryTarget({
      health: ({ manifest }: Live): Health =>
        manifest.kind === "Service" && manifest["status"] === undefined
          ? { status: "progressing" }
          : { status: "healthy" },
    });
    const { controller, target } = world(FILES, { live });
    const running = controller.sync("app");
    await until(() => target.get(at("web", "Service")) !== undefined, "the service");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(target.get(at("uses"))).toBeUndefined();
    target.edit(at("web", "Service"), (object) => void (object["status"] = { ip: "192.0.2.7" }));
    expect((await running).outcome).toBe("succeeded");
    expect(data(target, "uses")).toEqual({ ip: "192.0.2.7" });
  });

  it("is put in as it is: numbers, lists and maps; or as text where that is asked for", async () => {
    const files = {
      "app/s.yaml": service("web", 8080),
      "app/c.yaml": `apiVersion: v1\nkind: Thing\nmetadata: { name: t, namespace: demo }\nspec:\n  port: trueup:v1/object/Service/web#/spec/port\n  text: trueup:v1/object/Service/web?as=string#/spec/port\n  base64: trueup:v1/object/Service/web?as=base64#/spec/port\n  list: trueup:v1/object/Service/web#/status/ports\n  map: trueup:v1/object/Service/demo/web#/spec\n  item: trueup:v1/object/Service/web#/status/ports/1\n`,
    };
    const { controller, target } = world(files, { target: { defaults: address } });
    expect((await controller.sync("app")).error).toBeUndefined();
    expect(target.get(at("t", "Thing"))?.["spec"]).toEqual({
      port: 8080,
      text: "8080",
      base64: "ODA4MA==",
      list: [80, 443],
      map: { port: 8080 },
      item: 443,
    });
  });

  it("a chain is followed, whatever the order of files", async () => {
    const { controller, target } = world(
      {
        "app/a.yaml": config("a", { v: "trueup:v1/object/ConfigMap/b#/data/v" }),
        "app/b.yaml": config("b", { v: "trueup:v1/object/ConfigMap/c#/data/v" }),
        "app/c.yaml": config("c", { v: IP }),
        "app/s.yaml": service("web"),
      },
      { target: { defaults: address } },
    );
    const { changes, error } = await controller.sync("app");
    expect([error, told(changes)]).toEqual([
      undefined,
      ["create web done", "create c done", "create b done", "create a done"],
    ]);
    expect(data(target, "a")).toEqual({ v: "10.0.0.11" });
  });

  it("of a target that finds objects by identifiers of its own", async () => {
    const { controller, target, source } = world(FILES, {
      target: { defaults: address, identifiers: true, marks: false },
    });
    expect((await controller.sync("app")).error).toBeUndefined();
    expect(data(target, "uses")).toEqual({ ip: "10.0.0.11" });
    await controller.start();
    await until(() => controller.status("app").phase === "idle", "idle");
    source.commit({ "app/d.yaml": config("d", { ip: IP }) });
    await until(() => data(target, "d") !== undefined, "d");
    expect(data(target, "d")).toEqual({ ip: "10.0.0.11" });
  });

  it("across targets", async () => {
    const { controller, target, cloud } = world(
      {
        "app/s.yaml": service("web"),
        "app/c.yaml": config("uses", { port: "trueup:v1/object/Service/web?target=cloud&as=string#/spec/port" }),
      },
      {
        application: {
          target: undefined as never,
          routes: [{ target: "cloud", match: { kind: "Service" } }, { target: "live" }],
        },
      },
    );
    expect((await controller.sync("app")).error).toBeUndefined();
    expect([cloud.objects().length, data(target, "uses")]).toEqual([1, { port: "80" }]);
  });

  it("deletes run the other way round", async () => {
    const { controller, source, store } = world(FILES, { target: { defaults: address } });
    await controller.sync("app");
    expect((await store.read("app")).inventory.get(key("uses"))?.dependsOn).toEqual([key("web", "Service")]);
    source.commit({ "app/s.yaml": undefined, "app/c.yaml": undefined, "app/x.yaml": config("x", { a: "b" }) });
    expect(told((await controller.sync("app")).changes)).toEqual([
      "create x done",
      "delete uses done",
      "delete web done",
    ]);
  });

  it("a commit that changes what is referred to changes the referrer in the same run", async () => {
    const { controller, source, target } = world(FILES, { target: { defaults: address } });
    await controller.sync("app");
    source.commit({ "app/s.yaml": service("web", 8080) });
    const { plan, changes, error } = await controller.sync("app");
    expect(plan?.changes.map(({ action, reason, after, patch }) => [action, reason, after, patch])).toEqual([
      [
        "update",
        "what it refers to changes",
        { data: { ip: UNKNOWN } },
        [{ op: "replace", path: "/data/ip", value: UNKNOWN }],
      ],
      ["update", "changed in Git", { spec: { port: 8080 } }, [{ op: "replace", path: "/spec/port", value: 8080 }]],
    ]);
    expect([error, told(changes)]).toEqual([undefined, ["update web done", "update uses done"]]);
    expect(data(target, "uses")).toEqual({ ip: "10.0.0.13" });
  });

  it("a value that comes out the same is not written", async () => {
    const { controller, source, target } = world(FILES, { target: { defaults: address } });
    await controller.sync("app");
    source.commit({ "app/s.yaml": service("web", 81) });
    target.calls.reset();
    const { changes } = await controller.sync("app");
    expect(changes.map(({ outcome, message }) => [outcome, message])).toEqual([
      ["done", undefined],
      ["done", "stands as declared: nothing was written"],
    ]);
    expect(target.calls.apply).toBe(1);
  });

  it("a live change of the value is followed without a commit; of another field it is none of the referrer's", async () => {
    const { controller, target, events } = world(FILES, {
      target: { defaults: (m) => m },
      application: { selfHeal: true },
    });
    target.put({ apiVersion: "v1", kind: "Unrelated", metadata: { name: "x" } });
    const running = controller.start();
    await running;
    await until(() => controller.status("app").error?.code === "NOT_FOUND", "no address yet");
    target.edit(at("web", "Service"), (object) => void (object["status"] = { ip: "192.0.2.1" }));
    await until(() => (data(target, "uses") as { ip?: string } | undefined)?.ip === "192.0.2.1", "first address");
    await until(() => controller.status("app").phase === "idle", "idle");
    events.length = 0;
    target.edit(at("web", "Service"), (object) => void (object["status"] = { ip: "192.0.2.1", other: 1 }));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(events).toEqual([]);
    target.edit(at("web", "Service"), (object) => void (object["status"] = { ip: "192.0.2.2" }));
    await until(() => (data(target, "uses") as { ip?: string }).ip === "192.0.2.2", "second address");
    const starts = events.flatMap((event) => (event.type === "run-started" ? [event.trigger] : []));
    expect(starts).toEqual(["reference"]);
    expect(events.some(({ type }) => type === "drift-detected")).toBe(false);
  });

  it("without a watch a change of the value is found when it is looked at again", async () => {
    const { controller, target } = world(FILES, { target: { defaults: address, watch: false } });
    await controller.sync("app");
    target.edit(at("web", "Service"), (object) => void (object["status"] = { ip: "192.0.2.2" }));
    const { plan, changes } = await controller.sync("app");
    expect(plan?.changes.map(({ reason }) => reason)).toEqual(["changed in Git, or what it refers to did"]);
    expect(told(changes)).toEqual(["update uses done"]);
    expect(data(target, "uses")).toEqual({ ip: "192.0.2.2" });
  });

  it("drift of the field is put right with the value", async () => {
    const { controller, target } = world(FILES, { target: { defaults: address } });
    await controller.sync("app");
    target.edit(at("uses"), (object) => void (object["data"] = { ip: "by hand" }));
    const { plan } = await controller.sync("app");
    expect(plan?.changes.map(({ reason }) => reason)).toEqual(["changed by hand"]);
    expect(data(target, "uses")).toEqual({ ip: "10.0.0.11" });
  });

  it("is text where the application says so", async () => {
    const { controller, target } = world(FILES, { application: { references: false } });
    await controller.sync("app");
    expect(data(target, "uses")).toEqual({ ip: IP });
  });
});

describe("what is found before anything is written", () => {
  const fails = async (
    files: Record<string, string>,
    more: Options = {},
  ): Promise<[string | undefined, string | undefined]> => {
    const { controller, target } = world(files, more);
    const { error } = await controller.sync("app");
    expect([target.calls.apply, target.calls.delete]).toEqual([0, 0]);
    return [error?.code, error?.message];
  };

  it("an object that is not declared", async () => {
    expect(await fails({ "app/c.yaml": config("uses", { ip: IP }) })).toEqual([
      "INVALID",
      `app/c.yaml:7: /data/ip: "${IP}" refers to what this application does not declare`,
    ]);
  });

  it("the object itself", async () => {
    const self = "trueup:v1/object/ConfigMap/uses#/data/a";
    expect(await fails({ "app/c.yaml": config("uses", { ip: self, a: "b" }) })).toEqual([
      "INVALID",
      `app/c.yaml:7: /data/ip: "${self}" refers to the object itself`,
    ]);
  });

  it("a target that is not there", async () => {
    const text = "trueup:v1/object/Service/web?target=nowhere#/a";
    expect((await fails({ ...FILES, "app/c.yaml": config("uses", { ip: text }) }))[1]).toBe(
      `app/c.yaml:7: /data/ip: "${text}" refers to what this application does not declare`,
    );
  });

  it("a circle of references", async () => {
    const files = {
      "app/a.yaml": config("a", { v: "trueup:v1/object/ConfigMap/b#/data/v" }),
      "app/b.yaml": config("b", { v: "trueup:v1/object/ConfigMap/c#/data/v" }),
      "app/c.yaml": config("c", { v: "trueup:v1/object/ConfigMap/a#/data/v" }),
    };
    expect(await fails(files)).toEqual([
      "CYCLE",
      "these refer to each other: ConfigMap demo/a → ConfigMap demo/b → ConfigMap demo/c → ConfigMap demo/a",
    ]);
  });

  it("a circle of a reference and a depends-on", async () => {
    const files = {
      "app/a.yaml": config("a", { v: "trueup:v1/object/ConfigMap/b#/data/v" }),
      "app/b.yaml": config("b", { v: "1" }, "  annotations: { trueup.dev/depends-on: ConfigMap/a }\n"),
    };
    expect(await fails(files)).toEqual([
      "CYCLE",
      "these wait for each other: ConfigMap demo/a → ConfigMap demo/b → ConfigMap demo/a",
    ]);
  });

  it("all that is wrong, at once", async () => {
    const files = { "app/a.yaml": config("a", { v: IP }), "app/b.yaml": config("b", { v: IP, w: "trueup:v1/x" }) };
    const [code, message] = await fails(files);
    expect(code).toBe("INVALID");
    expect(message).toContain("app/b.yaml:8: /data/w");
  });

  it("a field that is not in an object that stands as declared: the rest goes on", async () => {
    const { controller, source, target } = world({ "app/s.yaml": service("web") });
    await controller.sync("app");
    source.commit({ "app/c.yaml": config("uses", { ip: IP }), "app/d.yaml": config("d", { a: "b" }) });
    const { error, changes } = await controller.sync("app");
    expect([error?.code, error?.message]).toEqual([
      "NOT_FOUND",
      "app/c.yaml:7: /data/ip: Service demo/web has no /status/ip",
    ]);
    expect(told(changes)).toEqual(["create d done"]);
    expect(target.get(at("uses"))).toBeUndefined();
  });

  it("a map as text", async () => {
    const text = "trueup:v1/object/Service/web?as=string#/spec";
    const { controller } = world({ "app/s.yaml": service("web"), "app/c.yaml": config("uses", { ip: text }) });
    expect((await controller.sync("app")).error?.message).toBe(
      "app/c.yaml:7: /data/ip: as=string is for a text, a number or true and false, not for a map",
    );
  });

  it("a value that is too large", async () => {
    const { controller } = world({
      "app/a.yaml": config("a", { big: "x".repeat(65_536) }),
      "app/c.yaml": config("uses", { ip: "trueup:v1/object/ConfigMap/a#/data/big" }),
    });
    const { error } = await controller.sync("app");
    expect([error?.code, error?.message]).toEqual([
      "LIMIT",
      "app/c.yaml:7: /data/ip: the value is larger than 65536 characters",
    ]);
  });

  it("and one that is not: with its quotes it has 65,536 characters", async () => {
    const big = "x".repeat(65_534);
    const { controller, target } = world({
      "app/a.yaml": config("a", { big }),
      "app/c.yaml": config("uses", { ip: "trueup:v1/object/ConfigMap/a#/data/big" }),
    });
    expect((await controller.sync("app")).outcome).toBe("succeeded");
    expect(data(target, "uses")).toEqual({ ip: big });
  });
});

describe("where nothing is declared any more", () => {
  it("references and exports stand in nobody's way", async () => {
    const { controller, target } = world(FILES, {
      target: { defaults: address },
      application: { exports: { ip: { object: "Service/demo/web", pointer: "/status/ip" } } },
    });
    await controller.sync("app");
    expect((await controller.remove("app", { resources: "delete" }))?.error).toBeUndefined();
    expect(target.objects()).toEqual([]);
  });

  it("a hook with a reference is refused", async () => {
    const hook = config("hook", { ip: IP }, "  annotations: { trueup.dev/hook: pre-sync }\n");
    const { controller, target } = world({ ...FILES, "app/h.yaml": hook });
    const { error } = await controller.sync("app");
    expect([error?.code, error?.message, target.calls.apply]).toEqual([
      "UNSUPPORTED",
      "app/h.yaml: /data/ip: a hook cannot refer to other objects",
      0,
    ]);
  });
});

describe("schemas", () => {
  const crd = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: things.example.org }
spec:
  group: example.org
  scope: Namespaced
  names: { kind: Thing, plural: things, singular: thing }
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties: { spec: { type: object, properties: { port: { type: integer }, other: { type: integer } } } }
`;
  const thing = (other: string): string =>
    `apiVersion: example.org/v1\nkind: Thing\nmetadata: { name: t, namespace: demo }\nspec:\n  port: trueup:v1/object/Service/web#/spec/port\n  other: ${other}\n`;

  it("are told with references that are none; what says no place is not taken for a reference's", async () => {
    const declare = (file: string, ip: string): Declared => ({
      manifest: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { ip } },
      origin: { file, document: 1 },
      digest: file,
    });
    const found = (file: string, field: string): TrueUpError =>
      new TrueUpError("INVALID", `${file}: ${field}`, { origin: { file, document: 1, field } });
    const [filled, other] = [found("a.yaml", "/data/ip"), found("a.yaml", "/data/port")];
    const [elsewhere, nowhere] = [found("b.yaml", "/data/ip"), new TrueUpError("INVALID", "no schema at all")];
    const objects = [declare("a.yaml", IP), declare("b.yaml", "trueup:v1/oops")];
    const errors = await withoutReferences(async () => [filled, other, elsewhere, nowhere], objects);
    expect(errors.map(({ message }) => message)).toEqual([
      'b.yaml: /data/ip: "trueup:v1/oops": a reference ends with # and what is taken',
      "a.yaml: /data/port",
      "b.yaml: /data/ip",
      "no schema at all",
    ]);
  });

  it("are content with a reference where they want a number, and with nothing else", async () => {
    const files = { "app/crd.yaml": crd, "app/s.yaml": service("web") };
    const good = world({ ...files, "app/t.yaml": thing("1") });
    expect((await good.controller.sync("app")).error).toBeUndefined();
    expect(good.target.get({ ...at("t", "Thing"), group: "example.org" })?.["spec"]).toEqual({ port: 80, other: 1 });
    const bad = world({ ...files, "app/t.yaml": thing("text") });
    expect((await bad.controller.sync("app")).error?.message).toBe("app/t.yaml:6: /spec/other: must be integer");
  });
});

describe("what the object that is referred to meets", () => {
  it("it fails: the referrer is skipped", async () => {
    const live = memoryTarget({ defaults: address });
    const broken = {
      ...live,
      apply: async (...args: Parameters<typeof live.apply>) => {
        if (args[0].declared?.manifest.kind === "Service") throw new Error("no quota");
        return await live.apply(...args);
      },
    };
    const { controller } = world(FILES, { live: broken });
    const { changes } = await controller.sync("app");
    expect(changes.map(({ key, outcome, message }) => [key, outcome, message])).toEqual([
      [key("web", "Service"), "failed", "no quota"],
      [key("uses"), "skipped", "waits for Service demo/web, which failed"],
    ]);
  });

  it("its field never comes: the error names it, and nothing is written in its place", async () => {
    const { controller, target } = world(FILES);
    const { changes, error } = await controller.sync("app");
    expect([error?.code, error?.retryable, told(changes)]).toEqual([
      "NOT_FOUND",
      true,
      ["create web done", "create uses failed"],
    ]);
    expect(target.get(at("uses"))).toBeUndefined();
  });

  it("prototype members are no fields", async () => {
    const files = {
      ...FILES,
      "app/c.yaml": config("uses", { ip: "trueup:v1/object/Service/web#/spec/constructor/name" }),
    };
    expect((await world(files).controller.sync("app")).error?.message).toContain("has no /spec/constructor/name");
  });
});

describe("approval", () => {
  const immutable = (before: Manifest, after: Manifest): string | undefined =>
    before.kind === "ConfigMap" && JSON.stringify(before["data"]) !== JSON.stringify(after["data"])
      ? "data is fixed"
      : undefined;

  it("is asked again where a value, once known, makes an update a replacement", async () => {
    const live = memoryTarget({ defaults: address, immutable });
    const plans: MemoryTarget = {
      ...live,
      plan: async (item, seen) => {
        if (seen.status !== "found" || item.declared?.manifest.kind !== "ConfigMap") return undefined;
        return immutable(seen.live.manifest, item.declared.manifest) === undefined
          ? undefined
          : { action: "replace", reason: "data is fixed", stamp: "replace", after: item.declared.manifest };
      },
    };
    const files = {
      ...FILES,
      "app/c.yaml": config("uses", { ip: IP }, "  annotations: { trueup.dev/replace: allowed }\n"),
    };
    const { controller, source, target } = world(files, { live: plans, application: { mode: "approve" } });
    await controller.approve("app", (await controller.plan("app")).digest, said);
    expect((await controller.sync("app")).outcome).toBe("succeeded");

    source.commit({ "app/s.yaml": service("web", 8080) });
    const plan = await controller.plan("app");
    expect(plan.changes.map(({ action }) => action)).toEqual(["update", "update"]);
    await controller.approve("app", plan.digest, said);
    const put = await controller.sync("app");
    expect([put.outcome, put.retryAfterMs, told(put.changes)]).toEqual([
      "blocked",
      0,
      ["update web done", "update uses pending"],
    ]);
    expect(put.changes[1]?.message).toBe(
      "what it refers to is known now, and makes this a matter of replace: planned anew",
    );
    expect(data(target, "uses")).toEqual({ ip: "10.0.0.11" });

    const asked = await controller.sync("app");
    expect([asked.outcome, asked.plan?.changes.map(({ action }) => action)]).toEqual(["blocked", ["replace"]]);
    expect(data(target, "uses")).toEqual({ ip: "10.0.0.11" });
    await controller.approve("app", asked.plan!.digest, said);
    expect((await controller.sync("app")).outcome).toBe("succeeded");
    expect(data(target, "uses")).toEqual({ ip: "10.0.0.13" });
  });
});

describe("secrets", () => {
  const CANARY = "hunter2-canary";
  const secret = `apiVersion: v1\nkind: Secret\nmetadata: { name: s, namespace: demo }\nstringData: { password: ${CANARY} }\n`;
  const files = {
    "app/s.yaml": secret,
    "app/c.yaml": config("uses", { password: "trueup:v1/object/Secret/s#/stringData/password", open: "plain" }),
    "app/d.yaml": config("again", { copy: "trueup:v1/object/ConfigMap/uses#/data/password", map: "x" }),
  };

  it("stay secret wherever they flow: plans, events, history, errors, the store", async () => {
    const live = memoryTarget();
    let refuse = false;
    const repeats: MemoryTarget = {
      ...live,
      async apply(item, ...rest) {
        if (refuse) throw new Error(`invalid value: ${JSON.stringify(item.declared?.manifest)}`);
        return await live.apply(item, ...rest);
      },
    };
    const { controller, source, target, events, store } = world(files, { live: repeats });
    const seen: unknown[] = [];
    const look = async (): Promise<void> => {
      const plan = await controller.plan("app");
      seen.push(plan, formatPlan(plan), formatPlanMarkdown(plan), controller.status("app"));
      const { error, changes } = await controller.sync("app");
      seen.push(error?.message, String(error?.cause), changes);
      seen.push(await Array.fromAsync(controller.history()));
      const { state, inventory } = await store.read("app");
      seen.push(state, [...inventory.values()]);
    };
    await look();
    expect(data(target, "uses")).toEqual({ password: CANARY, open: "plain" });
    expect(data(target, "again")).toEqual({ copy: CANARY, map: "x" });
    expect((await store.read("app")).inventory.get(key("again"))?.sensitive).toEqual(["/data/copy"]);
    // Known already: its value stands in the plan, but as a mark.
    source.commit({
      "app/c.yaml": config("uses", { renamed: "trueup:v1/object/Secret/s#/stringData/password", open: "new" }),
      "app/d.yaml": config("again", { copy: "trueup:v1/object/ConfigMap/uses#/data/renamed", map: "y" }),
    });
    await look();
    // It changes, and what refers to it with it.
    source.commit({ "app/s.yaml": secret.replace(CANARY, `${CANARY}-two`) });
    await look();
    // The reference leaves Git: what stands there still is the secret.
    source.commit({ "app/c.yaml": config("uses", { renamed: "plain", open: "new" }), "app/d.yaml": undefined });
    await look();
    refuse = true;
    source.commit({ "app/c.yaml": config("uses", { again: "trueup:v1/object/Secret/s#/stringData/password" }) });
    await look();
    refuse = false;
    source.commit({ "app/c.yaml": undefined });
    await look();
    const text = JSON.stringify([
      seen,
      events.map((event) => ({
        ...event,
        ...("error" in event && { message: event.error?.message, cause: String(event.error?.cause) }),
      })),
    ]);
    expect(text).not.toContain("canary");
    expect(text).toContain("(sensitive ");
    expect(text).toContain("invalid value: ");
  });
});

describe("exports between applications", () => {
  const producer = (more: Partial<Application> = {}): Application => ({
    name: "db",
    source: "repo",
    path: "db",
    target: "cloud",
    exports: { ip: { object: "Service/demo/db", pointer: "/spec/port" } },
    ...more,
  });
  const DB = {
    "db/s.yaml": service("db", 5432),
    "app/c.yaml": config("uses", { port: "trueup:v1/export/db?as=string#ip" }),
  };

  it("are waited for, taken, and followed", async () => {
    const { controller, target, cloud, source, store, events } = world(DB, { others: [producer()] });
    expect((await controller.plan("app")).changes.map(({ after }) => (after as Manifest)["data"])).toEqual([
      { port: UNKNOWN },
    ]);
    const early = await controller.sync("app");
    expect([early.outcome, early.error?.message]).toEqual([
      "blocked",
      "application app waits for export ip of application db",
    ]);
    expect(target.calls.apply).toBe(0);
    await controller.sync("db");
    expect((await store.read("db")).state.exports?.["ip"]).toMatchObject({ value: 5432 });
    expect((await controller.sync("app")).outcome).toBe("succeeded");
    expect(data(target, "uses")).toEqual({ port: "5432" });
    await controller.start();
    await until(() => ["app", "db"].every((name) => controller.status(name).phase === "idle"), "idle");
    for (const name of ["app", "db", "app", "db"]) await controller.sync(name);
    expect((await controller.sync("app")).outcome).toBe("settled");
    events.length = 0;
    source.commit({ "db/s.yaml": service("db", 5433) });
    await until(() => (data(target, "uses") as { port: string }).port === "5433", "the new port");
    const runs = events.flatMap((event) =>
      event.type === "run-started" ? [`${event.application} ${event.trigger}`] : [],
    );
    expect(runs).toEqual(["db commit", "app reference"]);
    await until(() => ["app", "db"].every((name) => controller.status(name).phase === "idle"), "idle");
    // By hand, and put right: the export is what it was.
    cloud.edit(at("db", "Service"), (object) => void (object["spec"] = { port: 1 }));
    await until(
      () => (cloud.get(at("db", "Service"))?.["spec"] as { port: number } | undefined)?.port === 5433,
      "healed",
    );
    expect(data(target, "uses")).toEqual({ port: "5433" });
  });

  it("a started controller goes on by itself once the export is there", async () => {
    const { controller, target } = world(DB, { others: [producer()] });
    await controller.start();
    await until(() => data(target, "uses") !== undefined, "the export");
    expect(data(target, "uses")).toEqual({ port: "5432" });
  });

  it("outlive a restart in which only the consumer runs", async () => {
    const first = world(DB, { others: [producer()] });
    await first.controller.sync("db");
    await first.controller.stop();
    const { controller, target } = world(DB, { others: [producer()], store: first.store });
    expect((await controller.sync("app")).error).toBeUndefined();
    expect(data(target, "uses")).toEqual({ port: "5432" });
  });

  it("only what is exported can be referred to", async () => {
    const others = [producer()];
    const text = async (reference: string): Promise<string | undefined> => {
      const { controller } = world({ ...DB, "app/c.yaml": config("uses", { port: reference }) }, { others });
      return (await controller.sync("app")).error?.message;
    };
    expect(await text("trueup:v1/export/db#other")).toBe(
      "app/c.yaml:7: /data/port: application db does not export other",
    );
    expect(await text("trueup:v1/export/nobody#ip")).toBe("app/c.yaml:7: /data/port: no application is named nobody");
    expect(await text("trueup:v1/object/Service/demo/db?target=cloud#/spec/port")).toContain("does not declare");
  });

  it("of an object that is not declared, or a value that is not there, are errors", async () => {
    const missing = world(DB, {
      others: [producer({ exports: { ip: { object: "Service/demo/no", pointer: "/a" } } })],
    });
    expect((await missing.controller.sync("db")).error?.message).toBe(
      "application db: exports/ip: Service/demo/no is not declared",
    );
    expect(missing.cloud.calls.apply).toBe(0);
    const empty = world(DB, {
      others: [producer({ exports: { ip: { object: "Service/demo/db", pointer: "/status/ip" } } })],
    });
    const { error, outcome } = await empty.controller.sync("db");
    expect([outcome, error?.code, error?.message]).toEqual([
      "failed",
      "NOT_FOUND",
      "export ip: Service demo/db has no /status/ip",
    ]);
    expect((await empty.store.read("db")).state).not.toHaveProperty("exports");
  });

  it("that wait for each other are a circle", async () => {
    const files = {
      "app/c.yaml": config("a", { v: "trueup:v1/export/db#v" }),
      "db/c.yaml": config("b", { v: "trueup:v1/export/app#v" }),
    };
    const { controller } = world(files, {
      application: { exports: { v: { object: "ConfigMap/demo/a", pointer: "/data/v" } } },
      others: [producer({ exports: { v: { object: "ConfigMap/demo/b", pointer: "/data/v" } } })],
    });
    expect((await controller.sync("app")).outcome).toBe("blocked");
    const { error } = await controller.sync("db");
    expect([error?.code, error?.message]).toEqual(["CYCLE", "these applications refer to each other: db → app → db"]);
  });

  it("hold back the removal of who has them", async () => {
    const { controller } = world(DB, { others: [producer()] });
    await controller.sync("db");
    await controller.sync("app");
    await expect(controller.remove("db", { resources: "delete" })).rejects.toThrow("application db: app depends on it");
  });

  it("are dropped from the record with the application's", async () => {
    const { controller, store } = world(DB, { others: [producer()] });
    await controller.sync("db");
    const { exports: _, ...without } = producer();
    await controller.set(without);
    await controller.sync("db");
    expect((await store.read("db")).state).not.toHaveProperty("exports");
  });

  it("of a secret are sealed, and refused without a key", async () => {
    const files = {
      "db/s.yaml":
        "apiVersion: v1\nkind: Secret\nmetadata: { name: s, namespace: demo }\nstringData: { password: hunter2-canary }\n",
      "app/c.yaml": config("uses", { password: "trueup:v1/export/db#password" }),
    };
    const others = [producer({ exports: { password: { object: "Secret/demo/s", pointer: "/stringData/password" } } })];
    const open = world(files, { others });
    const refused = await open.controller.sync("db");
    expect(refused.error?.message).toBe(
      "export password: the value is secret: give the controller a key, so that it can be sealed in the store",
    );
    const { controller, target, store, events } = world(files, { others, key: "a key of sixteen characters" });
    await controller.sync("db");
    const { plan, error } = await controller.sync("app");
    expect(error).toBeUndefined();
    expect(data(target, "uses")).toEqual({ password: "hunter2-canary" });
    const { state } = await store.read("db");
    expect(Object.keys(state.exports?.["password"] ?? {}).toSorted()).toEqual(["digest", "sealed"]);
    await controller.sync("db");
    expect((await store.read("db")).state.exports).toEqual(state.exports);
    const app = await store.read("app");
    expect(
      JSON.stringify([plan, state, app.state, [...app.inventory], events, await Array.fromAsync(controller.history())]),
    ).not.toContain("canary");
  });
});
