import { expect, it } from "vitest";
import { keyOf, parseKey, type Key, type Ref } from "./identity.ts";

const ref = (name: string, more: Partial<Ref> = {}): Ref => ({
  target: "cluster",
  group: "apps",
  kind: "Deployment",
  namespace: "prod",
  name,
  ...more,
});

it("takes apart what it put together, whatever stands in the names", () => {
  for (const given of [ref("web"), ref("a/b%2Fc%"), ref("web", { target: "eu/1", group: "", namespace: "" })]) {
    expect(parseKey(keyOf(given))).toEqual(given);
  }
});

it("knows keys again, beyond the thousands that it remembers, and lets nobody change what others are given", () => {
  const names = Array.from({ length: 10_000 }, (_, i) => `web-${i}`);
  for (const name of [...names, ...names]) expect(parseKey(keyOf(ref(name))).name).toBe(name);
  const known = parseKey(keyOf(ref("web")));
  expect(() => Object.assign(known, { name: "other" })).toThrow("read only");
  expect(parseKey(keyOf(ref("web")))).toEqual(ref("web"));
});

it("refuses what is no key, each time", () => {
  for (const text of ["", "a/b", "t//Kind//", "/g/Kind/n/name", "t/g/Kind/n/name/more", "t/g/Kind/n/name/more"]) {
    expect(() => parseKey(text as Key)).toThrow("not a key");
  }
});
