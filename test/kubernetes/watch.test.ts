// One watch for a kind, whoever uses it; and what it does where there is none.
import { setTimeout as sleep } from "node:timers/promises";
import type { Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { useKubernetes } from "../servers/vitest.ts";
import { answer, faulty } from "./faults.ts";
import { configMap, until, world, yaml, type World } from "./world.ts";

describe("the watch", () => {
  const cluster = useKubernetes();
  let agents = 0;
  const agent = (): string => `trueup-watch-agent-${++agents}/`;
  const settled = ({ controller }: World, names: readonly string[] = ["web"]): Promise<unknown> =>
    until(
      "settled",
      () => names.map((name) => controller.status(name)),
      (all) => all.every(({ sync, phase }) => sync === "synced" && phase === "idle"),
    );
  const dataOf = async (namespace: string, name: string): Promise<unknown> =>
    (await cluster().request<Manifest>("GET", `/api/v1/namespaces/${namespace}/configmaps/${name}`)).body["data"];
  const secret = (namespace: string, name: string, value: string): Manifest => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace },
    stringData: { a: value },
  });
  const edit = (namespace: string, plural: string, name: string, data: object) =>
    cluster().request(
      "PATCH",
      `/api/v1/namespaces/${namespace}/${plural}/${name}?fieldManager=somebody`,
      { data },
      {
        contentType: "application/merge-patch+json",
      },
    );

  it("is one for each kind, shared by all applications, and holds only what is marked as ours", async () => {
    const namespace = await cluster().namespace();
    const userAgent = agent();
    const names = Array.from({ length: 8 }, (_, i) => `app-${i}`);
    const files = Object.fromEntries(
      names.map((name) => [
        `${name}/all.yaml`,
        yaml(configMap(namespace, name, { a: "1" }), secret(namespace, name, "1")),
      ]),
    );
    const here = world(cluster(), files, { kubernetes: { userAgent }, application: { path: "app-0" } });
    for (const name of names.slice(1))
      await here.controller.set({ name, source: "git", path: name, target: "cluster" });
    await here.controller.start();
    await settled(here, ["web", ...names.slice(1)]);
    await sleep(300);
    const asked = await cluster().requests({ userAgent, verb: "watch" });
    const kinds = asked.map(({ uri }) => uri.split("?")[0] ?? "").toSorted();
    expect(kinds).toEqual(["/api/v1/configmaps", "/api/v1/secrets"]);
    for (const { uri } of asked) {
      const query = new URLSearchParams(uri.split("?")[1]);
      expect([query.get("labelSelector"), query.get("allowWatchBookmarks")]).toEqual([
        "trueup.dev/application",
        "true",
      ]);
    }
  });

  it("begins with a list, page by page", { timeout: 60_000 }, async () => {
    const namespace = await cluster().namespace();
    const manifests = Array.from({ length: 1_100 }, (_, i) => configMap(namespace, `c-${i}`, { a: "1" }));
    const files = { "a.yaml": yaml(...manifests) };
    const first = world(cluster(), files, { application: { concurrency: 64 } });
    await first.synced();
    await first.stop();
    const userAgent = agent();
    const again = world(cluster(), files, { store: first.store, kubernetes: { userAgent } });
    await again.controller.start();
    await settled(again);
    const lists = await cluster().requests({ userAgent, verb: "list" });
    const pages = lists.filter(({ uri }) => uri.startsWith("/api/v1/configmaps?"));
    expect(pages.length).toBeGreaterThanOrEqual(3);
    expect(pages.every(({ uri }) => uri.includes("limit=500"))).toBe(true);
    expect(pages.slice(1).every(({ uri }) => uri.includes("continue="))).toBe(true);
    expect(again.controller.status("web").objects).toBe(1_100);
    await edit(namespace, "configmaps", "c-1099", { a: "hand" });
    await until(
      "healed",
      () => dataOf(namespace, "c-1099"),
      (data) => JSON.stringify(data) === '{"a":"1"}',
    );
  });

  it("begins after the first writes, and sees what others did meanwhile", { timeout: 60_000 }, async () => {
    const namespace = await cluster().namespace();
    const manifests = Array.from({ length: 300 }, (_, i) => configMap(namespace, `c-${i}`, { a: "1" }));
    const userAgent = agent();
    const here = world(cluster(), { "a.yaml": yaml(...manifests) }, { kubernetes: { userAgent } });
    let done = 0;
    const others: Promise<unknown>[] = [];
    here.controller.subscribe((event) => {
      if (event.type !== "object-applied") return;
      const name = event.key.slice(event.key.lastIndexOf("/") + 1);
      done++;
      if (done === 20) others.push(edit(namespace, "configmaps", name, { a: "hand" }));
      if (done === 40) others.push(cluster().request("DELETE", `/api/v1/namespaces/${namespace}/configmaps/${name}`));
    });
    await here.controller.start();
    await until("all were written", () => done >= 300);
    await Promise.all(others);
    await until(
      "healed",
      async () =>
        (await cluster().request<{ items: Manifest[] }>("GET", `/api/v1/namespaces/${namespace}/configmaps`)).body
          .items,
      (items) =>
        items.filter(({ data }) => JSON.stringify(data) === '{"a":"1"}').length === 300 &&
        here.controller.status("web").sync === "synced",
    );
    const asked = await cluster().requests({ userAgent });
    const verbs = asked.filter(({ uri }) => uri.includes("/configmaps")).map(({ verb }) => verb);
    expect(verbs.filter((verb) => verb === "watch")).toHaveLength(1);
    expect(verbs.slice(0, verbs.indexOf("watch")).filter((verb) => verb === "patch").length).toBeGreaterThan(250);
  });

  it(
    "of a kind that fails does not disturb the others: they heal at once and ask nothing",
    { timeout: 60_000 },
    async () => {
      const namespace = await cluster().namespace();
      const { options, set } = await faulty(cluster());
      let failing = false;
      let failed = 0;
      set(async ({ path, query, method }, proceed) => {
        const listed = method === "GET" && path.endsWith("/secrets");
        if (!failing || !listed) {
          const response = await proceed();
          // A watch that runs is cut once the kind fails.
          if (!listed || !query.has("watch") || response.body === null) return response;
          return { ...response, body: untilFailing(response.body, () => failing) };
        }
        failed++;
        return answer(500, { kind: "Status", reason: "InternalError", message: "etcd is unwell" });
      });
      const here = world(
        cluster(),
        { "a/c.yaml": yaml(configMap(namespace, "c", { a: "1" })), "b/s.yaml": yaml(secret(namespace, "s", "1")) },
        { kubernetes: options, application: { path: "a" } },
      );
      await here.controller.set({ name: "secrets", source: "git", path: "b", target: "cluster" });

      await here.controller.start();
      await until("settled", () => here.controller.status("secrets").sync === "synced");
      failing = true;
      // Something of it happens, so that the cut is noticed.
      await edit(namespace, "secrets", "s", { a: "aGFuZA==" });
      await until("failing", () => failed > 2);
      const from = performance.now();
      await edit(namespace, "configmaps", "c", { a: "hand" });
      await until(
        "healed",
        () => dataOf(namespace, "c"),
        (data) => JSON.stringify(data) === '{"a":"1"}',
      );
      expect(performance.now() - from).toBeLessThan(5_000);
      failing = false;
      const value = async (): Promise<unknown> =>
        (await cluster().request<Manifest>("GET", `/api/v1/namespaces/${namespace}/secrets/s`)).body["data"];
      await until(
        "the other heals too, once it is seen again",
        value,
        (data) => JSON.stringify(data) === '{"a":"MQ=="}',
        30_000,
      );
    },
  );

  it("without a store decides by what the objects themselves say: no write", async () => {
    const namespace = await cluster().namespace();
    const files = {
      "a.yaml": yaml(...Array.from({ length: 30 }, (_, i) => configMap(namespace, `c-${i}`, { a: "1" }))),
    };
    const installation = "lost";
    const first = world(cluster(), files, { installation });
    await first.synced();
    await first.stop();
    const userAgent = agent();
    const again = world(cluster(), files, { installation, kubernetes: { userAgent } });
    expect((await again.synced()).changes).toEqual([]);
    const asked = await cluster().requests({ userAgent });
    expect(asked.filter(({ verb }) => verb === "patch" || verb === "create")).toEqual([]);
    const { inventory } = await again.store.read("web");
    expect([...inventory.values()].every(({ mask, expected }) => mask !== undefined && expected !== undefined)).toBe(
      true,
    );
    expect((await again.synced()).changes).toEqual([]);
  });

  it("rows of a lost inventory are found by the marks, also of what left Git", async () => {
    const namespace = await cluster().namespace();
    const installation = "rebuilt";
    const { synced, target, store } = world(
      cluster(),
      { "a.yaml": yaml(configMap(namespace, "c", { a: "1" }), secret(namespace, "s", "1")) },
      { installation },
    );
    await synced();
    const copy = configMap(namespace, "copy", { a: "1" });
    const { body } = await cluster().request<Manifest>("GET", `/api/v1/namespaces/${namespace}/configmaps/c`);
    const { labels, annotations } = body.metadata;
    await cluster().request("POST", `/api/v1/namespaces/${namespace}/configmaps`, {
      ...copy,
      metadata: { ...copy.metadata, labels, annotations },
    });
    const owner = { installation, application: "web" };
    const rows = await target.owned(owner, { application: "web", owner, fingerprint: () => "" });
    const { inventory } = await store.read("web");
    expect(rows.map(({ key }) => key).toSorted()).toEqual([...inventory.keys()].toSorted());
    for (const { key, uid, mask } of rows)
      expect({ uid, mask }).toEqual({ uid: inventory.get(key)?.uid, mask: inventory.get(key)?.mask });
  });

  it("with adopt: never a create is one apply that is refused where anything stands, and says whose it is", async () => {
    const namespace = await cluster().namespace();
    const { options, set } = await faulty(cluster());
    const here = world(cluster(), { "a.yaml": yaml(configMap(namespace, "c", { a: "1" })) }, { kubernetes: options });
    const sent: object[] = [];
    set(async ({ method, path, body }, proceed) => {
      if (method !== "PATCH") return await proceed();
      sent.push((JSON.parse(body ?? "{}") as Manifest).metadata);
      // Between the look and the write somebody else makes it.
      if (sent.length === 1)
        await cluster().request(
          "POST",
          path.slice(0, path.lastIndexOf("/")),
          configMap(namespace, "c", { a: "theirs" }),
        );
      return await proceed();
    });
    const { outcome, changes } = await here.controller.sync("web");
    expect([outcome, changes[0]?.outcome]).toEqual(["failed", "failed"]);
    expect(sent).toMatchObject([{ resourceVersion: "1" }]);
    expect(changes[0]?.message).toContain(`ConfigMap ${namespace}/c stands there and is nobody's`);
    expect(await dataOf(namespace, "c")).toEqual({ a: "theirs" });
    await cluster().request("DELETE", `/api/v1/namespaces/${namespace}/configmaps/c`);
    await here.synced();
    const { body } = await cluster().request<Manifest>("GET", `/api/v1/namespaces/${namespace}/configmaps/c`);
    const managers = body.metadata["managedFields"] as unknown as { manager: string; operation: string }[];
    expect(managers.map(({ manager, operation }) => `${manager} ${operation}`)).toEqual(["trueup Apply"]);
  });
});

async function* untilFailing(body: AsyncIterable<Uint8Array>, failing: () => boolean): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    if (failing()) return;
    yield chunk;
  }
}
