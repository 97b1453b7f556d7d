import { describe, expect, it } from "vitest";
import type { Json } from "@trueup/spec";
import { parseYaml } from "../reader/yaml.ts";
import { emitManifests, emitYaml } from "./emit.ts";

const long = (word: string, count: number) => Array.from({ length: count }, () => word).join(" ");

// What sigs.k8s.io/yaml 1.6 wrote for the same value, but for characters that it refuses to write (U+0001, U+007F, U+0080, U+FFFE).
describe("text", () => {
  it.each([
    // plain
    ["a", "a"],
    ["a b", "a b"],
    ["a#b", "a#b"],
    ["a:b", "a:b"],
    [":a", ":a"],
    ["-a", "-a"],
    ["?a", "?a"],
    ["a'b\"c", "a'b\"c"],
    ["a, b", "a, b"],
    ["<<", "<<"],
    ["=", "="],
    ["/path/to-x_1.y", "/path/to-x_1.y"],
    ["1.2.3", "1.2.3"],
    ["1,000", "1,000"],
    ["0o8", "0o8"],
    ["_1", "_1"],
    ["1e400", "1e400"],
    ["NaN", "NaN"],
    ["nan", "nan"],
    ["inf", "inf"],
    ["yEs", "yEs"],
    ["yesterday", "yesterday"],
    ["none", "none"],
    ["tRUE", "tRUE"],
    ["2001-13-01", "2001-13-01"],
    ["100m", "100m"],
    ["\u00e9\u6f22", "\u00e9\u6f22"],
    ["a\u00a0b", "a\u00a0b"],
    ["\ue000\ufffd", "\ue000\ufffd"],
    ["a?b", "a?b"],
    ["${X}", "${X}"],
    ["a]", "a]"],
    // in single quotes: it could not stand plain
    [" a", "' a'"],
    ["a ", "'a '"],
    [" ", "' '"],
    ["a: b", "'a: b'"],
    ["a:", "'a:'"],
    [":", "':'"],
    [": a", "': a'"],
    ["a #b", "'a #b'"],
    ["#a", "'#a'"],
    ["- a", "'- a'"],
    ["-", "'-'"],
    ["? a", "'? a'"],
    ["?", "'?'"],
    [",", "','"],
    ["[", "'['"],
    ["]", "']'"],
    ["{a}", "'{a}'"],
    ["}", "'}'"],
    ["&a", "'&a'"],
    ["*a", "'*a'"],
    ["!a", "'!a'"],
    ["|", "'|'"],
    [">", "'>'"],
    ["'a'", "'''a'''"],
    ['"a"', "'\"a\"'"],
    ["%a", "'%a'"],
    ["@a", "'@a'"],
    ["`a`", "'`a`'"],
    ["---", "'---'"],
    ["---a", "'---a'"],
    ["...", "'...'"],
    ["....a", "'....a'"],
    ["\u2028", "'\u2028'"],
    ["a\u2029b", "'a\u2029  b'"],
    ["\u2028#", "'\u2028  #'"],
    ["yes ", "'yes '"],
    // in double quotes: it would read as something else
    ["", '""'],
    ["~", '"~"'],
    ["null", '"null"'],
    ["NULL", '"NULL"'],
    ["true", '"true"'],
    ["False", '"False"'],
    ["y", '"y"'],
    ["N", '"N"'],
    ["yes", '"yes"'],
    ["Off", '"Off"'],
    ["ON", '"ON"'],
    ["1", '"1"'],
    ["-1", '"-1"'],
    ["+1", '"+1"'],
    ["0644", '"0644"'],
    ["08", '"08"'],
    ["0x1F", '"0x1F"'],
    ["0b11", '"0b11"'],
    ["0o7", '"0o7"'],
    ["1_000", '"1_000"'],
    ["1.5", '"1.5"'],
    [".5", '".5"'],
    ["1.", '"1."'],
    ["1e3", '"1e3"'],
    [".inf", '".inf"'],
    ["-.Inf", '"-.Inf"'],
    [".NaN", '".NaN"'],
    ["1:30", '"1:30"'],
    ["-1:30:59.5", '"-1:30:59.5"'],
    ["1:60", "1:60"],
    ["2001-01-01", '"2001-01-01"'],
    ["2001-01-01 1:2:3", '"2001-01-01 1:2:3"'],
    ["2001-01-01T01:02:03Z", '"2001-01-01T01:02:03Z"'],
    ["2001-01-01T01:02:03+24:00", '"2001-01-01T01:02:03+24:00"'],
    ["123456789012345678901234567890", '"123456789012345678901234567890"'],
    // in double quotes: it needs escapes
    ["a\tb", String.raw`"a\tb"`],
    ["a\rb", String.raw`"a\rb"`],
    ["\0\u0007\b\v\f\u001b", String.raw`"\0\a\b\v\f\e"`],
    ["\u0001\u007f\u0080", String.raw`"\x01\x7F\x80"`],
    ['a"\\\t', String.raw`"a\"\\\t"`],
    ["\u{1f600}", String.raw`"\U0001F600"`],
    ["a\ufeffb", String.raw`"a\uFEFFb"`],
    ["\ufeffa 0\u00a0", String.raw`"\uFEFF\x61\x20\x30\_"`],
    ["\ufffe", String.raw`"\uFFFE"`],
    ["\u2028 ", String.raw`"\L "`],
    [" \u2029", String.raw`" \P"`],
    ["a\u2028 b", String.raw`"a\L b"`],
    ["\ud800", "\ufffd"],
    // a NEXT LINE is lost on the way through JSON
    ["\u0085", "' '"],
    ["a\u0085b", "a b"],
    ["a  \u0085  b", "a b"],
    ["a\u0085\u0085 \u0085b", "|-\n  a\n\n  b"],
    // literals
    ["a\nb", "|-\n  a\n  b"],
    ["a\nb\n", "|\n  a\n  b"],
    ["a\n\n", "|+\n  a\n"],
    ["a\n\nb", "|-\n  a\n\n  b"],
    ["\n", "|2+\n"],
    ["\na", "|2-\n\n  a"],
    [" a\nb", "|2-\n   a\n  b"],
    ["a\n b", "|-\n  a\n   b"],
    ["a\n\u2028b", "|-\n  a\n\u2028  b"],
    ["yes\nno", "|-\n  yes\n  no"],
    ["# a\n", "|\n  # a"],
    // what no literal can hold
    ["a \nb", String.raw`"a \nb"`],
    ["a\nb ", String.raw`"a\nb "`],
    ["a\n\tb", String.raw`"a\n\tb"`],
    ["a\n\u{1f600}", String.raw`"a\n\U0001F600"`],
    ["a\r\nb", String.raw`"a\r\nb"`],
  ])("%j", (text, expected) => {
    const emitted = emitYaml({ k: text });
    expect(emitted).toBe(`k: ${expected}\n`);
  });

  it("a separator at the end of a literal is its line break", () => {
    expect(emitYaml({ k: "a\nb\u2028" })).toBe("k: |\n  a\n  b\u2028");
    expect(emitYaml({ k: "a\nb\n\u2029", l: 1 })).toBe("k: |+\n  a\n  b\n\u2029l: 1\n");
  });

  it("what is written reads as it was, but for NEXT LINE", () => {
    const text = "a\u2028b: '\"\n\t\u{1f600} \\";
    expect(parseYaml(emitYaml({ [text]: [text, { k: text }] }), { file: "f" }).documents[0]?.value).toEqual({
      [text]: [text, { k: text }],
    });
  });
});

describe("long lines", () => {
  it("break at a space beyond column 80, deeper by one level", () => {
    expect(emitYaml({ k: long("word", 20) })).toBe(`k: ${long("word", 16)}\n  ${long("word", 4)}\n`);
    expect(emitYaml([{ a: { b: long("word", 20) } }])).toBe(
      `- a:\n    b: ${long("word", 15)}\n      ${long("word", 5)}\n`,
    );
    expect(emitYaml(long("word", 20))).toBe(`${long("word", 17)}\n  ${long("word", 3)}\n`);
  });

  it("exactly 80 columns stay, and a break comes only after more", () => {
    const fits = `${"x".repeat(77)} y`; // the space stands in column 80
    expect(emitYaml({ k: fits })).toBe(`k: ${fits}\n`);
    expect(emitYaml({ k: `${"x".repeat(78)} y` })).toBe(`k: ${"x".repeat(78)}\n  y\n`);
  });

  it("words without spaces, and runs of spaces, are not broken", () => {
    expect(emitYaml({ k: "x".repeat(200) })).toBe(`k: ${"x".repeat(200)}\n`);
    expect(emitYaml({ k: `${"x".repeat(90)}  y z` })).toBe(`k: ${"x".repeat(90)}  y\n  z\n`);
  });

  it("characters are counted, not bytes", () => {
    expect(emitYaml({ k: `${"\u6f22".repeat(77)} y` })).toBe(`k: ${"\u6f22".repeat(77)} y\n`);
  });

  it("single quoted: not at the first or last character, quotes count twice", () => {
    expect(emitYaml({ k: `'${"x".repeat(76)} y: z` })).toBe(`k: '''${"x".repeat(76)}\n  y: z'\n`);
    expect(emitYaml({ k: `${"x".repeat(90)}: ` })).toBe(`k: '${"x".repeat(90)}: '\n`);
    expect(emitYaml({ ["k".repeat(90)]: " : x" })).toBe(`${"k".repeat(90)}: ' :\n  x'\n`);
    expect(emitYaml({ k: `${"x".repeat(90)}:  y` })).toBe(`k: '${"x".repeat(90)}:  y'\n`);
  });

  it("double quoted: escapes count, a second space is kept by a backslash", () => {
    expect(emitYaml({ k: `\t${"x".repeat(80)} y z` })).toBe(`k: "\\t${"x".repeat(80)}\n  y z"\n`);
    expect(emitYaml({ k: `\t${"x".repeat(80)}  y` })).toBe(`k: "\\t${"x".repeat(80)}\n  \\ y"\n`);
    expect(emitYaml({ k: `\t${"x".repeat(80)} ` })).toBe(`k: "\\t${"x".repeat(80)} "\n`);
    expect(emitYaml({ ["k".repeat(90)]: " \t x" })).toBe(`${"k".repeat(90)}: " \\t\n  x"\n`);
  });

  it("keys and literals are not broken", () => {
    expect(emitYaml({ [long("word", 20)]: 1 })).toBe(`${long("word", 20)}: 1\n`);
    expect(emitYaml({ [`\t${long("word", 20)}`]: 1 })).toBe(`"\\t${long("word", 20)}": 1\n`);
    expect(emitYaml({ k: `${long("word", 20)}\n` })).toBe(`k: |\n  ${long("word", 20)}\n`);
  });
});

describe("structure", () => {
  it.each<[Json, string]>([
    [null, "null\n"],
    [true, "true\n"],
    [false, "false\n"],
    [1.5, "1.5\n"],
    ["", '""\n'],
    ["a\nb", "|-\n  a\n  b\n"],
    ["a\nb\n", "|\n  a\n  b\n"],
    [{}, "{}\n"],
    [[], "[]\n"],
    [{ a: {}, b: [], c: null, d: 0 }, "a: {}\nb: []\nc: null\nd: 0\n"],
    [{ a: { b: { c: 1 } } }, "a:\n  b:\n    c: 1\n"],
    [{ a: [1, "x", null] }, "a:\n- 1\n- x\n- null\n"],
    [{ a: [{ b: 1, c: [2] }, {}] }, "a:\n- b: 1\n  c:\n  - 2\n- {}\n"],
    [[1, [2, [3, []]], { a: [[4]] }], "- 1\n- - 2\n  - - 3\n    - []\n- a:\n  - - 4\n"],
    [{ a: { b: [{ c: "x\ny\n" }, "z\n\n"] }, d: 1 }, "a:\n  b:\n  - c: |\n      x\n      y\n  - |+\n    z\n\nd: 1\n"],
    [{ b: 1, a: 2, A: 3, "10": 4, "9": 5 }, '"9": 5\n"10": 4\nA: 3\na: 2\nb: 1\n'],
    [{ a: undefined, b: [undefined] as unknown as Json }, "b:\n- null\n"],
    [{ a: { b: undefined } }, "a: {}\n"],
  ])("%j", (value, expected) => {
    expect(emitYaml(value)).toBe(expected);
  });

  it("keys are quoted like text", () => {
    expect(emitYaml({ yes: 1, "": 2, "a: b": 3, "x\ty": 4, "1": 5, "- a": 6 })).toBe(
      '"": 2\n\'- a\': 6\n"1": 5\n\'a: b\': 3\n"x\\ty": 4\n"yes": 1\n',
    );
  });

  it("a key named << is quoted, that nobody takes it for a merge", () => {
    expect(emitYaml({ "<<": { a: 1 } })).toBe('"<<":\n  a: 1\n');
  });

  it("keys over 128 bytes or with line breaks stand behind ?", () => {
    const key = (length: number) => "k".repeat(length);
    expect(emitYaml({ [key(128)]: 1 })).toBe(`${key(128)}: 1\n`);
    expect(emitYaml({ [key(129)]: 1 })).toBe(`? ${key(129)}\n: 1\n`);
    expect(emitYaml({ ["\u00e9".repeat(64)]: 1 })).toBe(`${"\u00e9".repeat(64)}: 1\n`);
    expect(emitYaml({ ["\u00e9".repeat(65)]: 1 })).toBe(`? ${"\u00e9".repeat(65)}\n: 1\n`);
    expect(emitYaml({ "a\nb": 1 })).toBe("? |-\n  a\n  b\n: 1\n");
    expect(emitYaml({ "a\n": 1, b: 2 })).toBe("? |\n  a\n: 1\nb: 2\n");
    expect(emitYaml({ x: { "a\n": 1 } })).toBe("x:\n  ? |\n    a\n  : 1\n");
    expect(emitYaml({ "a\rb": 1 })).toBe('? "a\\rb"\n: 1\n');
    expect(emitYaml({ "a\u2028b": 1 })).toBe("? 'a\u2028  b'\n: 1\n");
  });

  it("what stands behind such a key goes on in its line; the key is folded", () => {
    const key = long("word", 26);
    const folded = `${long("word", 16)}\n  ${long("word", 10)}`;
    expect(emitYaml({ [key]: { a: 1, b: [2] } })).toBe(`? ${folded}\n: a: 1\n  b:\n  - 2\n`);
    expect(emitYaml({ [key]: [1, [2]] })).toBe(`? ${folded}\n: - 1\n  - - 2\n`);
    expect(emitYaml([{ [key]: "x\ny" }])).toBe(`- ? ${folded.replace("\n", "\n  ")}\n  : |-\n    x\n    y\n`);
  });

  it("numbers that are not finite cannot be written", () => {
    expect(() => emitYaml({ a: [Number.NaN] })).toThrow("NaN cannot be written as JSON or YAML");
  });

  it("equal maps are written equally", () => {
    expect(emitYaml({ "10": 1, "1e": 2, "01": 3 })).toBe(emitYaml({ "01": 3, "10": 1, "1e": 2 }));
  });
});

it("documents are separated by ---", () => {
  const manifest = (name: string) => ({ apiVersion: "v1", kind: "A", metadata: { name } });
  expect(emitManifests([])).toBe("");
  expect(emitManifests([manifest("a"), manifest("b")])).toBe(
    "apiVersion: v1\nkind: A\nmetadata:\n  name: a\n---\napiVersion: v1\nkind: A\nmetadata:\n  name: b\n",
  );
});
