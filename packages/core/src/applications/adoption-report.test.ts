import { keyOf, markOwned, type Key, type Manifest } from "@trueup/spec";
import { failing, memoryTarget } from "@trueup/testkit";
import { expect, it } from "vitest";
import { memoryStore } from "../memory/memory-store.ts";
import { annotated, config, names, world } from "../testing/world.ts";

const key = (name: string): Key => keyOf({ target: "memory", group: "", kind: "ConfigMap", namespace: "demo", name });
const object = (name: string): Manifest => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "demo" },
  data: { value: "there" },
});
const short = (name: string): string => name.slice(name.lastIndexOf("/") + 1);

it("says whose each object is, and what a run would do about it, without a write", async () => {
  const { controller, target, source } = world(
    { "ours.yaml": config("ours", "one"), "left.yaml": config("left", "one") },
    {},
    { installation: "here" },
  );
  await controller.sync("web");
  source.commit({
    "left.yaml": undefined,
    "new.yaml": config("new", "one"),
    "found.yaml": config("found", "one"),
    "wanted.yaml": annotated("wanted", "one", { "trueup.dev/adopt": "if-unowned" }),
    "app.yaml": config("app", "one"),
    "far.yaml": config("far", "one"),
  });
  for (const name of ["found", "wanted"]) target.put(object(name));
  target.put(markOwned(object("app"), { installation: "here", application: "shop" }, key("app")));
  target.put(markOwned(object("far"), { installation: "there", application: "web" }, key("far")));
  target.calls.reset();
  const report = await controller.adoptionReport("web");
  expect(report.application).toBe("web");
  expect(report.revision).toEqual(await source.resolve());
  expect(
    report.objects.map(({ key, belongs, would, declared, owner, origin }) => [
      short(key),
      belongs,
      would ?? "-",
      declared,
      owner === undefined ? "-" : `${owner.installation}:${owner.application}`,
      origin?.file ?? "-",
    ]),
  ).toEqual([
    ["app", "another-application", "refuse", true, "here:shop", "app.yaml"],
    ["far", "another-installation", "refuse", true, "there:web", "far.yaml"],
    ["found", "unowned", "refuse", true, "-", "found.yaml"],
    ["left", "ours", "-", false, "-", "-"],
    ["new", "absent", "create", true, "-", "new.yaml"],
    ["ours", "ours", "keep", true, "-", "ours.yaml"],
    ["wanted", "unowned", "adopt", true, "-", "wanted.yaml"],
  ]);
  expect(target.calls).toMatchObject({ apply: 0, delete: 0, release: 0, observed: 7 });
  expect(names(target)).toHaveLength(6);
});

it("what it says is what a run does", async () => {
  const target = memoryTarget();
  target.put(object("found"));
  const { controller } = world(
    { "found.yaml": config("found", "one"), "new.yaml": config("new", "one") },
    { adopt: "if-unowned" },
    { target },
  );
  const { objects } = await controller.adoptionReport("web");
  expect(objects.map(({ would }) => would)).toEqual(["adopt", "create"]);
  const { changes } = await controller.sync("web");
  expect(Object.fromEntries(changes.map(({ key, action }) => [short(key), action]))).toEqual({
    found: "adopt",
    new: "create",
  });
});

it("where the target has no marks, the inventories of this store tell", async () => {
  const target = memoryTarget({ marks: false });
  const store = memoryStore();
  const shared = { "x.yaml": config("x", "one") };
  const other = world(shared, {}, { target, store, installation: "here" });
  await other.controller.sync("web");
  const { controller } = world(
    { ...shared, "z.yaml": config("z", "one") },
    { name: "second" },
    {
      target,
      store,
      installation: "here",
    },
  );
  target.put(object("z"));
  expect((await controller.adoptionReport("second")).objects.map(({ belongs, owner }) => [belongs, owner])).toEqual([
    ["another-application", { installation: "here", application: "web" }],
    ["unowned", undefined],
  ]);
});

it("what cannot be read is unknown, with the error", async () => {
  const target = failing(memoryTarget(), { method: "observe" });
  const { controller } = world({ "a.yaml": config("a", "one") }, {}, { target });
  const { objects } = await controller.adoptionReport("web");
  expect(objects).toEqual([
    { key: key("a"), declared: true, belongs: "unknown", origin: expect.anything(), error: expect.any(Error) },
  ]);
});
