import { describe, expect, it } from "vitest";
import { chooseRef, describeWanted, isRefName, parseRef, prefixesOf } from "./ref.ts";
import { failure } from "./testing/failure.ts";

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
    expect(() => parseRef({ branch: "a..b" })).toThrow(
      failure("INVALID", 'ref {"branch":"a..b"} is not a name Git allows'),
    );
    expect(() => parseRef({ commit: "abc" })).toThrow(
      failure("INVALID", 'ref {"commit":"abc"}: a commit is 40 hex digits'),
    );
    expect(() => parseRef({} as { tag: string })).toThrow(
      failure("INVALID", "ref {} has none of branch, tag, commit, name, semver"),
    );
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
    { name: "refs/tags/v1.0.0", oid: B, peeled: A },
  ];
  const choose = (...names: string[]): ReturnType<typeof chooseRef> => chooseRef({ names }, listed);

  it("takes the first name that is there, exactly", async () => {
    expect(await choose("refs/heads/main")).toEqual({ id: A, ref: "refs/heads/main" });
    expect(await choose("refs/heads/v1.0.0", "refs/tags/v1.0.0")).toEqual({ id: A, ref: "refs/tags/v1.0.0" });
    expect(await choose("refs/heads/main2", "refs/heads/main")).toEqual({ id: B, ref: "refs/heads/main2" });
    expect(await choose("refs/heads/mai")).toBeUndefined();
  });

  it("names the branch that HEAD stands for", async () => {
    expect(await choose("HEAD")).toEqual({ id: A, ref: "refs/heads/main" });
  });

  it("takes the tag of the highest version, peeled", async () => {
    expect(await chooseRef({ semver: "^1" }, listed)).toEqual({ id: A, ref: "refs/tags/v1.0.0" });
    expect(await chooseRef({ semver: "^2" }, listed)).toBeUndefined();
  });

  it("asks for what may count, and says what it was", () => {
    expect(prefixesOf({ names: ["a", "b"] })).toEqual(["a", "b"]);
    expect(prefixesOf({ semver: "1" })).toEqual(["refs/tags/"]);
    expect(describeWanted({ names: ["a", "b"] })).toBe("a or b");
    expect(describeWanted({ semver: "^1" })).toBe('tag of a version in "^1"');
    expect(parseRef({ semver: "^1" })).toEqual({ semver: "^1" });
  });
});
