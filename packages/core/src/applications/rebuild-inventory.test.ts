import { keyOf, TrueUpError, type Key, type Target } from "@trueup/spec";
import { failing, memoryTarget } from "@trueup/testkit";
import { describe, expect, it } from "vitest";
import { memoryStore } from "../memory/memory-store.ts";
import { config, history, names, until, world } from "../testing/world.ts";

const said = { actor: "ada", reason: "the store's disk died" };
const key = (name: string): Key => keyOf({ target: "memory", group: "", kind: "ConfigMap", namespace: "demo", name });
const files = { "a.yaml": config("a", "one"), "b.yaml": config("b", "one") };
const installation = "here";

/** A target that holds `a` and `b`, and a controller on a store that knows nothing, whose Git has only `a`. */
async function lost(application: Parameters<typeof world>[1] = {}, target = memoryTarget()) {
  await world(files, application, { target, installation }).controller.sync("web");
  target.calls.reset();
  return world({ "a.yaml": config("a", "one") }, application, { target, store: memoryStore(), installation });
}

describe("rebuilding a lost inventory", () => {
  it("without it, what left Git meanwhile stays for good", async () => {
    const { controller, target } = await lost();
    await controller.sync("web");
    expect(names(target)).toEqual(["a", "b"]);
  });

  it("tracks what bears the mark; the next run confirms what Git declares and prunes the rest", async () => {
    const { controller, target, store, events } = await lost();
    expect(await controller.rebuildInventory("web", said)).toEqual({ found: [key("a"), key("b")], unasked: [] });
    expect([...(await store.read("web")).inventory.keys()]).toEqual([key("a"), key("b")]);
    expect(target.calls).toMatchObject({ owned: 1, apply: 0, delete: 0 });
    expect(events.find(({ type }) => type === "inventory-rebuilt")).toMatchObject({
      application: "web",
      found: 2,
      ...said,
    });
    const [entry] = await history(controller);
    expect(entry).toMatchObject({
      trigger: "inventory rebuilt by ada: the store's disk died",
      outcome: "succeeded",
      changes: [],
    });
    const { changes } = await controller.sync("web");
    expect(changes.map(({ key: of, action, outcome }) => [of, action, outcome])).toEqual([
      [key("b"), "delete", "done"],
    ]);
    expect(names(target)).toEqual(["a"]);
    expect(target.calls.apply).toBe(0);
  });

  it("a running controller goes on with what was found, unless it is suspended: then the plan shows it first", async () => {
    const { controller, target } = await lost();
    await controller.start();
    await until(
      () => controller.status("web").phase === "idle" && controller.status("web").sync === "synced",
      "synced",
    );
    await controller.suspend("web", said);
    await controller.rebuildInventory("web", said);
    const { changes } = await controller.plan("web");
    expect(changes.map(({ key: of, action }) => [of, action])).toEqual([[key("b"), "delete"]]);
    expect(names(target)).toEqual(["a", "b"]);
    await controller.resume("web");
    await until(() => names(target).length === 1, "pruned");
    expect(names(target)).toEqual(["a"]);
  });

  it("leaves rows that are there as they are, and what bears no mark or another's alone", async () => {
    const { controller, target, store } = await lost();
    await world({ "c.yaml": config("c", "one") }, {}, { target, installation: "elsewhere" }).controller.sync("web");
    await controller.sync("web");
    const before = (await store.read("web")).inventory.get(key("a"));
    expect((await controller.rebuildInventory("web", said)).found).toEqual([key("b")]);
    expect((await store.read("web")).inventory.get(key("a"))).toEqual(before);
    await controller.sync("web");
    expect(names(target)).toEqual(["a", "c"]);
  });

  it("the prune guards hold", async () => {
    const { controller, target } = await lost({ prune: { limit: 0 } });
    await controller.rebuildInventory("web", said);
    expect((await controller.sync("web")).outcome).toBe("blocked");
    expect(names(target)).toEqual(["a", "b"]);
  });

  it("tracks nothing where a target fails", async () => {
    const error = new TrueUpError("FORBIDDEN", "may not list");
    const { controller, store } = await lost({}, failing(memoryTarget(), { method: "owned", error }) as never);
    await expect(controller.rebuildInventory("web", said)).rejects.toMatchObject({ code: "FORBIDDEN" });
    expect((await store.read("web")).inventory.size).toBe(0);
    expect(await history(controller)).toEqual([]);
  });

  it("names the targets that cannot say", async () => {
    const { owned: _, ...mute } = memoryTarget();
    const { controller } = await lost({}, mute);
    expect(await controller.rebuildInventory("web", said)).toEqual({ found: [], unasked: ["live"] });
  });

  it.each([
    ["no list", {}],
    ["a row of another target", [{ key: key("a").replace("memory", "other"), apiVersion: "v1", dependsOn: [] }]],
    ["a row without a version", [{ key: key("a"), dependsOn: [] }]],
  ])("refuses %s as an answer", async (_what, answer) => {
    const target: Target = { ...memoryTarget(), owned: async () => answer as never };
    const { controller, store } = await lost({}, target as never);
    await expect(controller.rebuildInventory("web", said)).rejects.toMatchObject({
      code: "INTERNAL",
      message: expect.stringContaining("memory.owned answered"),
    });
    expect((await store.read("web")).inventory.size).toBe(0);
  });
});
