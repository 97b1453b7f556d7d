// What a project does not allow is refused before anything is asked of a target. Seen to fail with the checks taken out.
import { createController, memoryStore } from "@trueup/core";
import type { Project } from "@trueup/spec";
import { memorySource, memoryTarget } from "@trueup/testkit";
import { expect, it } from "vitest";

const object = (apiVersion: string, kind: string, name: string, namespace?: string, annotations?: object): string =>
  JSON.stringify({
    apiVersion,
    kind,
    metadata: { name, ...(namespace !== undefined && { namespace }), ...(annotations && { annotations }) },
  });

it("fault 63: a forbidden namespace, kind or cluster is denied before any call", async () => {
  const team: Project = {
    sources: ["repo"],
    targets: ["mine"],
    namespaces: ["shop"],
    kinds: { deny: [{ group: "rbac.authorization.k8s.io" }] },
  };
  const files = {
    "a.json": object("v1", "ConfigMap", "fine", "shop"),
    "b.json": object("v1", "ConfigMap", "away", "kube-system"),
    "c.json": object("rbac.authorization.k8s.io/v1", "Role", "admin", "shop"),
    "d.json": object("v1", "Namespace", "own"),
    "e.json": object("v1", "ConfigMap", "there", "shop", { "trueup.dev/target": "theirs" }),
  };
  const [mine, theirs] = [memoryTarget({ name: "mine" }), memoryTarget({ name: "theirs" })];
  const source = memorySource({ files });
  const controller = createController<string>({
    projects: { team },
    sources: { repo: source },
    targets: { mine, theirs },
    store: memoryStore(),
    applications: [{ name: "shop", source: "repo", project: "team", routes: [{ target: "mine" as const }] }],
  });
  const { outcome, error } = await controller.sync("shop");
  expect(outcome).toBe("failed");
  expect(error?.errors?.map(({ message }) => message)).toEqual([
    "b.json:1: ConfigMap kube-system/away: namespace kube-system is not allowed in project team, but shop",
    "c.json:1: Role.rbac.authorization.k8s.io shop/admin: its kind is not allowed in project team",
    "d.json:1: Namespace own: what is outside any namespace is not allowed in project team, but shop",
    "e.json:1: ConfigMap shop/there: no route takes it",
  ]);
  await expect(controller.plan("shop")).rejects.toThrow("4 errors");
  await expect(
    controller.set({ name: "shop", source: "repo", project: "team", target: "theirs" }),
  ).rejects.toMatchObject({
    code: "FORBIDDEN",
    message: "application shop: target: theirs is not allowed in project team, but mine",
  });
  for (const { calls } of [mine, theirs]) {
    expect([calls.observe, calls.apply, calls.delete, calls.owned, calls.watch]).toEqual([0, 0, 0, 0, 0]);
  }

  source.replace({ "a.json": files["a.json"] });
  expect((await controller.sync("shop")).outcome).toBe("succeeded");
  expect(mine.objects().map(({ metadata }) => metadata.name)).toEqual(["fine"]);
  expect(theirs.calls.observe).toBe(0);
  await controller.stop();
});
