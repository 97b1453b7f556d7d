import type { Json, JsonPatch } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { applyPatch } from "./patch.ts";

const CANARY = "c4n4ry-s3cret";

describe("applyPatch", () => {
  // After RFC 6902, appendix A.
  it.each<[string, Json, JsonPatch, Json]>([
    ["adds a field", { a: 1 }, [{ op: "add", path: "/b", value: 2 }], { a: 1, b: 2 }],
    ["replaces what add finds", { a: 1 }, [{ op: "add", path: "/a", value: 2 }], { a: 2 }],
    ["adds an item", { a: [1, 3] }, [{ op: "add", path: "/a/1", value: 2 }], { a: [1, 2, 3] }],
    ["adds past the end", [1], [{ op: "add", path: "/1", value: 2 }], [1, 2]],
    ["adds at the end", [1], [{ op: "add", path: "/-", value: 2 }], [1, 2]],
    ["adds to an empty list", [], [{ op: "add", path: "/0", value: 2 }], [2]],
    ["adds the document", 1, [{ op: "add", path: "", value: { a: 1 } }], { a: 1 }],
    ["removes a field", { a: 1, b: 2 }, [{ op: "remove", path: "/b" }], { a: 1 }],
    ["removes an item", [1, 2, 3], [{ op: "remove", path: "/1" }], [1, 3]],
    ["replaces", { a: { b: 1 } }, [{ op: "replace", path: "/a/b", value: null }], { a: { b: null } }],
    ["replaces null", { a: null }, [{ op: "replace", path: "/a", value: 1 }], { a: 1 }],
    ["replaces the document", [1], [{ op: "replace", path: "", value: 2 }], 2],
    ["moves a field", { a: { b: 1 }, c: {} }, [{ op: "move", from: "/a/b", path: "/c/d" }], { a: {}, c: { d: 1 } }],
    ["moves an item back", [1, 2, 3], [{ op: "move", from: "/0", path: "/2" }], [2, 3, 1]],
    ["moves an item forth", [1, 2, 3], [{ op: "move", from: "/2", path: "/0" }], [3, 1, 2]],
    ["moves to where it is", { a: 1 }, [{ op: "move", from: "/a", path: "/a" }], { a: 1 }],
    ["moves beside a longer name", { a: 1 }, [{ op: "move", from: "/a", path: "/ab" }], { ab: 1 }],
    ["copies", { a: [1] }, [{ op: "copy", from: "/a", path: "/b" }], { a: [1], b: [1] }],
    ["tests", { a: { b: [1, "x"] } }, [{ op: "test", path: "/a", value: { b: [1, "x"] } }], { a: { b: [1, "x"] } }],
    [
      "reads ~1 and ~0",
      { "a/b": 1, "c~d": 2 },
      [
        { op: "remove", path: "/a~1b" },
        { op: "remove", path: "/c~0d" },
      ],
      {},
    ],
    ["knows the empty name", { "": 1 }, [{ op: "replace", path: "/", value: 2 }], { "": 2 }],
    ["takes indexes as names in maps", { 0: 1 }, [{ op: "replace", path: "/0", value: 2 }], { 0: 2 }],
    [
      "applies one after the other",
      { l: [{ a: 1 }] },
      [
        { op: "add", path: "/l/0", value: { a: 0 } },
        { op: "replace", path: "/l/1/a", value: 2 },
        { op: "add", path: "/l/0/b", value: 3 },
      ],
      { l: [{ a: 0, b: 3 }, { a: 2 }] },
    ],
  ])("%s", (_name, value, patch, expected) => {
    const copies = JSON.stringify([value, patch]);
    expect(applyPatch(value, patch)).toStrictEqual(expected);
    expect(JSON.stringify([value, patch])).toBe(copies);
  });

  it.each<[string, Json, unknown, string]>([
    ["add below nothing", {}, { op: "add", path: "/a/b", value: CANARY }, 'add "/a/b"): nothing stands there'],
    [
      "add below a scalar",
      { a: CANARY },
      { op: "add", path: "/a/b", value: 1 },
      'add "/a/b"): nothing can stand there',
    ],
    ["add below null", { a: null }, { op: "add", path: "/a/b", value: 1 }, 'add "/a/b"): nothing can stand there'],
    [
      "add past the end",
      [1],
      { op: "add", path: "/2", value: 1 },
      'add "/2"): not an index of the list, or the one past its end',
    ],
    [
      "add at a name",
      [1],
      { op: "add", path: "/x", value: 1 },
      'add "/x"): not an index of the list, or the one past its end',
    ],
    [
      "add at no name",
      [1],
      { op: "add", path: "/", value: 1 },
      'add "/"): not an index of the list, or the one past its end',
    ],
    [
      "add at 01",
      [1, 2],
      { op: "add", path: "/01", value: 1 },
      'add "/01"): not an index of the list, or the one past its end',
    ],
    [
      "add at -1",
      [1, 2],
      { op: "add", path: "/-1", value: 1 },
      'add "/-1"): not an index of the list, or the one past its end',
    ],
    ["add nothing", {}, { op: "add", path: "/a" }, 'add "/a"): has no value'],
    ["remove nothing", { a: CANARY }, { op: "remove", path: "/b" }, 'remove "/b"): nothing stands there'],
    ["remove past the end", [1], { op: "remove", path: "/1" }, 'remove "/1"): nothing stands there'],
    ["remove a list's length", [1], { op: "remove", path: "/length" }, 'remove "/length"): nothing stands there'],
    ["remove at -", [1], { op: "remove", path: "/-" }, 'remove "/-"): nothing stands there'],
    ["remove all", [1], { op: "remove", path: "" }, 'remove ""): removes the whole document'],
    ["replace nothing", {}, { op: "replace", path: "/a", value: 1 }, 'replace "/a"): nothing stands there'],
    [
      "replace below a scalar",
      { a: "text" },
      { op: "replace", path: "/a/0", value: 1 },
      'replace "/a/0"): nothing stands there',
    ],
    ["replace by nothing", { a: 1 }, { op: "replace", path: "/a" }, 'replace "/a"): has no value'],
    ["move nothing", {}, { op: "move", from: "/a", path: "/b" }, 'move "/b"): nothing stands there'],
    [
      "move into itself",
      { a: { b: 1 } },
      { op: "move", from: "/a", path: "/a/b" },
      'move "/a/b"): moves a value into itself',
    ],
    ["move the document", { a: {} }, { op: "move", from: "", path: "/a" }, 'move "/a"): moves a value into itself'],
    [
      "move past the end",
      [1, 2],
      { op: "move", from: "/0", path: "/2" },
      'move "/2"): not an index of the list, or the one past its end',
    ],
    ["copy nothing", {}, { op: "copy", from: "/a", path: "/b" }, 'copy "/b"): nothing stands there'],
    ["copy to nowhere", { a: 1 }, { op: "copy", from: "/a", path: "/b/c" }, 'copy "/b/c"): nothing stands there'],
    ["copy without from", { a: 1 }, { op: "copy", path: "/b" }, 'copy "/b"): not a JSON Pointer'],
    ["test another", { a: CANARY }, { op: "test", path: "/a", value: 2 }, 'test "/a"): another value stands there'],
    ["test nothing", {}, { op: "test", path: "/a", value: 2 }, 'test "/a"): nothing stands there'],
    ["test for nothing", { a: 1 }, { op: "test", path: "/a" }, 'test "/a"): has no value'],
    [
      "no such operation",
      {},
      { op: "merge", path: "/a", value: CANARY },
      'merge "/a"): not an operation of JSON Patch',
    ],
    ["no pointer", {}, { op: "add", path: "a", value: 1 }, 'add "a"): not a JSON Pointer'],
    ["no path", {}, { op: "remove" }, "remove undefined): not a JSON Pointer"],
    ["no object", {}, "add", "string): not an object"],
    ["a prototype", {}, { op: "add", path: "/__proto__/x", value: 1 }, 'add "/__proto__/x"): leads to a prototype'],
    ["a prototype itself", {}, { op: "add", path: "/__proto__", value: {} }, 'add "/__proto__"): leads to a prototype'],
    [
      "a prototype's removal",
      {},
      { op: "remove", path: "/a/__proto__" },
      'remove "/a/__proto__"): leads to a prototype',
    ],
    [
      "a prototype by its class",
      {},
      { op: "add", path: "/constructor/prototype/x", value: 1 },
      'add "/constructor/prototype/x"): leads to a prototype',
    ],
    ["a prototype as source", {}, { op: "copy", from: "/__proto__", path: "/a" }, 'copy "/a"): leads to a prototype'],
    [
      "an inherited field",
      {},
      { op: "add", path: "/constructor/x", value: 1 },
      'add "/constructor/x"): nothing stands there',
    ],
    [
      "an inherited method",
      {},
      { op: "replace", path: "/toString", value: 1 },
      'replace "/toString"): nothing stands there',
    ],
  ])("refuses: %s", (_name, value, operation, message) => {
    const patch = [{ op: "test", path: "", value }, operation] as JsonPatch;
    expect(() => applyPatch(value, patch)).toThrow(
      expect.objectContaining({ code: "INVALID", message: `operation 1 of the patch (${message}` }),
    );
    expect(() => applyPatch(value, patch)).not.toThrow(CANARY);
    expect("x" in Object).toBe(false);
    expect("x" in {}).toBe(false);
  });

  it("treats other names of the language as names", () => {
    expect(
      applyPatch({}, [
        { op: "add", path: "/constructor", value: {} },
        { op: "add", path: "/constructor/x", value: 1 },
        { op: "add", path: "/prototype", value: 1 },
      ]),
    ).toEqual(JSON.parse('{"constructor": {"x": 1}, "prototype": 1}'));
  });

  it("does not share values with the patch or the source of a copy", () => {
    const value = { a: 1 };
    const patch: JsonPatch = [
      { op: "add", path: "/x", value },
      { op: "copy", from: "/x", path: "/y" },
      { op: "replace", path: "/x/a", value: 2 },
      { op: "replace", path: "/y/a", value: 3 },
    ];
    expect(applyPatch({}, patch)).toStrictEqual({ x: { a: 2 }, y: { a: 3 } });
    expect(value).toStrictEqual({ a: 1 });
  });

  it("bounds what copies may grow to", () => {
    const bomb: JsonPatch = Array.from({ length: 40 }, (_, i) => ({ op: "copy", from: "", path: `/${i}` }));
    expect(() => applyPatch({ a: "x".repeat(100) }, bomb)).toThrow(
      expect.objectContaining({
        code: "LIMIT",
        message: 'operation 16 of the patch (copy "/16"): copies more than 10000000 characters',
      }),
    );
  });

  it("leaves undefined fields out", () => {
    expect(applyPatch({ a: undefined, b: 1 }, [{ op: "add", path: "/c", value: { d: undefined } }])).toStrictEqual({
      b: 1,
      c: {},
    });
  });
});
