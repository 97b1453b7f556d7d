import { keyOf, type Application, type Hook, type Project, type Renderer } from "@trueup/spec";
import { memorySource, memoryTarget } from "@trueup/testkit";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { applicationTarget } from "../applications/application-target.ts";
import { createController, type Controller, type ControllerOptions } from "../controller.ts";
import { memoryStore } from "../memory/memory-store.ts";
import { objectProblem, projectProblems, type NamedProject } from "./project.ts";

const project = (more: Partial<Project> = {}): NamedProject => ({
  name: "team",
  sources: ["git", "team-*"],
  targets: ["live"],
  ...more,
});

describe("what an application says itself", () => {
  const problems = (application: Partial<Application>, more: Partial<Project> = {}) =>
    projectProblems({ name: "a", source: "git", target: "live", ...application }, project(more));

  it("sources and targets by name, or by pattern", () => {
    expect(problems({})).toEqual([]);
    expect(problems({ source: "team-x" })).toEqual([]);
    expect(problems({ source: "charts", target: "prod" })).toEqual([
      "source: charts is not allowed in project team, but git, team-*",
      "target: prod is not allowed in project team, but live",
    ]);
    expect(problems({}, { sources: [], targets: ["*"] })).toEqual([
      "source: git is not allowed in project team, but none",
    ]);
    const { target: _, ...routed } = { target: "", routes: [{ target: "live" }, { target: "prod" }] };
    expect(projectProblems({ name: "a", source: "git", ...routed }, project())).toEqual([
      "routes/1/target: prod is not allowed in project team, but live",
    ]);
  });

  it("paths: the directory or one below, `*` within a segment", () => {
    const paths = ["apps/shop", "/teams/*/deploy/"];
    for (const path of ["apps/shop", "./apps/shop/", "apps/shop/web", "teams/a/deploy", "teams/a/deploy/x"])
      expect(problems({ path }, { paths }), path).toEqual([]);
    for (const path of ["apps", "apps/shopping", "apps/shop/..", "teams/a", "teams/a/b/deploy", "apps/sho"])
      expect(problems({ path }, { paths }), path).toHaveLength(1);
    expect(problems({}, { paths })).toEqual([
      "path: the root is not allowed in project team, but apps/shop, /teams/*/deploy/",
    ]);
    expect(problems({ path: "x" }, { paths: [""] })).toEqual([]);
    expect(problems({ path: "x" }, { paths: [] })).toEqual(["path: x is not allowed in project team, but none"]);
  });

  it("impersonation: nobody, unless it is listed", () => {
    const as = { user: "admin", groups: ["system:masters", "devs"] };
    expect(problems({ as })).toEqual([
      "as/user: admin is not allowed in project team, but none",
      "as/groups: system:masters is not allowed in project team, but none",
      "as/groups: devs is not allowed in project team, but none",
    ]);
    expect(problems({ as }, { users: ["admin"], groups: ["dev*"] })).toEqual([
      "as/groups: system:masters is not allowed in project team, but dev*",
    ]);
    const { target: _, ...routed } = { target: "", routes: [{ target: "live", as: { user: "root", groups: ["g"] } }] };
    expect(projectProblems({ name: "a", source: "git", ...routed }, project())).toEqual([
      "routes/0/as/user: root is not allowed in project team, but none",
      "routes/0/as/groups: g is not allowed in project team, but none",
    ]);
  });
});

describe("objects", () => {
  const ref = (kind: string, namespace: string, group = "") => ({ group, kind, namespace, name: "x" });

  it("target, kind, namespace", () => {
    expect(objectProblem(project(), "live", ref("A", "any"))).toBeUndefined();
    expect(objectProblem(project(), "prod", ref("A", ""))).toBe("target prod is not allowed in project team, but live");
    const namespaces = ["shop", "shop-*"];
    expect(objectProblem(project({ namespaces }), "live", ref("A", "shop-1"))).toBeUndefined();
    expect(objectProblem(project({ namespaces }), "live", ref("A", "kube-system"))).toBe(
      "namespace kube-system is not allowed in project team, but shop, shop-*",
    );
    expect(objectProblem(project({ namespaces }), "live", ref("A", ""))).toBe(
      "what is outside any namespace is not allowed in project team, but shop, shop-*",
    );
    expect(objectProblem(project({ namespaces }), "live", ref("A", ""), { namespace: false })).toBeUndefined();
    expect(objectProblem(project({ namespaces: ["", "shop"] }), "live", ref("A", ""))).toBeUndefined();
    expect(objectProblem(project({ namespaces: [""] }), "live", ref("A", "x"))).toBe(
      'namespace x is not allowed in project team, but ""',
    );
  });

  it("kinds: what is denied is, whatever is allowed", () => {
    const deny = [{ group: "rbac.authorization.k8s.io" }, { kind: "Secret" }];
    const no = "its kind is not allowed in project team";
    expect(objectProblem(project({ kinds: { deny } }), "live", ref("Secret", "a"))).toBe(no);
    expect(objectProblem(project({ kinds: { deny } }), "live", ref("Role", "a", "rbac.authorization.k8s.io"))).toBe(no);
    expect(objectProblem(project({ kinds: { deny } }), "live", ref("ConfigMap", "a"))).toBeUndefined();
    const allow = [{ group: "", kind: "*" }];
    expect(objectProblem(project({ kinds: { allow } }), "live", ref("Secret", "a"))).toBeUndefined();
    expect(objectProblem(project({ kinds: { allow } }), "live", ref("Deployment", "a", "apps"))).toBe(no);
    expect(objectProblem(project({ kinds: { allow, deny } }), "live", ref("Secret", "a"))).toBe(no);
    expect(objectProblem(project({ kinds: { allow: [] } }), "live", ref("A", "a"))).toBe(no);
  });
});

const config = (name: string, namespace: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}, namespace: ${namespace} }\n`;
const app = (name: string, spec: object = {}): string =>
  JSON.stringify({
    apiVersion: "trueup.dev/v1",
    kind: "Application",
    metadata: { name },
    spec: { source: "git", target: "live", path: `objects/${name}`, ...spec },
  });

function world(
  files: Record<string, string>,
  applications: readonly Application[],
  options: Partial<ControllerOptions> = {},
) {
  const git = memorySource({ files });
  const live = memoryTarget();
  const controller: Controller = createController<string, string>({
    pollMs: 3_600_000,
    concurrency: 1,
    projects: {
      team: project({ namespaces: ["shop"], sources: ["git"] }),
      platform: { sources: ["*"], targets: ["*"], handsOut: ["team", "platform"] },
      other: { sources: ["*"], targets: ["*"] },
    },
    sources: { git, charts: memorySource() },
    targets: { live, applications: applicationTarget((): Controller => controller) },
    store: memoryStore(),
    ...options,
    applications,
  });
  onTestFinished(async () => await controller.stop());
  const called = () => live.calls.observe + live.calls.apply + live.calls.delete;
  return { git, live, controller, called };
}
const web: Application = { name: "web", source: "git", target: "live", path: "web", project: "team" };

describe("a project in a run", () => {
  it("refuses an application at once, as FORBIDDEN; one that is not there as INVALID", async () => {
    const make = (application: Partial<Application>) => () => world({}, [{ ...web, ...application }]);
    expect(make({ source: "charts" })).toThrow(
      expect.objectContaining({
        code: "FORBIDDEN",
        message: "application web: source: charts is not allowed in project team, but git",
      }),
    );
    expect(make({ project: "none" })).toThrow(
      expect.objectContaining({
        code: "INVALID",
        message: "application web: project: none is not one of other, platform, team",
      }),
    );
    expect(make({ project: "toString" })).toThrow("toString is not one of");
    expect(() => world({}, [], { projects: { a: { sources: [], targets: [], handsOut: ["b*", "gone"] } } })).toThrow(
      "projects: a hands out gone, which is not there",
    );
    const { controller } = world({}, []);
    await expect(controller.set({ ...web, source: "charts", path: "../x" })).rejects.toMatchObject({ code: "INVALID" });
    expect(controller.check({ ...web, source: "charts" })).toEqual([
      { code: "FORBIDDEN", field: "/source", message: "source: charts is not allowed in project team, but git" },
    ]);
  });

  it("refuses hooks, lookups and other sources alike", async () => {
    const declared = (kind: string, namespace: string) => ({
      manifest: { apiVersion: "v1", kind, metadata: { name: "x", namespace } },
      origin: { file: "hook.yaml", line: 2 },
      digest: "",
    });
    let act: Renderer["render"] = async () => ({ objects: [], hooks: [], warnings: [] });
    const own: Renderer = { name: "own", detects: async () => true, render: async (input) => await act(input) };
    const { controller, called } = world({ "web/a": "" }, [{ ...web, renderer: "own", allowLookup: true }], {
      renderers: { own },
    });
    const failure = async (render: Renderer["render"]) => {
      act = render;
      return (await controller.sync("web")).error;
    };
    const hook: Hook = { phases: ["pre-sync"], declared: declared("Job", "kube-system"), deletePolicies: [] };
    expect(await failure(async () => ({ objects: [], hooks: [hook], warnings: [] }))).toMatchObject({
      code: "FORBIDDEN",
      message: "hook.yaml:2: Job kube-system/x: namespace kube-system is not allowed in project team, but shop",
    });
    const nothing = { objects: [], hooks: [], warnings: [] };
    const looking = async (namespace: string) =>
      await failure(async ({ context }) => {
        await context.lookup(keyOf({ target: "memory", group: "", kind: "Secret", namespace, name: "s" }));
        return nothing;
      });
    expect(await looking("prod")).toMatchObject({
      code: "FORBIDDEN",
      message: "Secret prod/s: namespace prod is not allowed in project team, but shop",
    });
    expect(await failure(async ({ context }) => (await context.source("charts"), nothing))).toMatchObject({
      code: "FORBIDDEN",
      message: "source charts is not allowed in project team",
    });
    expect(called()).toBe(0);
    expect(await looking("shop")).toBeUndefined();
    expect(called()).toBe(1);
  });

  it("a record that was taken over by a former name brings nothing that is forbidden", async () => {
    const store = memoryStore();
    const before = world({ "web/a.yaml": config("a", "prod") }, [{ ...web, name: "victim", project: "other" }], {
      store,
    });
    expect((await before.controller.sync("victim")).outcome).toBe("succeeded");
    await before.controller.stop();
    const after = world({ "web/b.yaml": config("b", "shop") }, [{ ...web, formerly: ["victim"] }], { store });
    const { error } = await after.controller.sync("web");
    expect(error).toMatchObject({
      code: "FORBIDDEN",
      message: "ConfigMap prod/a is owned, but namespace prod is not allowed in project team, but shop",
    });
    expect((await store.read("victim")).inventory.size).toBe(1);
    expect(after.called()).toBe(0);
  });

  it("what is owned is not pruned once the project no longer allows it", async () => {
    const store = memoryStore();
    const files = { "web/a.yaml": config("a", "prod"), "web/b.yaml": config("b", "shop") };
    const before = world(files, [{ ...web, project: "other" }], { store });
    await before.controller.sync("web");
    await before.controller.stop();
    const live = before.live;
    const after = world({ "web/b.yaml": config("b", "shop") }, [web], { store, targets: { live } });
    const { error } = await after.controller.sync("web");
    expect(error?.code).toBe("FORBIDDEN");
    expect(error?.retryable).toBe(false);
    expect(live.objects()).toHaveLength(2);
  });
});

describe("applications from Git", () => {
  const until = async (check: () => void): Promise<void> => await vi.waitFor(check, { timeout: 8_000, interval: 5 });
  const all = (name: string, project?: string): Application => ({
    name,
    source: "git",
    target: "applications",
    path: name,
    ...(project !== undefined && { project }),
  });
  const objects = { "objects/a/x.yaml": config("one", "shop"), "objects/b/x.yaml": config("two", "shop") };
  const projectOf = (controller: Controller, name: string) =>
    controller.applications().find((application) => application.name === name)?.project;

  it("are of the project of the one that declares them, or of one that it hands out", async () => {
    const files = { ...objects, "top/a.json": app("a"), "top/b.json": app("b", { project: "team" }) };
    const { controller } = world(files, [all("top", "platform")]);
    await controller.start();
    await until(() => expect(controller.status("top").health).toEqual({ status: "healthy" }));
    expect([projectOf(controller, "a"), projectOf(controller, "b")]).toEqual(["platform", "team"]);
    // What it was given is no drift.
    await until(() => expect(controller.status("top").sync).toBe("synced"));
  });

  it("of any other are refused, and of none where it is limited", async () => {
    const files = {
      ...objects,
      "top/a.json": app("a", { project: "other" }),
      "top/b.json": app("b", { project: "team" }),
    };
    const { controller, called } = world(files, [all("top", "platform")]);
    const { error } = await controller.sync("top");
    expect(error).toMatchObject({
      code: "FORBIDDEN",
      message: "top/a.json:1: application a: project other may not be declared here, but team, platform",
    });
    expect(error?.origin?.field).toBe("/spec/project");
    expect(projectOf(controller, "a")).toBeUndefined();
    expect(controller.applications().map(({ name }) => name)).toEqual(["top", "b"]);
    expect(called()).toBe(0);
  });

  it("inherit limits: what their own words ask for is held against the project they are given", async () => {
    const limited = { sources: ["git"], targets: ["applications", "live"], paths: ["top", "objects/a"] };
    const files = { ...objects, "top/a.json": app("a"), "top/b.json": app("b") };
    const { controller } = world(files, [all("top", "limited")], { projects: { limited } });
    const { error } = await controller.sync("top");
    expect(error).toMatchObject({
      code: "FORBIDDEN",
      message: "top/b.json:1: application b: path: objects/b is not allowed in project limited, but top, objects/a",
    });
    expect(projectOf(controller, "a")).toBe("limited");
  });

  it("take over nothing of another project, whatever they say of adoption", async () => {
    const files = { ...objects, "top/web.json": app("web", { path: "objects/a" }) };
    const parent: Application = { ...all("top", "team2"), adopt: "always" };
    const { controller } = world(files, [parent, { ...web, project: "other" }], {
      projects: { team2: { sources: ["*"], targets: ["*"] }, other: { sources: ["*"], targets: ["*"] } },
    });
    const { error } = await controller.sync("top");
    expect(error?.message).toBe(
      "top/web.json:1: application web: it stands there in project other, and is not taken over",
    );
    expect(controller.applications().find(({ name }) => name === "web")?.path).toBe("web");
    await controller.set(web_without_project());
    expect((await controller.sync("top")).error?.message).toContain("it stands there in no project");
  });
  const web_without_project = (): Application => ({ name: "web", source: "git", target: "live", path: "web" });

  it("the target may be told which projects it hands out", async () => {
    const child = world(objects, []);
    const parent = createController({
      sources: { git: memorySource({ files: { "a.json": app("a"), "b.json": app("b", { project: "team" }) } }) },
      targets: { applications: applicationTarget(child.controller, { projects: ["t*m"] }) },
      store: memoryStore(),
      applications: [{ name: "all", source: "git", target: "applications" }],
    });
    onTestFinished(async () => await parent.stop());
    expect((await parent.sync("all")).error?.message).toBe(
      "a.json:1: application a: one without a project may not be declared here, but t*m",
    );
    expect(projectOf(child.controller, "b")).toBe("team");
  });
});
