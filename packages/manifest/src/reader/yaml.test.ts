import { describe, expect, it } from "vitest";
import type { Dialect } from "./scalars.ts";
import { parseYaml } from "./yaml.ts";

/** The values of a file's documents; fails where there are errors. */
function read(text: string, dialect: Dialect = "kubectl") {
  const { documents, errors } = parseYaml(text, { file: "f.yaml", dialect });
  expect(errors.map((error) => error.message)).toEqual([]);
  return documents.map(({ value }) => value);
}

function errorsOf(text: string | Uint8Array, options: Partial<Parameters<typeof parseYaml>[1]> = {}) {
  return parseYaml(text, { file: "f.yaml", ...options }).errors.map((error) => error.message);
}

describe("values", () => {
  it("reads maps, lists and scalars in block and flow style", () => {
    expect(read("a:\n  b: [1, two, {c: null}]\n  d:\n  - x\n  -\n    z: 'it''s'\n  - - z\n")).toEqual([
      { a: { b: [1, "two", { c: null }], d: ["x", { z: "it's" }, ["z"]] } },
    ]);
  });

  it("quoted text is never anything else", () => {
    expect(read(`[ "1", '0644', "yes", '~', "<<", "2001-01-01", "", '' ]`)).toEqual([
      ["1", "0644", "yes", "~", "<<", "2001-01-01", "", ""],
    ]);
  });

  it("block scalars keep, clip and strip; folded ones fold", () => {
    expect(read("a: |\n  x\n  y\n\nb: |-\n  x\nc: |+\n  x\n\nd: >\n  x\n  y\ne: |2\n    x\n")).toEqual([
      { a: "x\ny\n", b: "x", c: "x\n\n", d: "x y\n", e: "  x\n" },
    ]);
  });

  it("a block scalar at the end of the file ends in a line feed though the file does not, as in kubectl", () => {
    expect(read("a: |\n  x")).toEqual([{ a: "x\n" }]);
  });

  it("escapes", () => {
    expect(read(String.raw`"\x41\u00e9\U0001F600\n\t\0\e\N\_\L\P\/\"\\"`)).toEqual([
      'A\u00e9\u{1f600}\n\t\0\u001b\u0085\u00a0\u2028\u2029/"\\',
    ]);
    expect(read('"a\\\n   b"')).toEqual(["ab"]);
  });

  it("plain text over several lines is folded", () => {
    expect(read("a: one\n  two\n\n  three\n")).toEqual([{ a: "one two\nthree" }]);
  });

  it("anchors and aliases", () => {
    expect(read("a: &x {b: 1}\nc: *x\nd: [*x, &y text, *y]\n")).toEqual([
      { a: { b: 1 }, c: { b: 1 }, d: [{ b: 1 }, "text", "text"] },
    ]);
    expect(read("- &a 1\n- &a 2\n- *a\n")).toEqual([[1, 2, 2]]);
  });

  it("reads JSON, with tabs and surrogate pairs", () => {
    expect(read('{\n\t"a": "\\ud83d\\ude00",\n\t"b": [1, -2.5e3, true, null],\n\t"yes": {}\n}\n')).toEqual([
      { a: "\u{1f600}", b: [1, -2500, true, null], yes: {} },
    ]);
  });
});

describe("tags", () => {
  it.each([
    ["!!str 12", "12"],
    ["!!str", ""],
    ["!<tag:yaml.org,2002:str> 12", "12"],
    ["! 12", "12"],
    ["!!int 0x1f", 31],
    ["!!int '7'", 7],
    ["!!float 3", 3],
    ["!!float 1e3", 1000],
    ["!!bool yes", true],
    ["!!null ''", null],
    ["!!null ~", null],
    ["!!timestamp 2001-1-1", "2001-1-1"],
    ["!!binary aGVsbG8=", "hello"],
    ["!!binary |\n  aGVs\n  bG8=", "hello"],
    ["!!binary ''", ""],
    ["!!map {b: 1}", { b: 1 }],
    ["!!seq [1]", [1]],
  ])("%s", (text, value) => {
    expect(read(`a: ${text}\n`)).toEqual([{ a: value }]);
  });

  it("a timestamp is a time to Kustomize", () => {
    expect(read("a: !!timestamp 2001-1-1\n", "kustomize")).toEqual([{ a: "2001-01-01T00:00:00Z" }]);
  });

  const notOfType = (tag: string) => `f.yaml:1: /a: not a value of the type ${tag}`;

  it.each([
    ["!!int 1.0", notOfType("!!int")],
    ["!!int 08", notOfType("!!int")],
    ["!!int x", notOfType("!!int")],
    ["!!float x", notOfType("!!float")],
    ["!!bool 1", notOfType("!!bool")],
    ["!!null x", notOfType("!!null")],
    ["!!timestamp 2001-13-01", notOfType("!!timestamp")],
    ["!!float .inf", "f.yaml:1: /a: a number that is not finite has no JSON value"],
    ["!!binary aGVsbG8", "f.yaml:1: /a: !!binary holds invalid base64"],
    ["!!binary a-b_", "f.yaml:1: /a: !!binary holds invalid base64"],
    ["!!binary a===", "f.yaml:1: /a: !!binary holds invalid base64"],
    ["!!binary /w==", "f.yaml:1: /a: !!binary holds bytes that are not UTF-8"],
    ["!!set {b: }", "f.yaml:1: /a: unknown tag !!set"],
    ["!!map [1]", "f.yaml:1: /a: unknown tag !!map"],
    ["!!seq {b: 1}", "f.yaml:1: /a: unknown tag !!seq"],
    ["!!str {b: 1}", "f.yaml:1: /a: unknown tag !!str"],
    ["!!seq x", "f.yaml:1: /a: unknown tag !!seq"],
    ["!custom x", "f.yaml:1: /a: unknown tag !custom"],
    ["!<tag:example.org,2000:x> x", "f.yaml:1: /a: unknown tag tag:example.org,2000:x"],
  ])("%s is refused", (text, message) => {
    expect(errorsOf(`a: ${text}\n`)).toEqual([message]);
  });

  it("the non-specific tag is refused for Kustomize, which takes it for none", () => {
    expect(errorsOf("a: ! 12\n", { dialect: "kustomize" })).toEqual(["f.yaml:1: /a: unknown tag !"]);
  });
});

describe("keys", () => {
  it("to kubectl numbers and booleans are the text they print as", () => {
    expect(read("1: a\n0644: b\ntrue: c\noff: d\n1.50: e\n'1.50': f\n1e7: g\n2001-01-01: h\n")).toEqual([
      { "1": "a", "420": "b", true: "c", false: "d", "1.5": "e", "1.50": "f", "1e+07": "g", "2001-01-01": "h" },
    ]);
  });

  it("to Kustomize they are as they are written, in the outermost map", () => {
    expect(read("0644: b\ntrue: c\noff: d\n1.50: e\n2001-01-01: h\n", "kustomize")).toEqual([
      { "0644": "b", true: "c", off: "d", "1.50": "e", "2001-01-01": "h" },
    ]);
  });

  it.each(["1: b", "true: b", "2001-01-01: b", "1.5: b"])("further in, Kustomize refuses %s", (inner) => {
    expect(errorsOf(`a:\n  ${inner}\n`, { dialect: "kustomize" })).toEqual([
      "f.yaml:2: /a: a key that is not a string must be quoted",
    ]);
  });

  it("quoted and unlike numbers they are strings to Kustomize anywhere", () => {
    expect(read("a:\n  '1': b\n  off: c\n  1x: d\n", "kustomize")).toEqual([{ a: { "1": "b", off: "c", "1x": "d" } }]);
  });

  it.each<Dialect>(["kubectl", "kustomize"])("null is no key to %s", (dialect) => {
    const [message] = errorsOf("a: 1\n~: b\n", { dialect });
    expect(message).toMatch(
      /^f\.yaml:2: a key (must be a scalar other than null|that is not a string must be quoted)$/,
    );
  });

  it("collections are no keys", () => {
    expect(errorsOf("a:\n  ? [b]\n  : c\n")).toEqual(["f.yaml:2: /a: a key must be a scalar"]);
    expect(errorsOf("? {b: c}\n: d\n")).toEqual(["f.yaml:1: a key must be a scalar"]);
    expect(errorsOf("? {b: c, b: d}\n: e\n"), "whatever is wrong within").toEqual(["f.yaml:1: a key must be a scalar"]);
  });

  it("an alias may be a key", () => {
    expect(read("a: &x b\n*x : c\n")).toEqual([{ a: "b", b: "c" }]);
    expect(read("a: &x b\n*x : c\n", "kustomize")).toEqual([{ a: "b", b: "c" }]);
    for (const dialect of ["kubectl", "kustomize"] as const) {
      expect(errorsOf("a: &x [b]\n*x : c\n", { dialect })).toEqual(["f.yaml:2: a key must be a scalar"]);
      expect(errorsOf("a: &x {b: 1}\n*x : c\n", { dialect })).toEqual(["f.yaml:2: a key must be a scalar"]);
    }
  });
});

describe("merges", () => {
  const base = "x: &x {a: 1, b: 1}\nw: &y {b: 2, c: 2}\n";

  it("what stands behind a merge overrides it", () => {
    const expected = { a: 1, b: 3 };
    expect(read(`${base}z:\n  <<: *x\n  b: 3\n`)[0]).toMatchObject({ z: expected });
    expect(read(`${base}z:\n  <<: *x\n  b: 3\n`, "kustomize")[0]).toMatchObject({ z: expected });
  });

  it("what stands before a merge is overridden in kubectl, and stands in Kustomize", () => {
    expect(read(`${base}z:\n  b: 3\n  <<: *x\n`)[0]).toMatchObject({ z: { a: 1, b: 1 } });
    expect(read(`${base}z:\n  b: 3\n  <<: *x\n`, "kustomize")[0]).toMatchObject({ z: { a: 1, b: 3 } });
  });

  it("of a list the first wins", () => {
    const expected = { a: 1, b: 1, c: 2 };
    expect(read(`${base}z:\n  <<: [*x, *y]\n`)[0]).toMatchObject({ z: expected });
    expect(read(`${base}z:\n  <<: [*x, *y]\n`, "kustomize")[0]).toMatchObject({ z: expected });
  });

  it("a map may stand there itself; merges may merge", () => {
    expect(read("z:\n  <<:\n    <<: {a: 1}\n    b: 2\n")).toEqual([{ z: { a: 1, b: 2 } }]);
    expect(read("z:\n  !!merge <<: {a: 1}\n")).toEqual([{ z: { a: 1 } }]);
  });

  it("the source is left as it is", () => {
    expect(read(`${base}z:\n  <<: *x\n  b: 3\n`)[0]).toMatchObject({ x: { a: 1, b: 1 }, w: { b: 2, c: 2 } });
  });

  it("two merges: kubectl does both, Kustomize refuses", () => {
    expect(read(`${base}z:\n  <<: *x\n  <<: *y\n`)[0]).toMatchObject({ z: { a: 1, b: 2, c: 2 } });
    expect(errorsOf(`${base}z:\n  <<: *x\n  <<: *y\n`, { dialect: "kustomize" })).toEqual([
      "f.yaml:5: /z: `<<` is there twice",
    ]);
  });

  it("in quotes it is a field", () => {
    expect(read(`z: {"<<": 1, '<': 2}\n`)).toEqual([{ z: { "<<": 1, "<": 2 } }]);
    expect(read("x: {'<<': 1, a: 2}\ny:\n  <<: {'<<': 1, a: 2}\n", "kustomize")[0]).toMatchObject({ y: { a: 2 } });
  });

  it.each(["1", "[1]", "[{a: 1}, 2]", "~", "text", "[[{a: 1}]]"])("<<: %s is refused", (value) => {
    expect(errorsOf(`z:\n  <<: ${value}\n`)).toEqual(["f.yaml:2: /z: `<<` takes a map or a list of maps"]);
  });

  it("a field is said once, whatever merges bring in", () => {
    const twice = ["f.yaml:5: /z/a: the field is there twice"];
    expect(errorsOf("z:\n  a: 1\n  <<: {a: 2}\n  b: 1\n  a: 3\n")).toEqual(twice);
    expect(errorsOf("z:\n  <<: {a: 2}\n  a: 1\n  b: 1\n  a: 3\n")).toEqual(twice);
  });
});

describe("aliases", () => {
  it.each([
    ["a: *x\n", "f.yaml:1: /a: there is no anchor x before this alias"],
    ["a: &x [*x]\n", "f.yaml:1: /a/0: the anchor x contains itself"],
    ["a: &x\n  b: {c: *x}\n", "f.yaml:2: /a/b/c: the anchor x contains itself"],
    ["a: &x: 1\n", "f.yaml:1: /a: the name of an anchor is made of letters, digits, - and _"],
    ["a: &\u00e9 1\n", "f.yaml:1: /a: the name of an anchor is made of letters, digits, - and _"],
  ])("%j is refused", (text, message) => {
    expect(errorsOf(text)).toEqual([message]);
  });

  it("what they add is counted up to the limit and not beyond", () => {
    const text = "a: &x [1, 2, 3]\nb: [*x, *x, *x]\n"; // 4 values each
    expect(errorsOf(text, { limits: { aliasedValues: 12 } })).toEqual([]);
    expect(errorsOf(text, { limits: { aliasedValues: 11 } })).toEqual([
      "f.yaml:2: /b/2: aliases add more than 11 values",
    ]);
  });

  it("nested ones are counted written out", () => {
    const text = "a: &a [1, 2]\nb: &b [*a, *a]\nc: [*b, *b]\n"; // 3 + 3, then 7 + 7
    expect(errorsOf(text, { limits: { aliasedValues: 20 } })).toEqual([]);
    expect(errorsOf(text, { limits: { aliasedValues: 19 } })).toEqual([
      "f.yaml:3: /c/1: aliases add more than 19 values",
    ]);
  });

  it("long text counts by its length, merges by what they bring", () => {
    const long = `a: &a ${"x".repeat(640)}\nb: [*a, *a]\n`; // 11 each
    expect(errorsOf(long, { limits: { aliasedValues: 22 } })).toEqual([]);
    expect(errorsOf(long, { limits: { aliasedValues: 21 } })).toEqual([
      "f.yaml:2: /b/1: aliases add more than 21 values",
    ]);
    const merges = "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n"; // a map, two keys, two values
    expect(errorsOf(merges, { limits: { aliasedValues: 5 } })).toEqual([]);
    expect(errorsOf(merges, { limits: { aliasedValues: 4 } })).toEqual([
      "f.yaml:3: /b/<<: aliases add more than 4 values",
    ]);
  });
});

describe("what YAML 1.1 and 1.2 read differently", () => {
  const questionMark = "f.yaml:1: /a/0: text that begins with ? or : must be quoted inside [] and {}";

  it.each([
    ["a: [?x]\n", questionMark],
    ["a: [:x]\n", questionMark],
    ["a: [{b: ?x}]\n", "f.yaml:1: /a/0/b: text that begins with ? or : must be quoted inside [] and {}"],
    ["a: [!!str :x]\n", questionMark],
    ["{a:}\n", "f.yaml:1: a space must stand behind the colon"],
    ["{a:{}}\n", "f.yaml:1: a space must stand behind the colon"],
    ["{a :, b: 1}\n", "f.yaml:1: a space must stand behind the colon"],
    ['a: "b\\\n\n  c"\n', "f.yaml:1: /a: an empty line behind a line that ends with a backslash; write \\n"],
    ['a: "b\\\r\n  \r\n  c"\n', "f.yaml:1: /a: an empty line behind a line that ends with a backslash; write \\n"],
    ['{"a": 1e400}', "f.yaml:1: /a: a number beyond what 64 bits hold"],
    ['{"a": [-1.5E+999]}', "f.yaml:1: /a/0: a number beyond what 64 bits hold"],
  ])("%j is refused", (text, message) => {
    expect(errorsOf(text)).toEqual([message]);
  });

  it("what only looks like it is read", () => {
    expect(read('a: ?x\nb: :x\nc: [x?, x:y, "?x", ":x"]\nd: {e: x}\nf: "b\\\\\n\n  c"\ng: {h: 1e400}\n')).toEqual([
      { a: "?x", b: ":x", c: ["x?", "x:y", "?x", ":x"], d: { e: "x" }, f: "b\\\nc", g: { h: "1e400" } },
    ]);
  });

  it("Kustomize prints flow style with quotes before it reads it again", () => {
    expect(read("a: {b: , c: 2001-12-14 21:59:43, d: 2001-12-14, e: http://x}\nf:\n", "kustomize")).toEqual([
      { a: { b: "", c: "2001-12-14 21:59:43", d: "2001-12-14T00:00:00Z", e: "http://x" }, f: null },
    ]);
    expect(read("a: {b: , c: 1:30}\n")).toEqual([{ a: { b: null, c: "1:30" } }]);
  });

  const lineBreak =
    "a line break other than LF and CRLF (CR, U+0085, U+2028 or U+2029); write it as an escape in double quotes";

  it.each([
    ["a: x\u2028y\n", 1],
    ["a: 1\nb: |\n  x\u2029y\n", 3],
    ["# c\u2028b: 1\na: 1\n", 1],
    ["a: 'x\u0085y'\n", 1],
    ['a: "x \u2028y"\n', 1],
    ['a: "x\u2028 y"\n', 1],
    ["a: 'x\u2028\n  y'\n", 1],
    ["a: 'x\n  \u2028y'\n", 2],
    ["a: 'x\u2028 \u2029y'\n", 1],
    ["a: 'x'\nb: \u2028'y'\n", 2],
    ["a: 'x\u2028\u2028y'\n", 1],
    ["a: '\u2028'\nb: \u2028\n", 2],
    ["a: 1\r\nb: 2\rc: 3\n", 2],
    ["a: 'x\r  y'\n", 1],
  ])("%j is refused", (text, line) => {
    expect(errorsOf(text)).toEqual([`f.yaml:${line}: ${lineBreak}`]);
  });

  it("separators inside quotes are kept, and anything in JSON is", () => {
    expect(read("a: 'x\u2028y'\nb: \"\u2029\"\n")).toEqual([{ a: "x\u2028y", b: "\u2029" }]);
    expect(read("a: '\u2028'\nb: 'x \t\u2028  y\u2029z \u2028'\n")).toEqual([
      { a: "\u2028", b: "x\u2028y\u2029z\u2028" },
    ]);
    expect(read('a: " x"\nb: "y\u2028z"\nc: [\'\u2029\', "\u2029"]\n')).toEqual([
      { a: " x", b: "y\u2028z", c: ["\u2029", "\u2029"] },
    ]);
    expect(read('{"a": "x\u0085 \u2028"}')).toEqual([{ a: "x\u0085 \u2028" }]);
  });
});

describe("documents", () => {
  it("are numbered and know their line; empty ones are dropped and not counted", () => {
    const { documents } = parseYaml("# head\n---\n# comment\n\na: 1\n---\n---\n  \nb: 2\n--- # note\nc: 3\n---\n", {
      file: "f.yaml",
    });
    expect(documents.map(({ value, origin }) => [value, origin])).toEqual([
      [{ a: 1 }, { file: "f.yaml", document: 1, line: 5 }],
      [{ b: 2 }, { file: "f.yaml", document: 2, line: 9 }],
      [{ c: 3 }, { file: "f.yaml", document: 3, line: 11 }],
    ]);
  });

  it("a null document is dropped, but counted", () => {
    const { documents } = parseYaml("~\n---\na: 1\n", { file: "f.yaml" });
    expect(documents.map(({ origin }) => origin.document)).toEqual([2]);
  });

  it.each(["", "\n", "# only a comment", "---", "---\n", "---\n---\n# x\n", "\ufeff"])("%j holds none", (text) => {
    expect(read(text)).toEqual([]);
  });

  it("--- cuts wherever a line begins with it, as in kubectl", () => {
    expect(read("a: |\n  x\n---\nb: 1\n")).toEqual([{ a: "x\n" }, { b: 1 }]);
    expect(read("a: x ---\nb: |\n  ---\n")).toEqual([{ a: "x ---", b: "---\n" }]);
  });

  it.each(["--- a: 1\n", "----\n", "---x\n", "--- x"])("%j: only a comment may follow", (text) => {
    expect(errorsOf(`a: 1\n${text}`)[0]).toBe("f.yaml:2: only a comment may follow ---");
  });

  it("what follows ... without --- is refused; ... alone is not", () => {
    expect(errorsOf("a: 1\n...\nb: 2\n")).toEqual(["f.yaml:3: a document that follows `...` without `---`"]);
    expect(read("a: 1\n...\n---\nb: 2\n")).toEqual([{ a: 1 }, { b: 2 }]);
  });

  it("a bad one leaves the others readable; all errors are told, in order", () => {
    const { documents, errors } = parseYaml("a: 1\n---\nb: [\n---\nc: 1\nc: 2\nd: .nan\n---\ne: 2\n", {
      file: "f.yaml",
    });
    expect(documents.map(({ value }) => value)).toEqual([{ a: 1 }, { e: 2 }]);
    expect(errors.map(({ origin }) => origin)).toEqual([
      { file: "f.yaml", document: 2, line: 3 },
      { file: "f.yaml", document: 3, line: 6, field: "/c" },
      { file: "f.yaml", document: 3, line: 7, field: "/d" },
    ]);
    expect(errors.map(({ code, message }) => [code, message])).toEqual([
      ["INVALID", "f.yaml:3: what [, { or a quote began is not closed before this line"],
      ["INVALID", "f.yaml:6: /c: the field is there twice"],
      ["INVALID", "f.yaml:7: /d: a number that is not finite has no JSON value"],
    ]);
  });

  it("a document says at most 100 things about itself, a file 1,000", () => {
    const document = "a: 1\n" + "a: 1\n".repeat(150);
    expect(errorsOf(document)).toHaveLength(101);
    expect(errorsOf(document).at(-1)).toBe("f.yaml:101: too many errors, the rest is not read");
    const file = errorsOf(`${document}---\n`.repeat(20));
    expect(file).toHaveLength(1011);
    expect(file.at(-1)).toMatch(/^f\.yaml:\d+: too many errors, the rest of the file is not read$/);
  });
});

describe("lines", () => {
  const text =
    "# c\na: 1\nb:\n  c:\n  - x\n  - d: y\n    e~/f: z\n  g: {h: 1,\n    i: 2}\n0644: q\nk: &k\n  l: 1\nm: *k\n";
  const [document] = parseYaml(`x: 0\n---\n${text}`, { file: "f.yaml" }).documents.slice(1);

  it.each([
    ["", 4],
    ["/a", 4],
    ["/b", 5],
    ["/b/c", 6],
    ["/b/c/0", 7],
    ["/b/c/1", 8],
    ["/b/c/1/d", 8],
    ["/b/c/1/e~0~1f", 9],
    ["/b/g/h", 10],
    ["/b/g/i", 11],
    ["/420", 12],
    ["/k/l", 14],
    ["/m", 15],
    ["/m/l", 15],
    ["/b/c/7/zzz", 6],
    ["/nothing", 4],
  ])("%s stands on line %d", (pointer, line) => {
    expect(document?.lineOf(pointer)).toBe(line);
  });
});

describe("other input", () => {
  it("bytes and text are the same; the mark and CRLF are no content", () => {
    const bytes = new TextEncoder().encode("\ufeffa: \u00e9\r\nb: |\r\n  x\r\n  y\r\n");
    expect(parseYaml(bytes, { file: "f" }).documents[0]?.value).toEqual({ a: "\u00e9", b: "x\ny\n" });
  });

  it.each([
    ["a: b: c\n", "f.yaml:1: a whitespace character"],
    ["a: 'x\n", "f.yaml:1: unexpected end of the stream within a single quoted scalar"],
    ["a:\n\t- b\n", "f.yaml:2: tab characters must not be used in indentation"],
    ["%YAML 1.1\n---\na: 1\n", "f.yaml:1: directives end mark is expected"],
    ["a: \u0001\n", "f.yaml:1: the stream contains non-printable characters"],
    ["a: @x\n", "f.yaml:1: "],
  ])("%j is refused at its line", (text, message) => {
    expect(errorsOf(text)[0]?.startsWith(message.slice(0, 10))).toBe(true);
    expect(errorsOf(text)).toHaveLength(1);
  });

  it("half a surrogate pair is refused", () => {
    expect(errorsOf('{"a": "\\ud800"}')).toEqual(["f.yaml:1: /a: half of a surrogate pair"]);
    expect(errorsOf('{"a": ["\\udc00\\ud800"]}')).toEqual(["f.yaml:1: /a/0: half of a surrogate pair"]);
  });
});
