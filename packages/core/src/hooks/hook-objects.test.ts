import { digestOf, type Declared, type Hook, type Key, type Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { hookName, routedHook, splitHooks } from "./hook-objects.ts";

function declared(metadata: object, more: object = {}): Declared {
  const manifest = { apiVersion: "batch/v1", kind: "Job", metadata, ...more } as unknown as Manifest;
  return { manifest, origin: { file: "job.yaml", line: 3 }, digest: digestOf(manifest) };
}
const annotated = (hook: string, policy?: string, metadata: object = { name: "migrate" }): Declared =>
  declared({
    ...metadata,
    annotations: { "trueup.dev/hook": hook, ...(policy !== undefined && { "trueup.dev/hook-delete-policy": policy }) },
  });
const split = (...objects: readonly Declared[]) => splitHooks({ objects, hooks: [] });

describe("what is rendered", () => {
  it("is parted by the annotation; what a renderer handed over stays a hook", () => {
    const [object, other] = [declared({ name: "a" }), declared({ name: "b", annotations: { note: "x" } })];
    const given: Hook = { phases: ["pre-delete"], declared: declared({ name: "c" }), deletePolicies: ["on-failure"] };
    const job = annotated("pre-sync");
    expect(splitHooks({ objects: [object, job, other], hooks: [given] })).toEqual({
      objects: [object, other],
      hooks: [given, { phases: ["pre-sync"], declared: job, deletePolicies: [] }],
      errors: [],
    });
  });

  it("may name several phases and policies, in any order, with spaces", () => {
    const { hooks, errors } = split(
      annotated(" post-sync,pre-sync , sync-fail,post-delete,pre-delete,", "on-failure, before-creation,on-success"),
    );
    expect(errors).toEqual([]);
    expect(hooks[0]?.phases).toEqual(["pre-sync", "post-sync", "sync-fail", "pre-delete", "post-delete"]);
    expect(hooks[0]?.deletePolicies).toEqual(["before-creation", "on-success", "on-failure"]);
  });

  it("says what nobody knows, with its place, all at once", () => {
    const { errors } = split(annotated("pre-sync, PreSync, later", "sometimes"), annotated(" , "));
    const phases = "pre-sync, post-sync, sync-fail, pre-delete, post-delete";
    expect(errors.map(({ message, origin }) => [message, origin?.field])).toEqual([
      [
        `job.yaml:3: Job: trueup.dev/hook: PreSync, later is not one of ${phases}`,
        "/metadata/annotations/trueup.dev~1hook",
      ],
      [
        "job.yaml:3: Job: trueup.dev/hook-delete-policy: sometimes is not one of before-creation, on-success, on-failure",
        "/metadata/annotations/trueup.dev~1hook-delete-policy",
      ],
      [`job.yaml:3: Job: trueup.dev/hook: nothing is not one of ${phases}`, "/metadata/annotations/trueup.dev~1hook"],
    ]);
    expect(errors[0]).toMatchObject({ code: "INVALID", origin: { file: "job.yaml", line: 3 } });
  });
});

describe("a generated name", () => {
  const named = (base: string, ...others: readonly Declared[]): string =>
    split(...others, annotated("pre-sync", undefined, { generateName: base })).hooks[0]?.declared.manifest.metadata
      .name ?? "";

  it("is the same for the same state, in any order, and another for another", () => {
    const [a, b] = [declared({ name: "a" }), declared({ name: "b" })];
    const name = named("migrate-", a, b);
    expect(name).toMatch(/^migrate-[0-9a-f]{10}$/);
    expect(named("migrate-", b, a)).toBe(name);
    expect(named("migrate-", a)).not.toBe(name);
    expect(named("other-", a, b).slice("other-".length)).not.toBe(name.slice("migrate-".length));
  });

  it("takes the place of generateName, and is digested", () => {
    const { hooks } = split(annotated("pre-sync", undefined, { generateName: "m-", namespace: "n" }));
    const [hook] = hooks;
    expect(hook?.generateName).toBe("m-");
    expect(Object.keys(hook?.declared.manifest.metadata ?? {}).toSorted()).toEqual([
      "annotations",
      "name",
      "namespace",
    ]);
    expect(hook?.declared.digest).toBe(digestOf(hook?.declared.manifest));
  });

  it("fits where 63 characters do", () => {
    expect(named("x".repeat(53))).toMatch(/^x{53}[0-9a-f]{10}$/);
    expect(named("x".repeat(54))).toMatch(/^x{53}[0-9a-f]{10}$/);
  });

  it("is not made for what has one, nor where another hook needs one", () => {
    const both = annotated("pre-sync", undefined, { name: "fixed", generateName: "m-" });
    const generated = annotated("pre-sync", undefined, { generateName: "m-" });
    expect(split(both).hooks[0]?.declared).toBe(both);
    const { hooks } = split(both, generated);
    expect(hooks[0]?.declared).toBe(both);
    expect(hooks[1]?.declared.manifest.metadata.name).toMatch(/^m-[0-9a-f]{10}$/);
  });

  it("leaves the hook known by what it is made from", () => {
    const [generated] = split(annotated("pre-sync", undefined, { generateName: "m-" })).hooks;
    const [fixed] = split(annotated("pre-sync")).hooks;
    const at = (name: string): Key => `t/batch/Job/n/${name}` as Key;
    if (generated === undefined || fixed === undefined) throw new Error("no hooks");
    expect(routedHook(generated, at("m-0123456789"), generated.declared)).toEqual({
      phases: ["pre-sync"],
      deletePolicies: [],
      declared: generated.declared,
      key: at("m-0123456789"),
      id: at("m-*"),
    });
    expect(routedHook(fixed, at("migrate"), fixed.declared)).toMatchObject({ key: at("migrate"), id: at("migrate") });
  });
});

it("a hook's name for people", () => {
  const [hook] = split(annotated("pre-sync", undefined, { name: "migrate", namespace: "prod" })).hooks;
  expect(hook && hookName(hook)).toBe("Job.batch prod/migrate");
});
