import type { Json } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { compact, label, printable, scalar, scalarPair, textLine } from "./printable.ts";

describe("printable", () => {
  it.each([
    ["plain text, ä, 漢, 😀", "plain text, ä, 漢, 😀"],
    ["\u001b[31mred\u001b[0m", "\\u001b[31mred\\u001b[0m"],
    ["a\nb\rc\td", "a\\nb\\rc\\td"],
    ["\u0000\u007f\u009b", "\\u0000\\u007f\\u009b"],
    ["\u202egnp.exe\u2066", "\\u202egnp.exe\\u2066"],
    ["zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"],
    ["\u2028\u2029", "\\u2028\\u2029"],
    ["half \ud800 of one", "half \\ud800 of one"],
    ["\u{e0041}", "\\u{e0041}"],
  ])("%j", (text, expected) => {
    expect(printable(text)).toBe(expected);
  });
});

describe("label", () => {
  it("is cut where it is too long, and says so", () => {
    expect(label("abc", 3)).toBe("abc");
    expect(label("abcd", 3)).toBe("abc… (4 characters)");
    expect(label("x".repeat(160))).toBe("x".repeat(160));
    expect(label("x".repeat(161))).toBe(`${"x".repeat(160)}… (161 characters)`);
    expect(label("a😀b", 2)).toBe("a… (4 characters)");
    expect(label("a😀b", 3)).toBe("a😀… (4 characters)");
    expect(label("", 3)).toBe("");
  });

  it("counts what is spelled out", () => {
    expect(label("\u001b\u001b", 6)).toBe("\\u001b… (2 characters)");
    expect(label("\u001b", 6)).toBe("\\u001b");
  });
});

describe("textLine", () => {
  it("keeps tabs, and up to 500 characters", () => {
    expect(textLine("\tif [ a ]; then\t# \u001b")).toBe("\tif [ a ]; then\t# \\u001b");
    expect(textLine("x".repeat(500))).toBe("x".repeat(500));
    expect(textLine("x".repeat(501))).toBe(`${"x".repeat(500)}… (501 characters)`);
  });
});

describe("scalar", () => {
  it.each<[Json, string]>([
    [null, "null"],
    [true, "true"],
    [1.5, "1.5"],
    ["text", "text"],
    ["two words", "two words"],
    ["nginx:1.27", "nginx:1.27"],
    ["/usr/bin", "/usr/bin"],
    ["./a", "./a"],
    ["_x", "_x"],
    ["(known after apply)", "(known after apply)"],
    ["--flag", "--flag"],
    ["-v", "-v"],
    ["-", '"-"'],
    ["---", '"---"'],
    ["- a", '"- a"'],
    ["ä", "ä"],
    ["a#b", "a#b"],
    ["", '""'],
    [" a", '" a"'],
    ["a ", '"a "'],
    ["a: b", '"a: b"'],
    ["a:", '"a:"'],
    ["a #b", '"a #b"'],
    ["#a", '"#a"'],
    ["{a}", '"{a}"'],
    ["[a]", '"[a]"'],
    ["*a", '"*a"'],
    ["&a", '"&a"'],
    ["!a", '"!a"'],
    ["@a", '"@a"'],
    ["`a`", '"`a`"'],
    ["|", '"|"'],
    ["true", '"true"'],
    ["No", '"No"'],
    ["on", '"on"'],
    ["y", '"y"'],
    ["null", '"null"'],
    ["~", '"~"'],
    ["1", '"1"'],
    ["-1.5e3", '"-1.5e3"'],
    ["+.5", '"+.5"'],
    ["0x1F", '"0x1F"'],
    ["0o17", '"0o17"'],
    ["12:30", '"12:30"'],
    ["1_000", '"1_000"'],
    [".inf", '".inf"'],
    ["-.NaN", '"-.NaN"'],
    ["10.0.0.1", "10.0.0.1"],
    ["1a2", "1a2"],
    ["1.", '"1."'],
    ["1:2", "1:2"],
    ["1z", "1z"],
    ["nothing", "nothing"],
    ["yesterday", "yesterday"],
    ["it's", "it's"],
    ['say "a\\b"', 'say "a\\b"'],
    ['"a\\b"', '"\\"a\\\\b\\""'],
    ["a\tb", '"a\\tb"'],
    ["\u001b[0m", '"\\u001b[0m"'],
    ["a\u202eb", '"a\\u202eb"'],
    ["x".repeat(160), "x".repeat(160)],
    ["x".repeat(161), `${"x".repeat(160)}… (161 characters)`],
    [` ${"x".repeat(160)}`, `" ${"x".repeat(159)}"… (161 characters)`],
  ])("%j: %s", (value, expected) => {
    expect(scalar(value)).toBe(expected);
  });
});

describe("scalarPair", () => {
  const x = (n: number) => "x".repeat(n);

  it("is each where they are short, or no texts", () => {
    expect(scalarPair("1", 1)).toStrictEqual(['"1"', "1"]);
    expect(scalarPair(x(160), x(159))).toStrictEqual([x(160), x(159)]);
    expect(scalarPair(x(200), null)).toStrictEqual([`${x(160)}… (200 characters)`, "null"]);
    expect(scalarPair(false, x(200))).toStrictEqual(["false", `${x(160)}… (200 characters)`]);
  });

  it("shows where long ones first differ", () => {
    expect(scalarPair(`${x(300)}a`, `${x(300)}b`)).toStrictEqual([
      `…${x(20)}a (301 characters)`,
      `…${x(20)}b (301 characters)`,
    ]);
    expect(scalarPair(`a${x(300)}`, `b${x(300)}`)).toStrictEqual([
      `a${x(159)}… (301 characters)`,
      `b${x(159)}… (301 characters)`,
    ]);
    expect(scalarPair(x(161), "short")).toStrictEqual([`${x(160)}… (161 characters)`, "short (5 characters)"]);
    expect(scalarPair(x(200), x(190))).toStrictEqual([`…${x(30)} (200 characters)`, `…${x(20)} (190 characters)`]);
    expect(scalarPair(`${x(21)}a${x(158)}`, `${x(21)}b${x(200)}`)).toStrictEqual([
      `…${x(20)}a${x(139)}… (180 characters)`,
      `…${x(20)}b${x(139)}… (222 characters)`,
    ]);
  });
});

describe("compact", () => {
  it.each<[Json, string]>([
    ["a", "a"],
    [{}, "{}"],
    [[], "[]"],
    [{ a: 1, b: { c: [true, "x: y"] } }, '{a: 1, b: {c: [true, "x: y"]}}'],
    [{ a: undefined }, "{a: null}"],
    [["a".repeat(57)], `[${"a".repeat(57)}]`],
    [["a".repeat(59)], "[… 1 item]"],
    [["a".repeat(40), "b".repeat(40)], "[… 2 items]"],
    [{ a: "a".repeat(60) }, "{… 1 field}"],
    [{ a: "a".repeat(60), b: 1, c: 2 }, "{… 3 fields}"],
    [{ a: { b: ["c".repeat(60)] } }, "{a: {b: [… 1 item]}}"],
    ["one\ntwo\nthree", '"one…" (3 lines)'],
    [{ text: "a\n" }, '{text: "a…" (2 lines)}'],
    [`${"x".repeat(70)}\n`, `"${"x".repeat(60)}… (70 characters)…" (2 lines)`],
    [{ "\u001b": 1 }, "{\\u001b: 1}"],
  ])("%j", (value, expected) => {
    expect(compact(value)).toBe(expected);
  });
});
