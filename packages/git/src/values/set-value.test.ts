import { describe, expect, it } from "vitest";
import type { ScalarValue } from "./scalar-text.ts";
import { setValue, valueAt, type ValueAt } from "./set-value.ts";

const set = (text: string, pointer: string, value: ScalarValue, more: Partial<ValueAt> = {}): string =>
  Buffer.from(setValue(Buffer.from(text), { pointer, ...more }, value)).toString();
const error = (
  text: string | Uint8Array,
  pointer: string,
  value: unknown = "x",
  more: Partial<ValueAt> = {},
): unknown => {
  try {
    setValue(Buffer.from(text), { file: "app.yaml", pointer, ...more }, value as ScalarValue);
  } catch (thrown) {
    const { code, message } = thrown as { code: string; message: string };
    return `${code} ${message}`;
  }
  return undefined;
};

describe("setValue", () => {
  it.each<[string, string, ScalarValue, string]>([
    ["plain", "a: 1 # x\n", 2, "a: 2 # x\n"],
    ["plain text", "a: v1   # x\nb: 1\n", "v2", "a: v2   # x\nb: 1\n"],
    ["what reads as a number", "a: v1\n", "1.10", 'a: "1.10"\n'],
    ["what YAML 1.1 reads as a boolean", "a: v1\n", "yes", 'a: "yes"\n'],
    ["what reads as octal", "a: v1\n", "0644", 'a: "0644"\n'],
    ["what reads as a date", "a: v1\n", "2026-01-02", 'a: "2026-01-02"\n'],
    ["what would be a comment", "a: v1\n", "x # y", 'a: "x # y"\n'],
    ["a number for text", 'a: "3"\n', 3, "a: 3\n"],
    ["text for a number", "a: 3\n", "3", 'a: "3"\n'],
    ["null, true", "a: 3\n", null, "a: null\n"],
    ["single quotes", "a: 'v1' # x\n", "it's", "a: 'it''s' # x\n"],
    ["single quotes that cannot hold it", "a: 'v1'\n", "a\tb\nc", 'a: "a\\tb\\nc"\n'],
    ["double quotes", 'a: "v1" # x\n', 'v"2', 'a: "v\\"2" # x\n'],
    ["line breaks that YAML knows", "a: x\n", "\u0085\u2028\u007f", 'a: "\\u0085\\u2028\\u007f"\n'],
    ["quoted over several lines", "a: 'one\n  two' # x\n", "v", "a: 'v' # x\n"],
    ["plain over several lines", "a: one\n  two\nb: 1\n", "v", "a: v\nb: 1\n"],
    ["nothing", "a:\nb: 1\n", "v", "a: v\nb: 1\n"],
    ["nothing, with a comment", 'a:\n  "b" : # why\n', "v", 'a:\n  "b" : v # why\n'],
    ["a flow map", "a: {b: v, c: 1} # x\n", "w,", 'a: {b: "w,", c: 1} # x\n'],
    [
      "literal",
      "a:\n  b: |  # why\n    one\n    two\n\n  c: 1\n",
      "x\n\n y\n",
      "a:\n  b: |  # why\n    x\n\n     y\n\n  c: 1\n",
    ],
    ["literal that is stripped", "a:\n  b: |\n    one\n", "x", "a:\n  b: |-\n    x\n"],
    ["literal that is kept", "a:\n  b: |-\n    one\nc: 1\n", "x\n\n", "a:\n  b: |+\n    x\n\nc: 1\n"],
    [
      "literal of a given indentation",
      "a:\n  b: |2\n      one\n     two\n",
      "  x\ny\n",
      "a:\n  b: |2\n      x\n    y\n",
    ],
    ["literal without a last line end", "a:\n  b: |-\n    one", "x", "a:\n  b: |-\n    x\n"],
    ["literal that cannot hold it", "a:\n  b: | # why\n    one\nc: 1\n", " x\n", 'a:\n  b: " x\\n" # why\nc: 1\n'],
    ["a number for a literal", "a:\n  b: |\n    one\nc: 1\n", 2, "a:\n  b: 2\nc: 1\n"],
    ["folded", "a:\n  b: >-\n    one\n    two\nc: 1\n", "x y", "a:\n  b: >-\n    x y\nc: 1\n"],
    ["folded, of several lines", "a:\n  b: >\n    one\nc: 1\n", "x\ny\n", "a:\n  b: |\n    x\n    y\nc: 1\n"],
    ["CRLF", "a:\r\n  b: |\r\n    one\r\n  c: 1 # x\r\n", "x\ny\n", "a:\r\n  b: |\r\n    x\r\n    y\r\n  c: 1 # x\r\n"],
    ["a byte order mark", "\ufeffa:\n  b: 1\n", 2, "\ufeffa:\n  b: 2\n"],
    ["JSON", '{"a": {"b": "v", "c": [1]}}', "1.10", '{"a": {"b": "1.10", "c": [1]}}'],
    ["a number in JSON", '{"a": {"b": 1}}', "x", '{"a": {"b": "x"}}'],
  ])("%s", (_, text, value, expected) => {
    const pointer =
      /^\S*a: ?\S/.test(text.replace("\ufeff", "")) && !text.includes("{")
        ? "/a"
        : text.startsWith("a:\nb")
          ? "/a"
          : "/a/b";
    expect(set(text, pointer, value)).toBe(expected);
  });

  it("answers the same bytes where nothing is to be done", () => {
    const bytes = Buffer.from("a: 'x'\nb: 0\n");
    expect(setValue(bytes, { pointer: "/a" }, "x")).toBe(bytes);
    expect(setValue(bytes, { pointer: "/b" }, -0)).toBe(bytes);
  });

  it("finds the document that is meant", () => {
    const file = [
      "# first\nkind: A\nmetadata: {name: x}\nv: 1\n",
      "# empty\n",
      "apiVersion: v1\nkind: A\nmetadata: {name: y, namespace: ns}\nv: 1\n",
      "kind: B\nv: 1\n",
      "[1]\n",
    ].join("---\n");
    const changed = (at: number): string => {
      let seen = 0;
      return file.replaceAll("v: 1", (found) => (seen++ === at ? "v: 2" : found));
    };
    expect(set(file, "/v", 2, { document: 1 })).toBe(changed(1));
    expect(set(file, "/v", 2, { document: { kind: "B" } })).toBe(changed(2));
    expect(set(file, "/v", 2, { document: { kind: "A", name: "x" } })).toBe(changed(0));
    expect(set(file, "/v", 2, { document: { namespace: "ns" } })).toBe(changed(1));
    expect(set(file, "/v", 2, { document: { apiVersion: "v1" } })).toBe(changed(1));
    expect(error(file, "/v")).toBe("INVALID app.yaml: 4 documents could be meant by a document");
    expect(error(file, "/v", "x", { document: { kind: "A" } })).toBe(
      'INVALID app.yaml: 2 documents could be meant by document {"kind":"A"}',
    );
    expect(error(file, "/v", "x", { document: { kind: "C" } })).toBe(
      'NOT_FOUND app.yaml: there is no document {"kind":"C"}',
    );
    expect(error(file, "/v", "x", { document: 4 })).toBe("NOT_FOUND app.yaml: there is no document 4");
    expect(error("# nothing\n", "/v")).toBe("NOT_FOUND app.yaml: there is no document");
  });

  it("says what is not there, and where", () => {
    const text = "# c\na:\n  b: 1\n  l: [x]\n";
    expect(error(text, "/a/c")).toBe("NOT_FOUND app.yaml:2: /a/c: is not there");
    expect(error(text, "/a/b/c")).toBe("NOT_FOUND app.yaml:3: /a/b/c: is not there");
    expect(error(text, "/a/l/1")).toBe("NOT_FOUND app.yaml:4: /a/l/1: is not there");
    expect(error(text, "/a/l/length")).toBe("NOT_FOUND app.yaml:4: /a/l/length: is not there");
    expect(error(text, "/a/l/00")).toBe("NOT_FOUND app.yaml:4: /a/l/00: is not there");
    expect(error(text, "/a/toString")).toBe("NOT_FOUND app.yaml:2: /a/toString: is not there");
    expect(error(text, "/a")).toBe("INVALID app.yaml:2: /a: is not a single value");
    expect(error("a: [\n", "/a")).toMatch(/^INVALID app\.yaml:/);
    expect(error(Buffer.from([0x61, 0x3a, 0x20, 0xff]), "/a")).toBe("INVALID app.yaml:1: not UTF-8");
  });

  it("refuses values that stand in several places, or are not what they look like", () => {
    expect(error("a: &x 1\nb: *x\n", "/a")).toBe(
      "UNSUPPORTED app.yaml:1: /a: /a has the anchor &x: what is set there may count elsewhere too",
    );
    expect(error("a: &x 1\nb: *x\n", "/b")).toBe(
      "UNSUPPORTED app.yaml:2: /b: /b is an alias: it is set where its anchor stands",
    );
    expect(error("a: &x {b: 1}\nc: *x\n", "/a/b")).toContain("/a has the anchor &x");
    expect(error("a: &x {b: 1}\nc: *x\n", "/c/b")).toContain("/c is an alias");
    expect(error("a: &x {b: 1}\nc:\n  <<: *x\n", "/c/b")).toBe(
      "UNSUPPORTED app.yaml:2: /c/b: /c has b from elsewhere, by a merge, or under another spelling",
    );
    expect(error("a: !!str 1\n", "/a")).toBe("UNSUPPORTED app.yaml:1: /a: has a tag");
    expect(error("- \n- 1\n", "/0")).toBe("UNSUPPORTED app.yaml:1: /0: cannot be set in place");
    expect(error("a: [1,\n2]\n", "/a/0")).toBe(
      "UNSUPPORTED app.yaml:1: is written in a way that cannot be edited in place",
    );
  });

  it.each<[string, string, string, ScalarValue, string]>([
    ["behind a key that looks like one", '"a | # b": |\n  x\n', "/a | # b", "v", '"a | # b": |-\n  v\n'],
    ["with a comment, CRLF", "a: | # why\r\n  x\r\nb: 1\r\n", "/a", "v\nw\n", "a: | # why\r\n  v\r\n  w\r\nb: 1\r\n"],
    ["at the end of a file without a line feed", "a: |\n  x", "/a", "v", "a: |-\n  v\n"],
    ["to nothing", "a: |\n  x\nb: 1\n", "/a", "", 'a: ""\nb: 1\n'],
    ["to no text", "a: |\n  x\nb: 1\n", "/a", 5, "a: 5\nb: 1\n"],
    ["indented by one", "a: |\n x\n", "/a", "v\n\n", "a: |+\n v\n\n"],
    ["with blank lines that stay", "a: |+\n  x\n\nb: 1\n", "/a", "v", "a: |-\n  v\n\nb: 1\n"],
    ["with blank lines that are its own", "a: |+\n  x\n\nb: 1\n", "/a", "v\n\n\n", "a: |+\n  v\n\n\nb: 1\n"],
    ["with a tab below", "a: |\n  x \n\t\n", "/a", "v", "a: |-\n  v\n\t\n"],
    ["in a list", "- |\n x\n- 1\n", "/0", "v", "- |-\n v\n- 1\n"],
    ["in a list of lists", "- - |\n   x\n- 1\n", "/0/0", "v", "- - |-\n   v\n- 1\n"],
    ["behind a key of its own line", "? a\n: |\n  x\n", "/a", "v", "? a\n: |-\n  v\n"],
    ["folded, with a line between", "a: >\n  x\n  y\n", "/a", "x\n\ny\n", "a: |\n  x\n\n  y\n"],
    ["that is empty", "a: |\nb: 1\n", "/a", "v1", "a: v1\nb: 1\n"],
  ])("a block %s", (_, text, pointer, value, expected) => {
    expect(set(text, pointer, value)).toBe(expected);
  });

  it("a block whose indentation stands behind its chomping", () => {
    expect(set("a:\n  b: |-2 # why\n    one\nc: 1\n", "/a/b", "x\n")).toBe("a:\n  b: |2 # why\n    x\nc: 1\n");
    expect(set("a:\n  b: |+2\n    one\n", "/a/b", "x")).toBe("a:\n  b: |2-\n    x\n");
    expect(set("a:\n  b: >2-\t\n    one\n", "/a/b", "x")).toBe("a:\n  b: >2-\t\n    x\n");
  });

  it("a value that is not there, behind a colon that is not beside its key", () => {
    expect(error("? a\n:\n", "/a")).toBe("UNSUPPORTED app.yaml:1: /a: cannot be set in place");
    expect(set("'a' \t:\nb: 1\n", "/a", "x")).toBe("'a' \t: x\nb: 1\n");
  });

  it("a file without a name is the file", () => {
    expect(() => setValue(Buffer.from("a: 1\n"), { pointer: "/b" }, 1)).toThrow("the file:1: /b: is not there");
  });

  it("refuses what no file can hold", () => {
    expect(error("a: 1\n", "/a", Number.NaN)).toBe("INVALID /a: cannot be set to NaN");
    expect(error("a: 1\n", "/a", "\ud800")).toBe("INVALID /a: cannot be set to text that is not Unicode");
    expect(error("a: 1\n", "/a", {})).toBe("INVALID /a: cannot be set to a value of type object");
  });
});

describe("valueAt", () => {
  const value = { a: [{ b: "text" }, null], n: 1, "": { x: 0 } };
  it.each<[string[], unknown]>([
    [[], value],
    [["a", "0", "b"], "text"],
    [["a", "1"], null],
    [["n"], 1],
    [["", "x"], 0],
    [["a", "2"], undefined],
    [["a", "00"], undefined],
    [["a", "-1"], undefined],
    [["a", "length"], undefined],
    [["a", "0", "b", "0"], undefined],
    [["a", "0", "b", "length"], undefined],
    [["a", "1", "x"], undefined],
    [["n", "toFixed"], undefined],
    [["toString"], undefined],
    [["none", "x"], undefined],
  ])("%j", (tokens, expected) => {
    expect(valueAt(value, tokens)).toBe(expected);
    expect(valueAt(undefined, tokens)).toBeUndefined();
  });
});
