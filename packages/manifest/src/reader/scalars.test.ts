import { describe, expect, it } from "vitest";
import { isIntegerText, isTimestamp, keyName, resolvePlain, Unreadable } from "./scalars.ts";

const both = (text: string) => [resolvePlain(text, "kubectl"), resolvePlain(text, "kustomize")];

describe("plain scalars", () => {
  it.each(["~", "", "null", "Null", "NULL"])("%j is null to both", (text) => {
    expect(both(text)).toEqual([null, null]);
  });

  it.each([
    ["true", true],
    ["True", true],
    ["TRUE", true],
    ["false", false],
    ["False", false],
    ["FALSE", false],
  ])("%j is %j to both", (text, value) => {
    expect(both(text)).toEqual([value, value]);
  });

  it.each(["y", "Y", "yes", "Yes", "YES", "on", "On", "ON"])("%j is true to kubectl and text to Kustomize", (text) => {
    expect(both(text)).toEqual([true, text]);
  });

  it.each(["n", "N", "no", "No", "NO", "off", "Off", "OFF"])("%j is false to kubectl and text to Kustomize", (text) => {
    expect(both(text)).toEqual([false, text]);
  });

  it.each([
    ["0", 0],
    ["-0", 0],
    ["+0", 0],
    ["7", 7],
    ["+7", 7],
    ["-7", -7],
    ["0644", 420],
    ["-010", -8],
    ["+010", 8],
    ["0_7", 7],
    ["08", 8],
    ["0888", 888],
    ["0o17", 15],
    ["0O17", 15],
    ["-0o17", -15],
    ["0x1F", 31],
    ["0X1f", 31],
    ["-0x1f", -31],
    ["+0x1f", 31],
    ["0b101", 5],
    ["0B11", 3],
    ["-0b11", -3],
    ["0b-101", -5],
    ["0b+1_1", 3],
    ["1_000", 1000],
    ["1__0", 10],
    ["1_", 1],
    ["0x_1f", 31],
    ["9007199254740991", 9007199254740991],
    ["-9007199254740991", -9007199254740991],
    ["9007199254740992", 9007199254740992],
    ["10000000000000000000", 10000000000000000000],
    ["1e3", 1000],
    ["1E3", 1000],
    ["1.5", 1.5],
    ["-1.5", -1.5],
    ["1.", 1],
    [".5", 0.5],
    ["+.5", 0.5],
    ["-.5", -0.5],
    [".1_0", 0.1],
    [".5e3", 500],
    [".5e1_0", 5e9],
    ["1e3_0", 1e30],
    ["012e1", 120],
    ["1e-400", 0],
    ["-0.0", 0],
    ["123456789.123456789", 123456789.12345679],
  ])("%j is %j to both", (text, value) => {
    expect(both(text)).toEqual([value, value]);
    expect(Object.is(resolvePlain(text, "kubectl"), -0)).toBe(false);
  });

  it.each([
    ..."a _1 - + . .. .e1 .1__0 ._1 .1_ +. 0x 0b 0o 0b12 0o8 0b-2 0b-- -0b-1 0B-1 0O-7 0x-1 0x1p3 1e 1e+ 1.2.3 1,000 1e400 -1e400 .5e400 e1 inf NaN nan".split(
      " ",
    ),
    "1:30",
    "190:20:30.5",
    "12:30:45",
    "yEs",
    "nULL",
    "tRue",
    "\u0661",
    "\u00e9",
    "2001-13-01",
    "2001-02-30",
    "1900-02-29",
    "2001-00-01",
    "2001-01-00",
    "2001-01-32",
    "02001-01-01",
    "2001-01-01T",
    "2001-01-01 24:00:00",
    "2001-01-01 00:60:00",
    "2001-01-01 00:00:60",
    "2001-01-01 00:00:00Z",
    "2001-01-01T00:00:00",
    "2001-01-01T00:00:00+25:00",
    "2001-01-01T00:00:00+00:61",
    "2001-12-14 21:59:43.10 -5",
  ])("%j is text to both", (text) => {
    expect(both(text)).toEqual([text, text]);
    expect(isTimestamp(text)).toBe(false);
  });

  it.each([
    ["0o-17", -15],
    ["0o+7", 7],
  ])("%j is text to kubectl and %d to Kustomize", (text, value) => {
    expect(both(text)).toEqual([text, value]);
  });

  it.each([
    ["2001-01-01", "2001-01-01T00:00:00Z"],
    ["2001-1-2", "2001-01-02T00:00:00Z"],
    ["2000-02-29", "2000-02-29T00:00:00Z"],
    ["0001-01-01", "0001-01-01T00:00:00Z"],
    ["2001-12-14 21:59:43", "2001-12-14T21:59:43Z"],
    ["2001-12-14   1:2:3", "2001-12-14T01:02:03Z"],
    ["2001-12-14 23:59:59.10", "2001-12-14T23:59:59.1Z"],
    ["2001-12-14 21:59:43,5", "2001-12-14T21:59:43.5Z"],
    ["2001-12-14 21:59:43.000", "2001-12-14T21:59:43Z"],
    ["2001-12-14 21:59:43.1234567891", "2001-12-14T21:59:43.123456789Z"],
    ["2001-12-14T21:59:43Z", "2001-12-14T21:59:43Z"],
    ["2001-12-14t21:59:43.10-05:00", "2001-12-14T21:59:43.1-05:00"],
    ["2001-12-14T21:59:43+00:00", "2001-12-14T21:59:43Z"],
    ["2001-12-14T21:59:43-00:00", "2001-12-14T21:59:43Z"],
    ["2001-12-14T21:59:43+23:59", "2001-12-14T21:59:43+23:59"],
  ])("%j is text to kubectl and the time %j to Kustomize", (text, time) => {
    expect(both(text)).toEqual([text, time]);
    expect(isTimestamp(text)).toBe(true);
  });

  it.each(["2001-12-14T21:59:43+24:00", "2001-12-14T21:59:43+01:60"])("%j is no JSON time", (text) => {
    expect(resolvePlain(text, "kubectl")).toBe(text);
    expect(isTimestamp(text)).toBe(true);
    expect(resolvePlain(text, "kustomize")).toEqual(
      new Unreadable("a time zone that JSON times cannot have; quote it if it is text"),
    );
  });

  const inexact = new Unreadable(
    "an integer that cannot be kept exactly (they are up to 2^53); quote it if it is text",
  );

  it.each(["9007199254740993", "-9007199254740993", "1152921504606846976", "0xFFFFFFFFFFFFFFFF", "-0x20000000000001"])(
    "the integer %s is refused",
    (text) => {
      expect(both(text)).toEqual([inexact, inexact]);
    },
  );

  it.each([".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "-.INF"])("%s is refused", (text) => {
    const reason = new Unreadable("a number that is not finite has no JSON value");
    expect(both(text)).toEqual([reason, reason]);
  });

  it("does not show what it refuses: it may be a secret", () => {
    expect(JSON.stringify(resolvePlain("123456789012345678901", "kubectl"))).not.toContain("12345");
  });
});

it.each([
  ["7", true],
  ["-0x1f", true],
  ["0_7", true],
  ["017", true],
  ["08", false],
  ["0_8", false],
  ["-09", false],
  ["90", true],
  ["1e3", false],
  ["1.0", false],
  ["a", false],
])("isIntegerText(%j) is %j", (text, expected) => {
  expect(isIntegerText(text)).toBe(expected);
});

it.each([
  [1, "1", "1"],
  [420, "0644", "420"],
  [10000000, "10000000", "10000000"],
  [10000000, "1e7", "1e+07"],
  [1000, "1e3", "1000"],
  [1.5, "1.50", "1.5"],
  [0, "-0.0", "-0"],
  [0, "0.0", "0"],
  [0, "-0", "0"],
  [true, "yes", "true"],
  [false, "off", "false"],
  [null, "~", undefined],
])("the key %j, written %s, is the field %j", (value, text, name) => {
  expect(keyName(value, text)).toBe(name);
});
