import { createHmac } from "node:crypto";
import type { Declared } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { contentDigest, createKeyed, hmac } from "./keyed.ts";
import { declaredOf, manifest } from "./testing/planning.ts";

const [one, other] = [createKeyed("one"), createKeyed("other")];
const plain = declaredOf(manifest("a", { v: "1" }));
const holding = (content: unknown): Declared => ({ ...plain, content: content as NonNullable<Declared["content"]> });
const tree = { digest: "of the tree" };

describe("the digest of a folder", () => {
  it("is its own, else its tree's; none where the object stands for none", () => {
    expect(contentDigest(plain)).toBe("");
    expect(contentDigest(holding({ tree }))).toBe("of the tree");
    expect(contentDigest(holding({ tree, digest: "of the folder" }))).toBe("of the folder");
  });
});

describe("the HMAC", () => {
  it("is that of Node", () => {
    const key = "0123456789abcdef".repeat(4);
    const digest = hmac(key);
    for (const text of ["", "a", "a", "ä€😀", "\0", "x".repeat(100_000)]) {
      expect(digest(text)).toBe(createHmac("sha256", key).update(text).digest("hex").slice(0, 40));
    }
  });
});

describe("keyed digests", () => {
  it("are the same for the same, and say nothing to those with another key", () => {
    const all = ({ value, declared, fingerprint }: typeof one): string[] => [
      value("x"),
      declared(plain),
      fingerprint(plain.manifest, true),
    ];
    expect(all(one)).toEqual(all(createKeyed("one")));
    for (const digest of all(one)) expect(digest).toMatch(/^[0-9a-f]{40}$/);
    expect(new Set([...all(one), ...all(other)]).size).toBe(6);
  });

  it("have a key for each purpose", () => {
    const keys = [one.redaction, one.random, other.redaction, other.random];
    expect(new Set(keys).size).toBe(4);
    for (const key of keys) expect(key).toMatch(/^[0-9a-f]{64}$/);
  });

  it("of a declared object tell its text and its folder", () => {
    const objects = [
      plain,
      declaredOf(manifest("a", { v: "2" })),
      holding({ tree }),
      holding({ tree: { digest: "another" } }),
    ];
    expect(new Set(objects.map((object) => one.declared(object))).size).toBe(4);
    expect(one.declared({ ...plain })).toBe(one.declared(plain));
  });

  it("of what is not there is that of null, and of no other", () => {
    expect(one.value(undefined)).toBe(one.value(null));
    expect(new Set([null, "", 0, false, "null"].map((value) => one.value(value))).size).toBe(5);
  });

  it("under a mask heed what it covers only", () => {
    const mask = { fields: { metadata: { fields: { name: true } } } } as const;
    expect(one.fingerprint(manifest("a", { v: "1" }), mask)).toBe(one.fingerprint(manifest("a", { v: "2" }), mask));
    expect(one.fingerprint(manifest("a"), mask)).not.toBe(one.fingerprint(manifest("b"), mask));
  });
});
