import { describe, expect, it } from "vitest";
import { chooseRef, isRefName, parseRef } from "./ref.ts";

const A = "a".repeat(40);
const B = "b".repeat(40);

describe("parseRef", () => {
  it("knows each form", () => {
    expect(parseRef()).toEqual({ names: ["HEAD"] });
    expect(parseRef("HEAD")).toEqual({ names: ["HEAD"] });
    expect(parseRef("main")).toEqual({ names: ["refs/heads/main", "refs/tags/main"] });
    expect(parseRef("refs/pull/1/head")).toEqual({ names: ["refs/pull/1/head"] });
    expect(parseRef(A)).toEqual({ commit: A });
    expect(parseRef({ branch: "feature/x" })).toEqual({ names: ["refs/heads/feature/x"] });
    expect(parseRef({ tag: "v1.0.0" })).toEqual({ names: ["refs/tags/v1.0.0"] });
    expect(parseRef({ name: "refs/notes/x" })).toEqual({ names: ["refs/notes/x"] });
    expect(parseRef({ commit: A })).toEqual({ commit: A });
  });

  it("refuses what Git would", () => {
    expect(() => parseRef({ branch: "a..b" })).toThrow('ref {"branch":"a..b"} is not a name Git allows');
    expect(() => parseRef({ commit: "abc" })).toThrow('ref {"commit":"abc"}: a commit is 40 hex digits');
    expect(() => parseRef({} as { tag: string })).toThrow("ref {} has none of branch, tag, commit, name");
  });
});

describe("isRefName", () => {
  it.each(["HEAD", "refs/heads/main", "refs/heads/a-b_c.d/e", "refs/heads/ü", "refs/heads/@"])("takes %s", (name) => {
    expect(isRefName(name)).toBe(true);
  });
  it.each([
    "",
    "a b",
    "a\nb",
    "a~1",
    "a^",
    "a:b",
    "a?",
    "a*",
    "a[",
    "a\\b",
    "a..b",
    "a@{1}",
    "a//b",
    "a.",
    "a/",
    "/a",
    ".a",
    "a/.b",
    "a.lock",
    "a.lock/b",
    "a\x7f",
  ])("refuses %j", (name) => {
    expect(isRefName(name)).toBe(false);
  });
});

describe("chooseRef", () => {
  const listed = [
    { name: "HEAD", oid: A, target: "refs/heads/main" },
    { name: "refs/heads/main", oid: A },
    { name: "refs/heads/main2", oid: B },
    { name: "refs/tags/v1", oid: B, peeled: A },
  ];

  it("takes the first name that is there, exactly", () => {
    expect(chooseRef(["refs/heads/main"], listed)).toEqual({ id: A, ref: "refs/heads/main" });
    expect(chooseRef(["refs/heads/v1", "refs/tags/v1"], listed)).toEqual({ id: A, ref: "refs/tags/v1" });
    expect(chooseRef(["refs/heads/main2", "refs/heads/main"], listed)).toEqual({ id: B, ref: "refs/heads/main2" });
    expect(chooseRef(["refs/heads/mai"], listed)).toBeUndefined();
  });

  it("names the branch that HEAD stands for", () => {
    expect(chooseRef(["HEAD"], listed)).toEqual({ id: A, ref: "refs/heads/main" });
  });
});
