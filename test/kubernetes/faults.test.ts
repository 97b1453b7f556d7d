// What must not go wrong when a server does: the rows of the list of faults that are this package's.
import { setTimeout as sleep } from "node:timers/promises";
import type { Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { useKubernetes } from "../servers/vitest.ts";
import { answer, edited, faulty } from "./faults.ts";
import { configMap, until, world, yaml } from "./world.ts";

type Answer = { readonly status: number; readonly body: Manifest };

describe("faults", () => {
  const cluster = useKubernetes({ controllers: true });
  const path = (namespace: string, name: string): string => `/api/v1/namespaces/${namespace}/configmaps/${name}`;
  const get = (namespace: string, name: string): Promise<Answer> =>
    cluster().request<Manifest>("GET", path(namespace, name));
  const valueOf = async (namespace: string, name: string): Promise<unknown> =>
    ((await get(namespace, name)).body["data"] as Record<string, unknown> | undefined)?.["a"];
  const edit = (namespace: string, name: string, a: string) =>
    cluster().request(
      "PATCH",
      `${path(namespace, name)}?fieldManager=somebody`,
      { data: { a } },
      { contentType: "application/merge-patch+json" },
    );
  const some = (namespace: string, count: number, a = "1"): Manifest[] =>
    Array.from({ length: count }, (_, i) => configMap(namespace, `c-${i}`, { a }));

  it.each([[["web", "receiver"]], [["receiver", "web"]]])(
    "row 34: an object that moves between applications keeps its uid and bears the new mark (%s)",
    async (order) => {
      const namespace = await cluster().namespace();
      const [stays, moves] = [configMap(namespace, "stays", { a: "1" }), configMap(namespace, "moves", { a: "1" })];
      const { controller, source, store, events } = world(
        cluster(),
        { "w/s.yaml": yaml(stays), "w/m.yaml": yaml(moves), "r/c.yaml": yaml(configMap(namespace, "c", { a: "1" })) },
        { application: { path: "w" } },
      );
      await controller.set({ name: "receiver", source: "git", path: "r", target: "cluster" });
      const synced = async (): Promise<string[]> => {
        const told: string[] = [];
        for (const name of order) {
          const { error, changes } = await controller.sync(name);
          expect(error).toBeUndefined();
          told.push(...changes.map(({ action, reason }) => `${action}: ${reason}`));
        }
        return told;
      };
      await synced();
      const uid = (await get(namespace, "moves")).body.metadata["uid"];
      events.length = 0;
      source.commit({ "w/m.yaml": undefined, "r/m.yaml": yaml(moves) });
      expect(await synced()).toEqual(["update: moved from application web"]);
      const { metadata } = (await get(namespace, "moves")).body;
      expect([metadata["uid"], metadata.labels?.["trueup.dev/application"]]).toEqual([uid, "receiver"]);
      const rows = async (name: string): Promise<number> => (await store.read(name)).inventory.size;
      expect([await rows("web"), await rows("receiver")]).toEqual([1, 2]);
      // Back, while a watch vouches for what stands there; from then on it is the former owner's again.
      await controller.start();
      source.commit({ "w/m.yaml": yaml(moves), "r/m.yaml": undefined });
      const label = async () => (await get(namespace, "moves")).body.metadata.labels?.["trueup.dev/application"];
      await until("the mark", label, (mark) => mark === "web");
      await until("idle", () => ["web", "receiver"].every((name) => controller.status(name).phase === "idle"));
      expect([await rows("web"), await rows("receiver")]).toEqual([2, 1]);
      await edit(namespace, "moves", "by hand");
      await until("healed", async () => (await valueOf(namespace, "moves")) === "1");
      expect((await get(namespace, "moves")).body.metadata["uid"]).toBe(uid);
      const drifts = events.flatMap((event) => (event.type === "drift-detected" ? [event.application] : []));
      expect([drifts, events.filter(({ type }) => type === "object-deleted")]).toEqual([["web"], []]);
    },
  );

  it("row 38: an object that changed between read and write is read again, a bounded number of times", async () => {
    const namespace = await cluster().namespace();
    const { options, set } = await faulty(cluster());
    const { synced, controller, source } = world(
      cluster(),
      { "a.yaml": yaml(...some(namespace, 1)) },
      { kubernetes: options },
    );
    await synced();
    let refused = 0;
    const conflict = {
      kind: "Status",
      code: 409,
      reason: "Conflict",
      message: "the object has been modified",
      details: {},
    };
    set(async ({ method }, proceed) =>
      method === "PATCH" && ++refused <= 2 ? answer(409, conflict) : await proceed(),
    );
    source.commit({ "a.yaml": yaml(...some(namespace, 1, "2")) });
    await synced();
    expect([refused, await valueOf(namespace, "c-0")]).toEqual([3, "2"]);

    refused = -1_000;
    set(async ({ method }, proceed) => (method === "PATCH" && ++refused < 0 ? answer(409, conflict) : await proceed()));
    source.commit({ "a.yaml": yaml(...some(namespace, 1, "3")) });
    expect((await controller.sync("web")).outcome).toBe("failed");
    expect(refused).toBe(-996);
  });

  it("row 40: 429 with Retry-After is waited for, and the rest goes on with fewer at a time", async () => {
    const namespace = await cluster().namespace();
    const { options, set } = await faulty(cluster());
    const refusedAt = new Map<string, number>();
    const waits: number[] = [];
    set(async ({ method, path }, proceed) => {
      if (method !== "PATCH") return await proceed();
      const before = refusedAt.get(path);
      if (before !== undefined) {
        waits.push(performance.now() - before);
        return await proceed();
      }
      refusedAt.set(path, performance.now());
      return answer(429, "Too many requests, please try again later.\n", { "retry-after": "1" });
    });
    const { synced } = world(cluster(), { "a.yaml": yaml(...some(namespace, 10)) }, { kubernetes: options });
    await synced();
    expect(waits).toHaveLength(10);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(999);
  });

  it("row 41: converges where a third of all requests fail", { timeout: 60_000 }, async () => {
    const namespace = await cluster().namespace();
    const { options, set } = await faulty(cluster());
    let asked = 0;
    set(async (_asked, proceed) => {
      asked++;
      if (asked % 9 === 0) return answer(502, "bad gateway");
      if (asked % 9 === 3) throw Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
      if (asked % 9 !== 6) return await proceed();
      // Row 42: it was done, and the answer is lost.
      await (await proceed()).text();
      return answer(500, { kind: "Status", reason: "InternalError", message: "Internal error occurred" });
    });
    const { synced } = world(cluster(), { "a.yaml": yaml(...some(namespace, 40)) }, { kubernetes: options });
    await synced();
    const { body } = await cluster().request<{ items: Manifest[] }>(
      "GET",
      `/api/v1/namespaces/${namespace}/configmaps?labelSelector=trueup.dev/application`,
    );
    expect(body.items).toHaveLength(40);
  });

  it(
    "row 43: a watch whose version is too old lists again, and takes nothing for drift",
    { timeout: 60_000 },
    async () => {
      const namespace = await cluster().namespace();
      const { controller, events } = world(cluster(), { "a.yaml": yaml(...some(namespace, 5)) });
      await controller.start();
      await until(
        "synced",
        () => controller.status("web"),
        ({ sync, phase }) => sync === "synced" && phase === "idle",
      );
      await cluster().apiServer.stop("SIGKILL");
      await cluster().apiServer.start();
      await edit(namespace, "c-0", "hand");
      await until(
        "healed",
        () => valueOf(namespace, "c-0"),
        (value) => value === "1",
      );
      await until("idle", () => controller.status("web").phase === "idle");
      expect(
        events.filter((event) => event.type === "drift-detected").map((event) => event.key.split("/").at(-1)),
      ).toEqual(["c-0"]);
      expect(events.filter(({ type }) => type === "object-applied")).toHaveLength(6);
    },
  );

  it(
    "row 44: a watch that fell silent is noticed, and what happened meanwhile is healed",
    { timeout: 60_000 },
    async () => {
      const namespace = await cluster().namespace();
      const { options, set } = await faulty(cluster());
      const { controller } = world(
        cluster(),
        { "a.yaml": yaml(...some(namespace, 2)) },
        { kubernetes: { ...options, silenceMs: 1_000 } },
      );
      let silent = 0;
      set(async ({ query, signal }, proceed) => {
        const response = await proceed();
        if (!query.has("watch") || ++silent > 1) return response;
        async function* nothing(): AsyncGenerator<Uint8Array> {
          await new Promise((_resolve, reject) =>
            signal?.addEventListener("abort", () => reject(signal.reason as Error)),
          );
          yield new Uint8Array();
        }
        return { ...response, body: nothing() };
      });
      await controller.start();
      await until(
        "synced",
        () => controller.status("web"),
        ({ sync, phase }) => sync === "synced" && phase === "idle",
      );
      await until("a watch is there, and silent", () => silent === 1);
      await edit(namespace, "c-0", "hand");
      await until(
        "healed",
        () => valueOf(namespace, "c-0"),
        (value) => value === "1",
      );
      expect(silent).toBeGreaterThan(1);
    },
  );

  it(
    "row 45: a list that fails midway says nothing of what it did not hold: nothing is made or pruned on it",
    { timeout: 60_000 },
    async () => {
      const namespace = await cluster().namespace();
      const { options, set } = await faulty(cluster());
      const { controller, synced, source } = world(
        cluster(),
        { "a.yaml": yaml(...some(namespace, 30)) },
        { kubernetes: options },
      );
      await synced();
      let lists = 0;
      set(async ({ path, query }, proceed) => {
        if (!path.endsWith("/configmaps")) return await proceed();
        lists++;
        if (query.has("continue"))
          return answer(410, {
            kind: "Status",
            code: 410,
            reason: "Expired",
            message: "the provided continue parameter is too old",
          });
        // A page of ten, and a promise of more.
        return await edited(await proceed(), (body: { items: object[]; metadata: object }) => ({
          ...body,
          items: body.items.slice(0, 10),
          metadata: { ...body.metadata, continue: "more" },
        }));
      });
      source.commit({ "a.yaml": yaml(...some(namespace, 5, "2")) });
      const { outcome, changes } = await controller.sync("web");
      expect(lists).toBeGreaterThan(1);
      expect(outcome).toBe("failed");
      expect(changes.filter(({ outcome }) => outcome === "done")).toEqual([]);
      set(undefined);
      const { body } = await cluster().request<{ items: Manifest[] }>(
        "GET",
        `/api/v1/namespaces/${namespace}/configmaps?labelSelector=trueup.dev/application`,
      );
      expect(body.items).toHaveLength(30);
    },
  );

  it("row 46: where discovery of a group is down its kinds are unknown: nothing is pruned, the rest goes on", async () => {
    const namespace = await cluster().namespace();
    const quota = (name: string): Manifest => ({
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name, namespace },
      spec: { maxUnavailable: 1, selector: { matchLabels: { app: name } } },
    });
    const { options, set } = await faulty(cluster());
    const first = world(
      cluster(),
      { "a.yaml": yaml(quota("kept"), quota("dropped"), ...some(namespace, 1)) },
      { kubernetes: options },
    );
    await first.synced();
    await first.stop();

    const again = world(
      cluster(),
      { "a.yaml": yaml(quota("kept"), ...some(namespace, 1, "2")) },
      { kubernetes: options, store: first.store },
    );
    set(async ({ path }, proceed) => {
      const response = await proceed();
      if (path !== "/apis") return response;
      type Groups = { items: { metadata: { name: string }; versions: { version: string; resources?: object[] }[] }[] };
      return await edited(response, (body: Groups) => ({
        ...body,
        items: body.items.map((group) => ({
          ...group,
          versions: group.versions.map((version) =>
            group.metadata.name === "policy" ? { version: version.version, freshness: "Stale" } : version,
          ),
        })),
      }));
    });
    const { outcome, changes } = await again.controller.sync("web");
    expect(outcome).toBe("failed");
    expect(changes.filter(({ action, outcome }) => action === "delete" && outcome === "done")).toEqual([]);
    expect(await valueOf(namespace, "c-0")).toBe("2");
    const { body } = await cluster().request<{ items: Manifest[] }>(
      "GET",
      `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`,
    );
    expect(body.items.map(({ metadata }) => metadata.name).toSorted()).toEqual(["dropped", "kept"]);
  });

  it("row 49: an object that cannot go is waited for within a bound, and then told", async () => {
    const namespace = await cluster().namespace();
    const { controller, synced, source } = world(
      cluster(),
      {
        "a.yaml": yaml(
          configMap(namespace, "held", { a: "1" }, { finalizers: ["example.org/hold"] }),
          configMap(namespace, "other", { a: "1" }),
        ),
      },
      { application: { healthTimeoutMs: 1_000 } },
    );
    await synced();
    source.commit({ "a.yaml": yaml(configMap(namespace, "other", { a: "1" })) });
    const startedAt = performance.now();
    const { changes } = await controller.sync("web");
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(changes.map(({ action, outcome }) => [action, outcome])).toEqual([["delete", "pending"]]);
    const { body } = await get(namespace, "held");
    expect(body.metadata["deletionTimestamp"]).toBeDefined();
    await cluster().request(
      "PATCH",
      path(namespace, "held"),
      { metadata: { finalizers: null } },
      { contentType: "application/merge-patch+json" },
    );
    expect((await controller.sync("web")).outcome).toBe("succeeded");
  });

  it("row 50: who writes a field of ours for ever does not make us do so as fast", { timeout: 60_000 }, async () => {
    const namespace = await cluster().namespace();
    const { controller, events } = world(cluster(), { "a.yaml": yaml(...some(namespace, 1)) });
    await controller.start();
    await until(
      "synced",
      () => controller.status("web"),
      ({ sync, phase }) => sync === "synced" && phase === "idle",
    );
    const before = events.filter(({ type }) => type === "object-applied").length;
    const until5 = performance.now() + 5_000;
    let fought = 0;
    while (performance.now() < until5) {
      if ((await valueOf(namespace, "c-0")) === "1") {
        fought++;
        await edit(namespace, "c-0", `hand-${fought}`);
      }
      await sleep(20);
    }
    expect(fought).toBeGreaterThan(1);
    expect(events.filter(({ type }) => type === "object-applied").length - before).toBeLessThanOrEqual(5);
  });

  it("row 63: what is not allowed is refused before any call", async () => {
    const namespace = await cluster().namespace();
    const other = await cluster().namespace();
    const { options, set } = await faulty(cluster());
    const calls: string[] = [];
    set(async ({ path }, proceed) => {
      calls.push(path);
      return await proceed();
    });
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace }, stringData: { a: "1" } };
    const { controller } = world(
      cluster(),
      { "a.yaml": yaml(...some(namespace, 1), ...some(other, 1), secret) },
      { kubernetes: { ...options, allow: [{ kind: "ConfigMap", namespace }] } },
    );
    const { outcome } = await controller.sync("web");
    expect(outcome).toBe("failed");
    expect(calls.filter((path) => path.includes(`/${other}/`) || path.includes("secrets"))).toEqual([]);
    expect((await get(namespace, "c-0")).status).toBe(200);
  });
});
