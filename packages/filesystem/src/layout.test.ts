import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isTrueUpError } from "@trueup/spec";
import { checkFilePath, foldCase, objectPath, parentsOf, refOfPath, splitPath } from "./layout.ts";

const ref = (parts: Partial<Parameters<typeof objectPath>[0]>) =>
  objectPath({ group: "apps", kind: "Deployment", namespace: "prod", name: "web", ...parts });

const text = fc.string({ minLength: 1, maxLength: 40, unit: "binary" }).filter((value) => value.isWellFormed());
const anyRef = fc
  .record({
    group: fc.oneof(fc.constant(""), text),
    kind: text,
    namespace: fc.oneof(fc.constant(""), fc.constantFrom("_cluster", ".trueup", "..", "."), text),
    name: fc.oneof(text, fc.constantFrom(".", "..", "a/b", "../../etc/passwd", "%2e", "con")),
  })
  .filter((parts) => Object.values(parts).every((part) => Buffer.byteLength(part) < 40));

describe("where an object stands", () => {
  it.each([
    [{}, "prod/Deployment.apps/web.yaml"],
    [{ group: "" }, "prod/Deployment/web.yaml"],
    [{ namespace: "" }, "_cluster/Deployment.apps/web.yaml"],
    [{ namespace: "_cluster" }, "%5Fcluster/Deployment.apps/web.yaml"],
    [{ name: "system:node" }, "prod/Deployment.apps/system%3Anode.yaml"],
    [{ name: "Web" }, "prod/Deployment.apps/%57eb.yaml"],
    [{ name: "a/../../b" }, "prod/Deployment.apps/a%2F..%2F..%2Fb.yaml"],
    [{ name: ".." }, "prod/Deployment.apps/%2E..yaml"],
    [{ name: ".hidden" }, "prod/Deployment.apps/%2Ehidden.yaml"],
    [{ namespace: ".trueup" }, "%2Etrueup/Deployment.apps/web.yaml"],
    [{ kind: "a.b" }, "prod/%61%2Eb.apps/web.yaml"],
    [{ name: "ü" }, "prod/Deployment.apps/%C3%BC.yaml"],
    [{ name: "a%2Fb" }, "prod/Deployment.apps/a%252%46b.yaml"],
  ])("%j stands at %s", (parts, path) => {
    expect(ref(parts)).toBe(path);
  });

  it("is told back from the path", () => {
    fc.assert(
      fc.property(anyRef, (parts) => {
        expect(refOfPath(objectPath(parts))).toEqual(parts);
      }),
    );
  });

  it("is never outside the root, hidden, or the target's own", () => {
    fc.assert(
      fc.property(anyRef, (parts) => {
        const segments = objectPath(parts).split("/");
        expect(segments).toHaveLength(3);
        for (const segment of segments) expect(segment).toMatch(/^[A-Za-z0-9_%][A-Za-z0-9._%-]*$/);
      }),
    );
  });

  it("is another file for another object, in whatever case", () => {
    fc.assert(
      fc.property(anyRef, anyRef, (a, b) => {
        fc.pre(a.kind === b.kind || foldCase(a.kind) !== foldCase(b.kind));
        const same = a.kind === b.kind && a.group === b.group && a.namespace === b.namespace && a.name === b.name;
        expect(foldCase(objectPath(a)) === foldCase(objectPath(b))).toBe(same);
      }),
    );
  });

  it("is refused where a name is longer than a file's may be, with its length", () => {
    expect(ref({ name: "a".repeat(250) })).toHaveLength("prod/Deployment.apps/".length + 255);
    expect(() => ref({ name: "a".repeat(251) })).toThrow(
      `Deployment.apps prod/${"a".repeat(251)}: its name is too long for a file: 256 bytes of at most 255`,
    );
    expect(() => ref({ name: "\uD800" })).toThrow("not well-formed Unicode");
  });

  it.each([
    "prod/web.yaml",
    "prod/Deployment.apps/web.yml",
    "prod/lower.apps/web.yaml",
    "a/b/c/d.yaml",
    "prod/Deployment.apps/Web.yaml",
    "prod/Deployment.apps/%zz.yaml",
    "prod/Deployment.apps/%61.yaml",
    ".trueup/Files/x.yaml",
    "",
  ])("is nowhere at %j", (path) => {
    expect(refOfPath(path)).toBeUndefined();
  });
});

describe("fault 16: paths of raw files", () => {
  it.each([
    ["", "is empty"],
    ["/etc/passwd", "is absolute"],
    ["C:/windows", "is absolute"],
    ["..", "leaves its folder"],
    ["../etc/passwd", "leaves its folder"],
    ["etc/../../passwd", "leaves its folder"],
    ["etc/./passwd", "leaves its folder"],
    ["etc/..", "leaves its folder"],
    ["etc//passwd", "empty segment"],
    ["etc/", "empty segment"],
    ["etc\\passwd", "backslash"],
    ["..\\passwd", "backslash"],
    ["a\u0000b", "control character"],
    ["a\nb", "control character"],
    ["a\u007Fb", "control character"],
    ["\uD800", "well-formed"],
    [".trueup/identity", "the target's own"],
    [".TrueUp/files/x", "the target's own"],
    ["prod/Deployment.apps/web.yaml", "where an object's file stands"],
    ["a".repeat(256), "segment over 255 bytes"],
    [Array.from({ length: 2049 }, () => "a").join("/"), "longer than 4096 bytes"],
  ])("%j is refused", (path, why) => {
    const refused = (): string => checkFilePath(path);
    expect(refused).toThrow(`spec.path ${JSON.stringify(path)} `);
    expect(refused).toThrow(why);
    expect(refused).toThrow(expect.toSatisfy((error) => isTrueUpError(error) && error.code === "INVALID"));
  });

  it.each(["motd", "etc/motd", ".env", "..a/b", "a/...", "sp ace/ü", "a".repeat(255), "prod/lower.d/web.yaml", "con"])(
    "%j is taken as it is",
    (path) => {
      expect(checkFilePath(path)).toBe(path);
    },
  );
});

it("paths come apart", () => {
  expect(splitPath("a/b/c")).toEqual({ folder: "a/b", name: "c" });
  expect(splitPath("c")).toEqual({ folder: "", name: "c" });
  expect(parentsOf("a/b/c")).toEqual(["a", "a/b"]);
  expect(parentsOf("c")).toEqual([]);
});
