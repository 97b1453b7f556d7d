import { describe, expect, it } from "vitest";
import { decode, flag, int, listOf, struct, text, textsByName } from "./decode.ts";
import { compareText, goJson } from "./json.ts";
import { formatFloat, jsonNumber } from "./number.ts";

// What Go printed.
it.each([
  [1000000, "1e+06", "1000000"],
  [100000, "100000", "100000"],
  [12345678, "1.2345678e+07", "12345678"],
  [1e20, "1e+20", "100000000000000000000"],
  [1e21, "1e+21", "1e+21"],
  [0.0001, "0.0001", "0.0001"],
  [0.00001, "1e-05", "0.00001"],
  [1.5e-7, "1.5e-07", "1.5e-7"],
  [-2000000, "-2e+06", "-2000000"],
  [100000.5, "100000.5", "100000.5"],
  [0, "0", "0"],
])("%d is %s, and %s in JSON", (value, general, json) => {
  expect([formatFloat(value), jsonNumber(value)]).toEqual([general, json]);
});

it("JSON has sorted keys and escapes what HTML minds", () => {
  expect(goJson({ b: [1, "<&>"], a: { "\u{1f600}": null, "\uffee": true, "\u2028": 5n } })).toBe(
    '{"a":{"\\u2028":5,"\uffee":true,"\u{1f600}":null},"b":[1,"\\u003c\\u0026\\u003e"]}',
  );
  expect(["b", "\u{1f600}", "\uffee", "a", "ab"].toSorted(compareText)).toEqual([
    "a",
    "ab",
    "b",
    "\uffee",
    "\u{1f600}",
  ]);
});

describe("decode", () => {
  const shape = struct({
    name: text,
    count: int,
    on: flag,
    tags: textsByName,
    parts: listOf(struct({ id: text }), () => ({})),
  });

  it("matches names in any case, and takes null for nothing", () => {
    const { value, problems } = decode(shape, { Name: "a", COUNT: 2, on: null, parts: [{ ID: "x" }, null] });
    expect([value, problems]).toEqual([{ name: "a", count: 2, parts: [{ id: "x" }, {}] }, []]);
  });

  it("reports every field of another type, where it is", () => {
    const { problems } = decode(shape, { name: 1, count: "2", on: [], tags: { a: true }, parts: [{ id: {} }] });
    expect(problems).toEqual([
      { field: "/count", reason: "cannot unmarshal string into a field of type int" },
      { field: "/name", reason: "cannot unmarshal number into a field of type string" },
      { field: "/on", reason: "cannot unmarshal array into a field of type bool" },
      { field: "/parts/0/id", reason: "cannot unmarshal object into a field of type string" },
      { field: "/tags/a", reason: "cannot unmarshal bool into a field of type string" },
    ]);
  });

  it("turns scalars into text where it is asked to", () => {
    expect(decode(shape, { name: 1.1, tags: { a: true, b: 5 } }, { coerce: true })).toEqual({
      value: {
        name: "1.1",
        tags: new Map([
          ["a", "true"],
          ["b", "5"],
        ]),
      },
      problems: [],
    });
  });

  it.each([
    ["nmae", 'unknown field "nmae"'],
    ["tag", 'unknown field "tag", did you mean "tags"?'],
    ["Partz", 'unknown field "Partz", did you mean "parts"?'],
    ["zzz", 'unknown field "zzz"'],
  ])("%s is unknown where that matters", (key, reason) => {
    expect(decode(shape, { [key]: "x" }).problems).toEqual([]);
    expect(decode(shape, { [key]: "x" }, { strict: true }).problems).toEqual([{ field: `/${key}`, reason }]);
  });
});
