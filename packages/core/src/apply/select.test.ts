import type { ApplicationSpec } from "@trueup/spec";
import { expect, it } from "vitest";
import { impersonationOf, matchesName, routesOf, selects, targetsOf } from "./select.ts";

it.each([
  ["a", "a", true],
  ["a", "ab", false],
  ["*", "", true],
  ["*", "anything", true],
  ["a*", "abc", true],
  ["a*", "ba", false],
  ["*c", "abc", true],
  ["*c", "abcd", false],
  ["a*c", "ac", true],
  ["a*c", "abbc", true],
  ["aa*aa", "aaa", false],
  ["a*b*c", "a-b-c", true],
  ["a*b*c", "a-c-b", false],
  ["*ab*ab", "ab", false],
  ["*ab*ab", "abab", true],
  ["a.c", "abc", false],
])("%s matches %s: %s", (pattern, name, answer) => {
  expect(matchesName(pattern, name)).toBe(answer);
});

it("takes as long for a bad pattern as for a good one", () => {
  const from = performance.now();
  expect(matchesName("*a".repeat(500) + "b", "a".repeat(20_000))).toBe(false);
  expect(performance.now() - from).toBeLessThan(500);
});

const ref = { group: "apps", kind: "Deployment", namespace: "prod", name: "web" };

it("selects by every field that is given", () => {
  expect(selects(undefined, ref)).toBe(true);
  expect(selects({}, ref)).toBe(true);
  expect(selects({ ...ref }, ref)).toBe(true);
  for (const field of ["group", "kind", "namespace", "name"] as const) {
    expect(selects({ [field]: `${ref[field].slice(0, 2)}*` }, ref)).toBe(true);
    expect(selects({ ...ref, [field]: "other" }, ref)).toBe(false);
  }
  expect(selects({ group: "" }, ref)).toBe(false);
});

it("routes are the application's, or the one its target stands for", () => {
  const application: ApplicationSpec = { source: "s", routes: [{ target: "b" }, { target: "a" }, { target: "b" }] };
  expect(targetsOf(application)).toEqual(["b", "a"]);
  expect(routesOf({ source: "s", target: "t" })).toEqual([{ target: "t" }]);
  expect(routesOf({ source: "s" })).toEqual([]);
});

it("whose rights are used: the route's that takes the object on that target, else the application's", () => {
  const application: ApplicationSpec = {
    source: "s",
    as: { user: "all" },
    routes: [
      { target: "east", match: { kind: "Job" }, as: { user: "jobs" } },
      { target: "east", as: { user: "east" } },
      { target: "west" },
    ],
  };
  const names = (target: string): string => `${target}-1`;
  const as = (target: string, kind: string): string | undefined =>
    impersonationOf(application, { ...ref, kind, target }, names)?.user;
  expect([as("east-1", "Job"), as("east-1", "Pod"), as("west-1", "Job"), as("none", "Job")]).toEqual([
    "jobs",
    "east",
    "all",
    "all",
  ]);
});
