import { digestOf, keyOf, TrueUpError, type Declared, type Manifest } from "@trueup/spec";
import { expect, it } from "vitest";
import { scrubbed } from "./scrub.ts";

const declaredOf = (fields: Record<string, unknown>, sensitive?: readonly string[]): Declared => {
  const manifest = { apiVersion: "v1", kind: "Thing", metadata: { name: "a" }, ...fields } as Manifest;
  return { manifest, origin: { file: "a" }, digest: digestOf(manifest), ...(sensitive && { sensitive }) };
};
const message = (text: string, declared: Declared | undefined): string =>
  scrubbed(new TrueUpError("INVALID", text), declared).message;

it("takes what is sensitive out of a message, wherever it stands", () => {
  const declared = declaredOf({ spec: { a: "hunter2", list: ["open", { b: "hunter2-longer" }], n: 12345, on: true } }, [
    "/spec/a",
    "/spec/list/*/b",
    "/spec/n",
  ]);
  expect(message("a: hunter2, b: hunter2-longer, n: 12345, hunter2", declared)).toBe(
    "a: (sensitive), b: (sensitive), n: (sensitive), (sensitive)",
  );
  expect(message("open, true", declared)).toBe("open, true");
});

it("of a map, all that is in it; of a Secret, all data", () => {
  expect(message("one11 two22", declaredOf({ spec: { a: { x: "one11", y: ["two22"] } } }, ["/spec/a"]))).toBe(
    "(sensitive) (sensitive)",
  );
  const secret = declaredOf({ data: { a: "c2VjcmV0" }, stringData: { b: "hunter2" } });
  const of = { ...secret, manifest: { ...secret.manifest, kind: "Secret" } };
  expect(message("c2VjcmV0 hunter2", of)).toBe("(sensitive) (sensitive)");
});

it("leaves words that are too short to be told from others, and what is not sensitive", () => {
  expect(message("a: yes, abc", declaredOf({ spec: { a: "yes", b: "abcd" } }, ["/spec/a"]))).toBe("a: yes, abc");
  expect(message("a: true", declaredOf({ spec: { a: "true" } }, ["/spec/a", "/spec/missing"]))).toBe("a: (sensitive)");
  expect(message("text", undefined)).toBe("text");
});

it("keeps all else of the error, but not its cause", () => {
  const key = keyOf({ target: "t", group: "", kind: "K", namespace: "", name: "n" });
  const more = { retryable: true, retryAfterMs: 7, key, origin: { file: "x" }, cause: new Error("hunter2") };
  const error = scrubbed(new TrueUpError("IMMUTABLE", "hunter2", more), declaredOf({ spec: "hunter2" }, ["/spec"]));
  expect(error).toMatchObject({ code: "IMMUTABLE", message: "(sensitive)", retryable: true, retryAfterMs: 7, key });
  expect([error.origin, error.cause]).toEqual([{ file: "x" }, undefined]);
  const plain = new TrueUpError("INVALID", "nothing of it");
  expect(scrubbed(plain, declaredOf({ spec: "hunter2" }, ["/spec"]))).toBe(plain);
});
