import { describe, expect, it } from "vitest";
import { resolve } from "./scalars.ts";

// What go-yaml v2 and v3 made of these plain scalars.
describe("plain scalars", () => {
  it.each([
    ["", "!!null", null],
    ["~", "!!null", null],
    ["Null", "!!null", null],
    ["nULL", "!!str", "nULL"],
    ["true", "!!bool", true],
    ["FALSE", "!!bool", false],
    ["tRUE", "!!str", "tRUE"],
    ["0", "!!int", 0],
    ["-0", "!!int", 0],
    ["+1", "!!int", 1],
    ["010", "!!int", 8],
    ["08", "!!float", 8],
    ["0x1F", "!!int", 31],
    ["-0X1f", "!!int", -31],
    ["0b101", "!!int", 5],
    ["0o17", "!!int", 15],
    ["1_000", "!!int", 1000],
    ["9007199254740991", "!!int", 9007199254740991],
    ["9007199254740993", "!!int", 9007199254740993n],
    ["18446744073709551615", "!!int", 18446744073709551615n],
    ["18446744073709551616", "!!float", 18446744073709552000],
    ["-9223372036854775808", "!!int", -9223372036854775808n],
    ["1e3", "!!float", 1000],
    [".5", "!!float", 0.5],
    ["1.", "!!float", 1],
    ["1e999", "!!str", "1e999"],
    [".inf", "!!float", Number.POSITIVE_INFINITY],
    ["1:30", "!!str", "1:30"],
    ["-", "!!str", "-"],
    ["1.2.3", "!!str", "1.2.3"],
    ["<<", "!!merge", "<<"],
    ["<", "!!str", "<"],
    ["é", "!!str", "é"],
    ["2001-1-2", "!!timestamp", "2001-01-02T00:00:00Z"],
    ["2001-02-30", "!!str", "2001-02-30"],
    ["2001-12-14t21:59:43.10-05:00", "!!timestamp", "2001-12-14T21:59:43.1-05:00"],
    ["2001-12-14 21:59:43", "!!timestamp", "2001-12-14T21:59:43Z"],
    ["2001-12-14 21:59:43Z", "!!str", "2001-12-14 21:59:43Z"],
    ["2001-12-14T21:59:43", "!!str", "2001-12-14T21:59:43"],
    ["2001-12-14T24:00:00Z", "!!str", "2001-12-14T24:00:00Z"],
  ])("%s is %s to v3", (text, tag, value) => {
    expect(resolve(text, "v3")).toEqual({ tag, value });
  });

  it.each([
    ["yes", true],
    ["On", true],
    ["y", true],
    ["no", false],
    ["OFF", false],
    ["N", false],
  ])("%s is text to v3 and a boolean to v2", (text, value) => {
    expect(resolve(text, "v3")).toEqual({ tag: "!!str", value: text });
    expect(resolve(text, "v2")).toEqual({ tag: "!!bool", value });
  });
});
