import type { Live, Tracked } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { declaredOf, keyed, keyFor, manifest } from "../testing/planning.ts";
import { formerNames, intendedRow, rowOf, waveOf, type RowInput } from "./row.ts";

const key = keyFor("a");
const annotated = (annotations: Record<string, string>) => declaredOf(manifest("a", {}, annotations));
const plain = declaredOf(manifest("a", { v: "1" }));

describe("a wave", () => {
  it.each([
    ["0", 0],
    ["7", 7],
    ["-3", -3],
    ["999999999", 999_999_999],
    ["-999999999", -999_999_999],
    ["1234567890", 0],
    ["1.5", 0],
    [" 1", 0],
    ["1 ", 0],
    ["+1", 0],
    ["--1", 0],
    ["", 0],
    ["soon", 0],
  ])("%j is %s", (text, wave) => expect(waveOf(annotated({ "trueup.dev/wave": text }))).toBe(wave));
  it("is 0 where none is named", () => expect(waveOf(plain)).toBe(0));
});

describe("the row before the first write", () => {
  it("says nothing of how the object stands", () => {
    expect(intendedRow(key, plain, undefined, [])).toStrictEqual({ key, apiVersion: "v1", dependsOn: [] });
  });

  it.each([
    ["disabled", { prune: "disabled" }],
    ["confirm", { prune: "confirm" }],
    ["enabled", {}],
    ["", {}],
  ])("with prune %j holds %j", (prune, holds) => {
    const declared = annotated({ "trueup.dev/prune": prune, "trueup.dev/wave": "2" });
    expect(intendedRow(key, declared, undefined, [])).toStrictEqual({
      key,
      apiVersion: "v1",
      dependsOn: [],
      wave: 2,
      ...holds,
    });
  });

  it("keeps what was known, but for the wave and the pruning that are declared no more", () => {
    const before: Tracked = {
      key,
      apiVersion: "v0",
      dependsOn: [keyFor("x")],
      uid: "u",
      state: { id: "1" },
      wave: 3,
      prune: "disabled",
    };
    expect(intendedRow(key, plain, before, [keyFor("b")])).toStrictEqual({
      key,
      apiVersion: "v1",
      dependsOn: [keyFor("b")],
      uid: "u",
      state: { id: "1" },
    });
  });
});

describe("the row of what stands as declared", () => {
  const live: Live = { manifest: manifest("a", { v: "1" }), uid: "u1" };
  const row = (more: Partial<RowInput> = {}): Tracked =>
    rowOf({
      key,
      declared: plain,
      live,
      mask: undefined,
      before: undefined,
      application: { name: "app", source: "s" },
      keyed,
      ...more,
    });

  it("holds what it was applied from and is compared by, and no field that says nothing", () => {
    expect(row()).toStrictEqual({
      key,
      apiVersion: "v1",
      dependsOn: [],
      uid: "u1",
      mask: expect.anything(),
      expected: expect.stringMatching(/^[0-9a-f]{40}$/),
      applied: keyed.declared(plain),
    });
    expect(row({ live: { manifest: live.manifest } })).not.toHaveProperty("uid");
    expect(row({ declared: { ...plain, sensitive: [] } })).not.toHaveProperty("sensitive");
  });

  it("holds what is sensitive, the target's state, the run, and on what it depends", () => {
    const state = { id: "7" };
    const dependsOn = [keyFor("b")];
    const full = row({ declared: { ...plain, sensitive: ["/data/v"] }, state, run: "r", dependsOn });
    expect(full).toMatchObject({ sensitive: ["/data/v"], state, run: "r", dependsOn });
    // What is given counts; else what was.
    const before = { ...full, formerly: ["old"] };
    const next = row({ before });
    expect(next).toMatchObject({ state, run: "r", dependsOn });
    for (const gone of ["formerly", "sensitive"]) expect(next).not.toHaveProperty(gone);
    expect(row({ before, state: { id: "8" }, run: "r2", dependsOn: [] })).toMatchObject({
      state: { id: "8" },
      run: "r2",
      dependsOn: [],
    });
  });

  it("expects what stands under its mask, less what is ignored", () => {
    const other: Live = { manifest: manifest("a", { v: "2" }) };
    const application = { name: "app", source: "s", ignore: [{ pointers: ["/data/v"] }] };
    expect(row({ live: other }).expected).not.toBe(row().expected);
    expect(row({ live: other, application }).expected).toBe(row({ application }).expected);
    expect(row({ live: other, mask: { fields: { metadata: true } } }).expected).toBe(
      row({ mask: { fields: { metadata: true } } }).expected,
    );
  });
});

it("former names are the application's, then the object's", () => {
  const row: Tracked = { key, apiVersion: "v1", dependsOn: [] };
  expect(formerNames({}, undefined)).toEqual([]);
  expect(formerNames({ formerly: ["x"] }, row)).toEqual(["x"]);
  expect(formerNames({ formerly: ["x"] }, { ...row, formerly: ["y"] })).toEqual(["x", "y"]);
  expect(formerNames({}, { ...row, formerly: ["y"] })).toEqual(["y"]);
});
