// Rows of the list of faults that are about parsing: each was seen to fail with its protection taken out.
import { describe, expect, it } from "vitest";
import { parseManifests } from "./manifests.ts";
import { parseYaml } from "./yaml.ts";

const read = (input: Uint8Array | string) => parseYaml(input, { file: "bad.yaml" });
const messages = (input: Uint8Array | string) => read(input).errors.map(({ message }) => message);
const CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

/** The fastest of ten: other work on the machine is not what is measured. */
function fastest<T>(work: () => T): { result: T; ms: number } {
  let result = work();
  let ms = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 10; i++) {
    const start = performance.now();
    result = work();
    ms = Math.min(ms, performance.now() - start);
  }
  return { result, ms };
}

describe("fault 14: a file of 100 MB", () => {
  it("is a LIMIT error that names the file, before it is decoded", () => {
    const huge = new Uint8Array(100_000_000);
    const { result, ms } = fastest(() => read(huge));
    expect(result.errors.map(({ code, message, origin }) => [code, message, origin])).toEqual([
      ["LIMIT", "bad.yaml: 100000000 bytes, at most 16777216 are read", { file: "bad.yaml" }],
    ]);
    expect(ms).toBeLessThan(50);
  });

  it("the limit is exact, in bytes, and can be set", () => {
    const limits = { bytes: 8 };
    expect(parseYaml("a: \u00e9bcd", { file: "f", limits }).errors).toEqual([]);
    expect(parseYaml("a: \u00e9bcde", { file: "f", limits }).errors[0]?.message).toBe("f: 9 bytes, at most 8 are read");
    const bytes = new TextEncoder().encode("a: \u00e9bcde");
    expect(parseYaml(bytes, { file: "f", limits }).errors[0]?.code).toBe("LIMIT");
  });

  it("so is a file of very many documents", () => {
    const limits = { documents: 2 };
    expect(parseYaml("a: 1\n---\nb: 2\n", { file: "f", limits }).errors).toEqual([]);
    const { errors, documents } = parseYaml("a: 1\n---\nb: 2\n---\nc: 3\n---\nd: 4\n", { file: "f", limits });
    expect(errors.map(({ code, message }) => [code, message])).toEqual([["LIMIT", "f:5: more than 2 documents"]]);
    expect(documents).toHaveLength(2);
    expect(messages("---\n".repeat(10_001))).toEqual(["bad.yaml:10001: more than 10000 documents"]);
  });
});

describe("fault 22: encodings", () => {
  const bytes = (...parts: (string | number)[]) =>
    Uint8Array.from(parts.flatMap((part) => (typeof part === "number" ? [part] : [...new TextEncoder().encode(part)])));

  it.each([
    ["a byte that no UTF-8 has", bytes("a: 1\nb: x", 0xff, "\n"), 2],
    ["Latin-1", bytes("a: caf", 0xe9, "\n"), 1],
    ["a sequence cut short", bytes("\n\na: ", 0xe2, 0x82), 3],
    ["an overlong sequence", bytes("a: ", 0xc0, 0x80), 1],
    ["half a surrogate pair", bytes("a: ", 0xed, 0xa0, 0x80), 1],
    ["UTF-16", bytes(0xff, 0xfe, 0x61, 0x00), 1],
  ])("%s is an error with its line", (_, input, line) => {
    expect(messages(input)).toEqual([`bad.yaml:${line}: not UTF-8`]);
  });

  it("NUL is an error with its line", () => {
    expect(messages("a: 1\nb: \0\n")).toEqual(["bad.yaml:2: null byte is not allowed in input"]);
    expect(messages('a: "x\0y"\n')).toEqual(["bad.yaml:1: null byte is not allowed in input"]);
  });

  it("the byte order mark and CRLF are no content", () => {
    const { documents, errors } = read(
      bytes(0xef, 0xbb, 0xbf, "a: |\r\n  x\r\n  y\r\nb: 'c\r\n  d'\r\n---\r\ne: \u00e9\r\n"),
    );
    expect(errors).toEqual([]);
    expect(documents.map(({ value }) => value)).toEqual([{ a: "x\ny\n", b: "c d" }, { e: "\u00e9" }]);
  });

  it("the byte order mark hides no separator", () => {
    expect(messages("\ufeff--- a: 1\n")).toEqual(["bad.yaml:1: only a comment may follow ---"]);
    expect(read("\ufeff---\na: 1\n").documents[0]?.origin).toEqual({ file: "bad.yaml", document: 1, line: 2 });
  });

  it("what is not ASCII is read exactly", () => {
    const text = "\u00e9\u6f22\u{1f600}\u00a0";
    expect(read(bytes(`a: "${text}"\n`)).documents[0]?.value).toEqual({ a: text });
  });
});

describe("fault 23: a key that is there twice", () => {
  it.each([
    ["a: 1\nb: 2\na: 3\n", ["bad.yaml:3: /a: the field is there twice"]],
    ["a:\n  b: 1\n  c: 2\n  b: 1\n", ["bad.yaml:4: /a/b: the field is there twice"]],
    ["- {a: 1, a: 2}\n", ["bad.yaml:1: /0/a: the field is there twice"]],
    ["1: a\n'1': b\n", ["bad.yaml:2: /1: the field is there twice"]],
    ["yes: a\non: b\n", ["bad.yaml:2: /true: the field is there twice"]],
    ['{"a": 1,\n "\\u0061": 2}', ["bad.yaml:2: /a: the field is there twice"]],
    ["a: 1\na: 2\na: 3\n", ["bad.yaml:2: /a: the field is there twice", "bad.yaml:3: /a: the field is there twice"]],
  ])("%j", (text, expected) => {
    expect(messages(text)).toEqual(expected);
    expect(read(text).documents).toEqual([]);
  });
});

describe("fault 24: an alias bomb", () => {
  const bomb = (levels: number) =>
    `a0: &a0 [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: levels }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]\n`).join("")}`;

  it("of 478 bytes is a LIMIT error in ten milliseconds", () => {
    const text = bomb(9);
    const { result, ms } = fastest(() => read(text));
    expect(result.errors.map(({ code }) => code)).toEqual(["LIMIT"]);
    expect(result.errors[0]?.message).toBe("bad.yaml:6: /a5/0: aliases add more than 100000 values");
    expect(ms).toBeLessThan(10);
  });

  it("by merges", () => {
    const fields = Array.from({ length: 100 }, (_, i) => `k${i}: 1`).join(", ");
    const merges = Array.from({ length: 1_000 }, (_, i) => `m${i}: {<<: *a}\n`).join("");
    expect(read(`a: &a {${fields}}\n${merges}`).errors[0]?.message).toMatch(
      /^bad\.yaml:\d+: .*aliases add more than 100000 values$/,
    );
  });

  it("of long text", () => {
    const text = `a: &a ${"x".repeat(1_000_000)}\nb: [${"*a,".repeat(100)}]\n`;
    expect(read(text).errors[0]?.code).toBe("LIMIT");
  });

  it("as keys", () => {
    const keys = Array.from({ length: 100 }, (_, i) => `- {*a : ${i}}\n`).join("");
    expect(read(`- &a ${"x".repeat(100_000)}\n${keys}`).errors[0]?.code).toBe("LIMIT");
  });
});

describe("fault 25: nesting", () => {
  it.each([
    ["lists in flow style", "[".repeat(100_000)],
    ["lists that are closed", "[".repeat(100_000) + "]".repeat(100_000)],
    ["maps in flow style", "{a: ".repeat(100_000)],
    ["lists in block style", "- ".repeat(100_000)],
    ["explicit keys", "? ".repeat(100_000)],
    ["JSON", '{"a":'.repeat(100_000) + "1" + "}".repeat(100_000)],
  ])("of 100,000 %s is a LIMIT error", (_, text) => {
    const { errors } = read(text);
    expect(errors.map(({ code, message }) => [code, message])).toEqual([
      ["LIMIT", "bad.yaml:1: nested deeper than 200 levels"],
    ]);
  });

  it("the limit is exact and can be set", () => {
    const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
    const limits = { depth: 3 };
    const at = (text: string) => parseYaml(text, { file: "f", limits }).errors.map(({ message }) => message);
    expect(at(deep(3))).toEqual([]);
    expect(at("- [[x]]\n")).toEqual([]);
    expect(at("a:\n  b:\n    c: 1\n")).toEqual([]);
    expect(at(deep(4))).toEqual(["f:1: /0/0/0: nested deeper than 3 levels"]);
    expect(at("- [[[x]]]\n")).toEqual(["f:1: /0/0/0: nested deeper than 3 levels"]);
    expect(at("a:\n  b:\n    c:\n      d: 1\n")).toEqual(["f:4: /a/b/c: nested deeper than 3 levels"]);
    expect(at("a: 1\nb: 2\nc: [[x], [y], {z: 1}]\nd: [[x]]\n")).toEqual([]);
  });

  it("aliases count written out", () => {
    const limits = { depth: 4 };
    const levels = (text: string) => parseYaml(text, { file: "f", limits }).errors.map(({ message }) => message);
    expect(levels("- &a [[x]]\n- [*a]\n")).toEqual([]);
    expect(levels("- &a [[x]]\n- [[*a]]\n")).toEqual(["f:2: /1/0/0: nested deeper than 4 levels"]);
    expect(levels("- &a [[x], 1]\n- &b [*a]\n- [*b]\n")).toEqual(["f:3: /2/0: nested deeper than 4 levels"]);
    expect(levels("- &a [[[x]], 1]\n- &b [y]\n- [[*b]]\n")).toEqual([]);
    expect(levels("- [[[x]]]\n- &b [y]\n- [[*b]]\n- [[[z]]]\n")).toEqual([]);
  });

  it("a limit beyond the stack does not end the process", () => {
    const { errors } = parseYaml("[".repeat(1_000_000), { file: "f", limits: { depth: 10_000_000 } });
    expect(errors.map(({ code, message }) => [code, message])).toEqual([
      ["LIMIT", "f:1: nested deeper than the stack allows"],
    ]);
  });
});

describe("fault 26: keys that reach a prototype", () => {
  it.each([
    ["__proto__: {polluted: 1}\n", ["bad.yaml:1: /__proto__: the field's name is not allowed"]],
    [
      "a: 1\nb:\n  constructor:\n    prototype: {polluted: 1}\n",
      ["bad.yaml:3: /b/constructor: the field's name is not allowed"],
    ],
    ['{"a": {"__proto__": {"polluted": 1}}}', ["bad.yaml:1: /a/__proto__: the field's name is not allowed"]],
    ['{"\\u005f_proto__": {"polluted": 1}}', ["bad.yaml:1: /__proto__: the field's name is not allowed"]],
    ["- &p __proto__\n- {*p : {polluted: 1}}\n", ["bad.yaml:2: /1/__proto__: the field's name is not allowed"]],
    ["<<: {__proto__: {polluted: 1}}\n", ["bad.yaml:1: /<</__proto__: the field's name is not allowed"]],
    ["!!binary X19wcm90b19f: {polluted: 1}\n", ["bad.yaml:1: /__proto__: the field's name is not allowed"]],
  ])("%j is refused with its place", (text, expected) => {
    expect(messages(text)).toEqual(expected);
    expect(read(text).documents).toEqual([]);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it("other names of Object's are ordinary fields", () => {
    const [document] = read("toString: 1\nhasOwnProperty: 2\nprototype: 3\nvalueOf: {}\n").documents;
    expect(document?.value).toEqual({ toString: 1, hasOwnProperty: 2, prototype: 3, valueOf: {} });
  });
});

// Against a real kubectl: test/manifest/kubectl.test.ts.
describe("fault 27: what reads differently elsewhere is as in kubectl, or refused", () => {
  it("is as in kubectl", () => {
    const text =
      "mode: 0644\nswitch: yes\ntime: 12:30:45\ndate: 2026-01-02\nstamp: 2026-01-02T03:04:05Z\nhex: 0x1F\nsum: 1_000\n" +
      "base: &base {a: 1}\nmerged: {<<: *base, b: 2}\n1: one\ntrue: yes\nlarge: 9007199254740992\n";
    expect(read(text).documents[0]?.value).toEqual({
      mode: 420,
      switch: true,
      time: "12:30:45",
      date: "2026-01-02",
      stamp: "2026-01-02T03:04:05Z",
      hex: 31,
      sum: 1000,
      base: { a: 1 },
      merged: { a: 1, b: 2 },
      "1": "one",
      true: true,
      large: 9007199254740992,
    });
  });

  it.each(["1152921504606846976", "9007199254740993", "-9007199254740993", "0x20000000000001"])(
    "%s is refused",
    (number) => {
      const reason = "an integer that cannot be kept exactly (they are up to 2^53); quote it if it is text";
      expect(messages(`a:\n  b: ${number}\n`)).toEqual([`bad.yaml:2: /a/b: ${reason}`]);
      expect(messages(`{"a": {"b": ${number.startsWith("0x") ? "9007199254740993" : number}}}`)).toEqual([
        `bad.yaml:1: /a/b: ${reason}`,
      ]);
    },
  );
});

describe("fault 28: tags", () => {
  it.each([
    "!!js/function 'return 1'",
    "!!js/regexp /a/",
    "!!js/undefined ''",
    "!!python/object:os.system x",
    "!custom {a: 1}",
  ])("%s is an error with its place", (value) => {
    expect(messages(`a: 1\nb: ${value}\n`)).toEqual([`bad.yaml:2: /b: unknown tag ${value.split(" ")[0]}`]);
  });
});

it("fault 29: one bad document among 500 is told, and the others are read", () => {
  const documents = Array.from({ length: 500 }, (_, i) => CONFIG.replace("name: a", `name: a${i}`));
  documents[250] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [}\n";
  const { documents: found, errors } = parseManifests(documents.join("---\n"), { file: "bad.yaml" });
  expect(found).toHaveLength(499);
  expect(errors.map(({ origin }) => origin)).toEqual([{ file: "bad.yaml", document: 251, line: 1003 }]);
});
