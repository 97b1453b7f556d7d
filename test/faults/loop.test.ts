// Rows of faults that the loop must survive, on a target in memory. Each was seen to fail with its protection taken out.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createController, memoryStore, type Controller, type ControllerEvent } from "@trueup/core";
import { formatPlan, formatPlanMarkdown } from "@trueup/diff";
import { filesystem } from "@trueup/filesystem";
import { plain } from "@trueup/manifest";
import type { Application, Renderer, Store, Target } from "@trueup/spec";
import { sqliteStore } from "@trueup/sqlite";
import {
  failing,
  garbage,
  hanging,
  lostAnswer,
  memorySource,
  memoryTarget,
  slow,
  type MemorySource,
} from "@trueup/testkit";
import { afterEach, expect, it } from "vitest";

const config = (name: string, value = "one"): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n  namespace: demo\ndata:\n  value: ${value}\n`;

const controllers: Controller[] = [];
afterEach(
  async () => void (await Promise.all(controllers.splice(0).map(async (controller) => await controller.stop()))),
);

function start(
  source: MemorySource,
  targets: Readonly<Record<string, Target>>,
  more: {
    store?: Store;
    renderer?: Renderer;
    application?: Partial<Application>;
    callTimeoutMs?: number;
    leaseMs?: number;
  } = {},
) {
  const { store = memoryStore(), renderer, application, ...options } = more;
  const [target = ""] = Object.keys(targets);
  const controller = createController({
    ...options,
    sources: { git: source },
    targets,
    ...(renderer && { renderers: { plain: renderer } }),
    store,
    applications: [
      { name: "app", source: "git", ...(application?.routes === undefined && { target }), ...application },
    ],
  });
  const events: ControllerEvent[] = [];
  controller.subscribe((event) => events.push(event));
  controllers.push(controller);
  return { controller, events, store };
}

const names = (target: ReturnType<typeof memoryTarget>): string[] =>
  target
    .objects()
    .map(({ metadata }) => metadata.name)
    .toSorted();

it("fault 29: one bad document among 500 applies and prunes nothing, and every error is reported", async () => {
  const files = Object.fromEntries(
    Array.from({ length: 500 }, (_, i) => [`f${String(i).padStart(3, "0")}.yaml`, config(`c${i}`)]),
  );
  const source = memorySource({ files });
  const target = memoryTarget();
  const { controller } = start(source, { live: target });
  await controller.sync("app");
  target.calls.reset();
  source.commit({
    "f007.yaml": undefined,
    "f100.yaml": config("c100", "changed"),
    "f200.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c200\n  name: again\n",
    "f300.yaml": "kind: ConfigMap\nmetadata:\n  name: c300\n",
  });
  const { outcome, error } = await controller.sync("app");
  expect(outcome).toBe("failed");
  expect(error?.errors?.map(({ origin }) => `${origin?.file}:${origin?.line}`)).toEqual(["f200.yaml:5", "f300.yaml:1"]);
  expect([target.calls.apply, target.calls.delete, target.objects().length]).toEqual([0, 0, 500]);
});

it("fault 35: a renderer that crashes, or answers less than its contract, prunes nothing", async () => {
  const source = memorySource({ files: { "a.yaml": config("a"), "b.yaml": config("b") } });
  const target = memoryTarget();
  let fault: "none" | "throws" | "partial" = "none";
  const renderer: Renderer = {
    ...plain(),
    async render(input) {
      const rendered = await plain().render(input);
      if (fault === "throws") throw new Error("out of memory");
      return fault === "partial" ? ({ objects: rendered.objects.slice(0, 1) } as unknown as typeof rendered) : rendered;
    },
  };
  const { controller } = start(source, { live: target }, { renderer });
  await controller.sync("app");
  for (fault of ["throws", "partial"] as const) {
    source.commit({ "a.yaml": config("a", fault) });
    expect((await controller.sync("app")).outcome).toBe("failed");
    expect(names(target)).toEqual(["a", "b"]);
  }
});

it("fault 37: an object made by a process that died before it could record it is taken up, not refused", async () => {
  const source = memorySource({ files: { "a.yaml": config("a") } });
  for (const marks of [true, false]) {
    const target = memoryTarget({ marks });
    const store = memoryStore();
    const { controller } = start(source, { live: lostAnswer(target, { method: "apply", on: 1 }) }, { store });
    expect((await controller.sync("app")).outcome).toBe("failed");
    expect(names(target)).toEqual(["a"]);
    expect((await controller.sync("app")).outcome).toBe("succeeded");
    expect((await store.read("app")).inventory.size).toBe(1);
    await controller.remove("app", { resources: "delete" });
    expect(names(target)).toEqual([]);
  }
});

it("fault 42: a timeout after the server had committed makes no second object", async () => {
  const source = memorySource({ files: { "a.yaml": config("a") } });
  const target = memoryTarget({ identifiers: true });
  const { controller } = start(source, { live: lostAnswer(target, { method: "apply", on: [1, 2] }) });
  await controller.sync("app");
  await controller.sync("app");
  expect((await controller.sync("app")).outcome).toBe("succeeded");
  expect(target.objects()).toHaveLength(1);
});

it("fault 54: of two controllers on one application, the one whose lease is stale writes nothing more", async () => {
  const files = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`${i}.yaml`, config(`c${i}`)]));
  const store = memoryStore();
  const target = memoryTarget();
  // The first holder's clock stands still while it waits for its first answer: its lease cannot be renewed.
  const stuck: Store = {
    ...store,
    settings: store.settings,
    async claim(application, holder, ttlMs) {
      const lease = await store.claim(application, holder, ttlMs);
      return lease && { ...lease, signal: new AbortController().signal, renew: async () => {} };
    },
  };
  const first = start(
    memorySource({ files }),
    { live: slow(target, { method: "apply", on: 1, ms: 1_500 }) },
    { store: stuck, leaseMs: 1_000, application: { concurrency: 1 } },
  );
  const slowRun = first.controller.sync("app");
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  const second = start(memorySource({ files }), { live: target }, { store, leaseMs: 1_000 });
  expect((await second.controller.sync("app")).outcome).toBe("succeeded");
  target.calls.reset();
  const { outcome, error } = await slowRun;
  expect(outcome).not.toBe("succeeded");
  expect(error?.code).toBe("LEASE_LOST");
  expect(target.calls.apply).toBe(0);
});

it("fault 58: a target that throws, hangs or answers garbage harms only its own objects", async () => {
  for (const broken of [
    failing(memoryTarget({ name: "broken" }), { method: "observe", error: new TypeError("x is not a function") }),
    failing(memoryTarget({ name: "broken" }), { method: "apply", error: "not even an error" }),
    hanging(memoryTarget({ name: "broken" }), { method: "apply" }),
    garbage(memoryTarget({ name: "broken" }), { method: "observe", answer: [] }),
    garbage(memoryTarget({ name: "broken" }), { method: "apply", answer: { status: "done" } }),
  ]) {
    const source = memorySource({ files: { "a.yaml": config("a"), "b.yaml": config("b") } });
    const target = memoryTarget({ name: "good" });
    const { controller } = start(
      source,
      { broken, good: target },
      { callTimeoutMs: 200, application: { routes: [{ target: "broken", match: { name: "a" } }, { target: "good" }] } },
    );
    const { outcome, changes, error } = await controller.sync("app");
    expect(outcome).toBe("failed");
    expect(error?.message).not.toContain("undefined");
    expect(changes.find(({ key }) => key.endsWith("/b"))?.outcome).toBe("done");
    expect(names(target)).toEqual(["b"]);
  }
});

it("fault 59: a target that ignores the signal is abandoned, and its late answer dropped", async () => {
  const target = memoryTarget();
  const { controller, store } = start(
    memorySource({ files: { "a.yaml": config("a") } }),
    { live: slow(target, { method: "apply", on: 1, ms: 400 }) },
    { callTimeoutMs: 100 },
  );
  const result = await controller.sync("app");
  expect(result.error?.code).toBe("TIMEOUT");
  await new Promise((resolve) => setTimeout(resolve, 400));
  const [row] = (await store.read("app")).inventory.values();
  expect(row?.expected).toBeUndefined();
  expect((await controller.sync("app")).outcome).toBe("succeeded");
});

it("fault 61: a secret is nowhere but in the target: not in plans, events, history, errors, logs or the store", async () => {
  const canary = "c4n4ry-in-plain-text";
  const secret = (value: string): string =>
    `apiVersion: v1\nkind: Secret\nmetadata:\n  name: keys\n  namespace: demo\nstringData:\n  token: ${value}\ndata:\n  encoded: ${Buffer.from(value).toString("base64")}\n`;
  const directory = await mkdtemp(join(tmpdir(), "trueup-secret-"));
  const database = join(directory, "store.sqlite");
  const store = sqliteStore({ path: database });
  const target = filesystem({ root: join(directory, "live") });
  const said: string[] = [];
  const log = (fields: object, message: string): void => void said.push(JSON.stringify(fields), message);
  const source = memorySource({ files: { "s.yaml": secret(canary) } });
  const controller = createController({
    sources: { git: source },
    targets: { live: failing(target, { method: "apply", on: 2, error: new Error("the server said no") }) },
    store,
    logger: { debug: log, info: log, warn: log, error: log },
    applications: [{ name: "app", source: "git", target: "live" }],
  });
  controllers.push(controller);
  const hold = (value: unknown): void =>
    void said.push(
      JSON.stringify(value, (_, field: unknown) =>
        field instanceof Error ? `${field.message} ${field.stack}` : field,
      ) ?? "",
    );
  controller.subscribe(hold);
  for (const value of [canary, `${canary}-2`, `${canary}-3`]) {
    source.commit({ "s.yaml": secret(value) });
    const plan = await controller.plan("app");
    expect(plan.changes).toHaveLength(1);
    said.push(formatPlan(plan), formatPlanMarkdown(plan));
    hold(await controller.sync("app"));
    hold(controller.status("app"));
  }
  // A bad document: its error may name the field, not what stands in it.
  source.commit({ "s.yaml": secret(canary).replace("token:", "token: [") });
  hold(await controller.sync("app"));
  hold(await Array.fromAsync(controller.history()));
  await controller.stop();
  await store.close?.();
  await target.close?.();
  said.push(await readFile(database, "latin1"), await readFile(`${database}-wal`, "latin1").catch(() => ""));
  const all = said.join("\n");
  expect(all.length).toBeGreaterThan(5_000);
  for (const form of [canary, Buffer.from(canary).toString("base64").slice(0, 20)]) expect(all).not.toContain(form);
  expect(all).toContain("sensitive");
  await rm(directory, { recursive: true });
});
