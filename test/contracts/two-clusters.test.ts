/** Two clusters in one application by routes, each object with the rights of its route: `as` decides what is read, written and shown. */
import { createController, memoryStore } from "@trueup/core";
import { digestOf, parseKey, TARGET, TrueUpError, type CallContext } from "@trueup/spec";
import type { Key, Manifest, Observed, Route, Target } from "@trueup/spec";
import { memorySource, memoryTarget } from "@trueup/testkit";
import { describe, expect, it, onTestFinished } from "vitest";

/** A cluster with users, each with the namespaces that it may use. It would let a call without `as` do everything. */
function cluster(name: string, rights: Record<string, readonly string[]>) {
  const live = memoryTarget({ name, watch: false });
  const calls: string[] = [];
  const denied = (method: string, key: Key, { as }: CallContext): TrueUpError | undefined => {
    const { namespace, name: object } = parseKey(key);
    calls.push(`${method} ${namespace}/${object} as ${[as?.user, ...(as?.groups ?? [])].join()}`);
    if (as === undefined || rights[as.user]?.includes(namespace) === true) return undefined;
    return new TrueUpError("FORBIDDEN", `${as.user} may not use namespace ${namespace}`, { key });
  };
  const check = (...call: Parameters<typeof denied>): void => {
    const error = denied(...call);
    if (error !== undefined) throw error;
  };
  const target: Target = {
    ...live,
    async observe(items, context) {
      const seen = new Map<Key, Observed>();
      for (const { key } of items) {
        const error = denied("observe", key, context);
        if (error !== undefined) seen.set(key, { status: "unknown", error });
      }
      const allowed = items.filter(({ key }) => !seen.has(key));
      return new Map([...seen, ...(await live.observe(allowed, context))]);
    },
    async apply(item, planned, seen, context) {
      check("apply", item.key, context);
      return await live.apply(item, planned, seen, context);
    },
    async delete(tracked, seen, context) {
      check("delete", tracked.key, context);
      return await live.delete(tracked, seen, context);
    },
  };
  return { live, calls, target };
}

const object = (namespace: string, name: string, extra = ""): string =>
  `{apiVersion: v1, kind: ConfigMap, metadata: {name: ${name}, namespace: ${namespace}${extra}}, data: {value: one}}\n`;

const secret = (kind: string, name: string): Manifest => {
  return { apiVersion: "v1", kind, metadata: { name, namespace: "pay" }, data: { pin: "1234" } };
};

const routes: readonly Route<"east" | "west">[] = [
  { target: "east", match: { namespace: "shop" }, as: { user: "shopkeeper" } },
  { target: "east", match: { namespace: "pay" }, as: { user: "cashier", groups: ["pci"] } },
  { target: "west" },
];

describe("two clusters in one application, with impersonation", () => {
  function world(files: Record<string, string>, { cashier = ["pay"] }: { cashier?: readonly string[] } = {}) {
    const east = cluster("cluster-east", { shopkeeper: ["shop"], cashier });
    const west = cluster("cluster-west", { deployer: ["shop", "pay", "logs"] });
    const source = memorySource({ files });
    const controller = createController({
      sources: { git: source },
      renderers: {
        copy: {
          name: "copy",
          detects: async (tree) => (await tree.list()).some(({ path }) => path === "copy"),
          async render({ context }) {
            const found = await context.lookup("cluster-east//Secret/pay/card" as Key);
            const manifest = { apiVersion: "v1", kind: "Secret", metadata: { name: "copy", namespace: "shop" }, found };
            const declared = { manifest, origin: { file: "copy" }, digest: digestOf(manifest) };
            return { objects: [declared], hooks: [], warnings: [] };
          },
        },
      },
      targets: { east: east.target, west: west.target },
      store: memoryStore(),
      applications: [{ name: "shop", source: "git", routes, as: { user: "deployer" }, allowLookup: true }],
    });
    onTestFinished(async () => await controller.stop());
    return { east, west, source, controller, sync: async () => await controller.sync("shop") };
  }

  const three = { "a.yaml": object("shop", "a"), "b.yaml": object("pay", "b"), "c.yaml": object("logs", "c") };

  it("sends each object to its cluster, and every call about it with its rights", async () => {
    const { east, west, source, sync } = world(three);
    expect((await sync()).outcome).toBe("succeeded");
    source.replace({ "a.yaml": three["a.yaml"] });
    expect((await sync()).outcome).toBe("succeeded");
    const all = (about: string) => ["observe", "apply", "observe", "delete"].map((call) => `${call} ${about}`);
    expect(east.calls.filter((call) => call.includes("/a "))).toEqual(all("shop/a as shopkeeper").slice(0, 3));
    expect(east.calls.filter((call) => call.includes("/b "))).toEqual(all("pay/b as cashier,pci"));
    expect(west.calls).toEqual(all("logs/c as deployer"));
  });

  it("keeps objects of one name in both clusters apart", async () => {
    const there = object("shop", "a", `, annotations: {${TARGET}: west}`).replace("one", "two");
    const { east, west, sync } = world({ "a.yaml": object("shop", "a"), "b.yaml": there });
    expect((await sync()).changes.map(({ key }) => key)).toEqual([
      "cluster-east//ConfigMap/shop/a",
      "cluster-west//ConfigMap/shop/a",
    ]);
    const values = [east, west].flatMap(({ live }) => live.objects().map(({ data }) => data));
    expect(values).toEqual([{ value: "one" }, { value: "two" }]);
  });

  it("asks for the health of several objects of one cluster with the rights of each", async () => {
    const { east, sync } = world(three);
    east.live.setHealth(() => ({ status: "progressing" }));
    setTimeout(() => east.live.setHealth(() => ({ status: "healthy" })), 50);
    expect((await sync()).outcome).toBe("succeeded");
    const about = east.calls.map((call) => call.slice(call.indexOf(" ")));
    expect(about.length).toBeGreaterThan(4);
    expect(new Set(about)).toEqual(new Set([" shop/a as shopkeeper", " pay/b as cashier,pci"]));
  });

  it("neither shows nor touches what the rights do not reach, and does the rest", async () => {
    const { east, sync, controller, source } = world(three, { cashier: [] });
    east.live.put(secret("ConfigMap", "b"));
    const plan = await controller.plan("shop");
    expect(plan.changes.map(({ key }) => key)).toEqual([
      "cluster-east//ConfigMap/shop/a",
      "cluster-west//ConfigMap/logs/c",
    ]);
    expect(plan.findings.map(({ message }) => message)).toEqual(["ConfigMap pay/b: cashier may not use namespace pay"]);
    expect(JSON.stringify(plan)).not.toContain("1234");
    expect(await sync()).toMatchObject({ outcome: "failed", error: { code: "FORBIDDEN" }, changes: { length: 2 } });
    source.commit({ "b.yaml": undefined });
    expect((await sync()).outcome).toBe("succeeded");
    expect(east.live.get({ kind: "ConfigMap", namespace: "pay", name: "b" })?.["data"]).toEqual({ pin: "1234" });
  });

  it("looks up for a renderer with the rights of the route", async () => {
    const { east, sync } = world({ copy: "" }, { cashier: [] });
    east.live.put(secret("Secret", "card"));
    const error = { code: "FORBIDDEN", message: "cashier may not use namespace pay" };
    expect(await sync()).toMatchObject({ outcome: "failed", error });
  });
});
