import type { Application } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { applicationProblems, checkApplication, checkDependencies } from "./check-application.ts";

const names = {
  sources: new Set(["git", "charts"]),
  renderers: new Set(["kustomize"]),
  targets: new Set(["west", "east"]),
  hooks: new Set(["tell", "smoke"]),
};
const application: Application = { name: "team/shop-1.a_b", source: "git", target: "east" };
const wrong = (change: object): string => {
  try {
    checkApplication({ ...application, ...change }, names);
    return "";
  } catch (error) {
    expect(error).toMatchObject({ code: "INVALID" });
    return (error as Error).message;
  }
};

describe("an application", () => {
  it("that names what is there is taken", () => {
    expect(wrong({})).toBe("");
    expect(wrong({ renderer: "plain" })).toBe("");
    expect(wrong({ renderer: "kustomize", path: "deploy/a..b" })).toBe("");
    expect(wrong({ target: undefined, routes: [{ target: "east" }, { target: "west" }] })).toBe("");
    expect(wrong({ name: "a".repeat(253) })).toBe("");
  });

  it("that names what is not there is refused, with what there is", () => {
    expect(wrong({ source: "svn" })).toBe("application team/shop-1.a_b: source: svn is not one of charts, git");
    expect(wrong({ renderer: "helm" })).toBe("application team/shop-1.a_b: renderer: helm is not one of kustomize");
    expect(wrong({ target: "north" })).toBe("application team/shop-1.a_b: target: north is not one of east, west");
    expect(wrong({ target: undefined, routes: [{ target: "east" }, { target: "north" }] })).toContain(
      "routes/1/target: north is not one of",
    );
  });

  it("has exactly one of target and routes", () => {
    expect(wrong({ target: undefined })).toContain("target, routes: exactly one of the two is wanted");
    expect(wrong({ routes: [{ target: "east" }] })).toContain("exactly one of the two");
  });

  it("has a name, and a path inside the source", () => {
    for (const name of ["", "-a", "/a", "a b", "a".repeat(254), "ä"])
      expect(wrong({ name })).toContain("name: 1 to 253");
    for (const path of ["..", "a/../b", "../a"]) expect(wrong({ path })).toContain("path: it leads out of the source");
  });

  it("names policies that are there", () => {
    const use = { policies: [{ policy: "tags" }, { policy: "labels" }] };
    expect(wrong(use)).toContain("policies/0/policy: tags is not one of none; policies/1/policy: labels is not one of");
    const known = { ...names, policies: new Set(["tags"]) };
    expect(() => checkApplication({ ...application, ...use }, known)).toThrow(
      "application team/shop-1.a_b: policies/1/policy: labels is not one of tags",
    );
    expect(() => checkApplication({ ...application, policies: [{ policy: "tags" }] }, known)).not.toThrow();
  });

  it("has windows that can be read", () => {
    const window = { kind: "deny", schedule: "0 22 * * *", durationMs: 3_600_000 };
    expect(wrong({ windows: [window] })).toBe("");
    expect(wrong({ windows: [window, { ...window, timeZone: "Mars" }] })).toBe(
      'application team/shop-1.a_b: windows/1/timeZone: "Mars" is no time zone',
    );
  });

  it("has a limit on deletions that is a number or a percentage: what cannot be read would limit nothing", () => {
    for (const limit of [0, 7, "0%", "12.5%", "100%"]) expect(wrong({ prune: { limit } })).toBe("");
    for (const limit of [-1, Number.NaN, "many%", "5", "%", "1.%", "-5%"]) {
      expect(wrong({ prune: { limit } })).toBe(
        `application team/shop-1.a_b: prune/limit: a number from 0, or a percentage like 25%, is wanted, not ${limit}`,
      );
    }
  });

  it("has hooks that are there, once in a phase, with sound numbers", () => {
    const hook = { phase: "post-sync", run: "smoke" };
    expect(
      wrong({ hooks: [hook, { ...hook, phase: "pre-sync" }, { phase: "sync-fail", run: "tell" }], soakMs: 0 }),
    ).toBe("");
    expect(wrong({ hooks: [{ ...hook, wave: -1, timeoutMs: 1, retries: 0, retryDelayMs: 0 }], soakMs: 600_000 })).toBe(
      "",
    );
    const told = (change: object): string => wrong(change).slice("application team/shop-1.a_b: ".length);
    expect(told({ hooks: [{ ...hook, run: "smok" }] })).toBe("hooks/0/run: smok is not one of smoke, tell");
    expect(told({ hooks: [hook, { ...hook, phase: "later" }] })).toBe(
      "hooks/1/phase: later is not one of pre-sync, post-sync, sync-fail, pre-delete, post-delete",
    );
    expect(told({ hooks: [hook, hook] })).toBe("hooks/1: smoke is there twice in post-sync");
    expect(told({ hooks: [{ ...hook, wave: 0.5 }] })).toBe("hooks/0/wave: a whole number is wanted");
    expect(told({ hooks: [{ ...hook, timeoutMs: 0 }] })).toBe("hooks/0/timeoutMs: at least 1 is wanted");
    for (const retries of [-1, 0.5])
      expect(told({ hooks: [{ ...hook, retries }] })).toBe("hooks/0/retries: a whole number, at least 0, is wanted");
    expect(told({ hooks: [{ ...hook, retryDelayMs: -1 }] })).toBe("hooks/0/retryDelayMs: at least 0 is wanted");
    for (const soakMs of [-1, Number.NaN, Infinity]) expect(told({ soakMs })).toBe("soakMs: at least 0 is wanted");
  });

  it("hears of everything at once", () => {
    expect(wrong({ source: "svn", path: ".." }).split("; ")).toHaveLength(2);
  });
});

describe("each problem names its field", () => {
  const fields = (change: object, more: object = {}) =>
    applicationProblems({ ...application, ...change }, { ...names, ...more }).map(({ code, field }) => [code, field]);

  it("none where there is none", () => expect(fields({})).toEqual([]));

  it.each<[object, string]>([
    [{ name: "a b" }, ""],
    [{ source: "svn" }, "/source"],
    [{ renderer: "helm" }, "/renderer"],
    [{ target: "north" }, "/target"],
    [{ routes: [{ target: "east" }] }, ""],
    [{ target: undefined }, ""],
    [{ target: undefined, routes: [{ target: "north" }] }, "/routes/0/target"],
    [{ transforms: ["ghost"] }, "/transforms/0"],
    [{ project: "ghost" }, "/project"],
    [{ policies: [{ policy: "tags" }] }, "/policies/0/policy"],
    [{ onFailure: "ghost" }, "/onFailure"],
    [{ prune: { limit: -1 } }, "/prune/limit"],
    [{ path: ".." }, "/path"],
    [{ soakMs: -1 }, "/soakMs"],
    [{ hooks: [{ phase: "pre-sync", run: "ghost" }] }, "/hooks/0/run"],
    [{ exports: { a: { object: "Service/web", pointer: "x" } } }, "/exports/a/pointer"],
  ])("%j: %s", (change, field) => expect(fields(change)).toEqual([["INVALID", field]]));

  it("with its message, whole", () => {
    expect(applicationProblems({ ...application, name: "" }, names)).toEqual([
      {
        code: "INVALID",
        field: "",
        message: "name: 1 to 253 letters, digits, dots, dashes, underscores and slashes are wanted",
      },
    ]);
    expect(applicationProblems({ ...application, onFailure: "ghost" }, names)).toEqual([
      { code: "INVALID", field: "/onFailure", message: "onFailure: ghost is not one of hold, pin" },
    ]);
  });

  it("what is not there is told before what the project forbids; both make it INVALID, the last alone FORBIDDEN", () => {
    const projects = { team: { sources: ["charts"], targets: ["west"] } };
    const forbidden = [
      ["FORBIDDEN", "/source"],
      ["FORBIDDEN", "/target"],
    ];
    expect(fields({ project: "team" }, { projects })).toEqual(forbidden);
    expect(fields({ project: "team", path: ".." }, { projects })).toEqual([["INVALID", "/path"], ...forbidden]);
    const check = (change: object) => () =>
      checkApplication({ ...application, project: "team", ...change }, { ...names, projects });
    const told =
      "source: git is not allowed in project team, but charts; target: east is not allowed in project team, but west";
    const thrown = (body: () => void): unknown => {
      try {
        return body();
      } catch (error) {
        return error;
      }
    };
    expect(thrown(check({}))).toMatchObject({
      code: "FORBIDDEN",
      message: `application ${application.name}: ${told}`,
    });
    expect(thrown(check({ path: ".." }))).toMatchObject({
      code: "INVALID",
      message: `application ${application.name}: path: it leads out of the source; ${told}`,
    });
    expect(thrown(check({ source: "charts", target: "west" }))).toBeUndefined();
  });
});

describe("dependencies", () => {
  const all = (on: Readonly<Record<string, readonly string[]>>): ReadonlyMap<string, Application> =>
    new Map(
      Object.entries(on).map(([name, others]) => [
        name,
        { name, source: "git", target: "east", dependsOn: others.map((application) => ({ application })) },
      ]),
    );

  const check = (applications: ReturnType<typeof all>): void => checkDependencies(applications, applications.keys());

  it("may form any shape but a circle", () => {
    expect(() => check(all({ a: ["b", "c"], b: ["d"], c: ["d"], d: [] }))).not.toThrow();
    expect(() => check(all({ a: ["b"], b: ["c"], c: ["a"] }))).toThrow(
      "these applications wait for each other: a → b → c → a",
    );
    expect(() => check(all({ x: ["a"], a: ["a"] }))).toThrow("these applications wait for each other: a → a");
  });

  it("are looked at from those that are asked for only", () => {
    const circle = all({ a: ["b"], b: ["a"], c: [], d: ["c"] });
    expect(() => checkDependencies(circle, ["d"])).not.toThrow();
    expect(() => checkDependencies(circle, ["d", "b"])).toThrow("these applications wait for each other: b → a → b");
  });

  it("name what is there", () => {
    expect(() => check(all({ a: ["ghost"] }))).toThrow("application a: dependsOn names ghost, which is not there");
  });
});

it("exports: names, objects, pointers and targets are checked", () => {
  const exports = {
    "a b": { object: "Service", pointer: "x", target: "no" },
    fine: { object: "Service/web", pointer: "/a" },
  };
  expect(() =>
    checkApplication(
      { name: "a", source: "s", target: "t", exports },
      { sources: new Set(["s"]), renderers: new Set(), targets: new Set(["t"]) },
    ),
  ).toThrow(
    [
      "application a: exports/a b: 1 to 63 letters, digits, dots, dashes, underscores are wanted",
      'exports/a b/object: Kind[.group]/[namespace/]name is wanted, not "Service"',
      'exports/a b/pointer: a JSON Pointer is wanted, not "x"',
      "exports/a b/target: no is not one of t",
    ].join("; "),
  );
});
