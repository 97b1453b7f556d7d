import { describe, expect, it } from "vitest";
import { parseYaml } from "./yaml.ts";

const parse = (text: string) => parseYaml(text, { file: "f" });
const valueOf = (text: string) => {
  const { documents, errors } = parse(text);
  expect(errors.map(({ message }) => message)).toEqual([]);
  return documents[0]?.value;
};

describe("lines that begin further left than YAML 1.2 wants them", () => {
  it.each<[string, unknown]>([
    ["a: [\n1,\n2\n]\nb: 3\n", { a: [1, 2], b: 3 }],
    ["a: {\nb: 1\n}\n", { a: { b: 1 } }],
    ["a:\n  b: [\n    x,\n  w, {\nz: 1\n}\n]\n  c: 2\n", { a: { b: ["x", "w", { z: 1 }], c: 2 } }],
    ["a: 'x\ny'\nb: \"x\\\ny\n\nz\"\n", { a: "x y", b: "xy\nz" }],
    ["a:\n  - b: [x,\n# comment\nz]\n", { a: [{ b: ["x", "z"] }] }],
    ['a: {\n\t"b": [\n\t\t1\n\t]\n}\n', { a: { b: [1] } }],
    ["a: [x\nw, z]\n", { a: ["x w", "z"] }],
    [`${" ".repeat(70)}a: [\n1\n]\n`, { a: [1] }],
    ["a: [\r\n1\r\n]\r\n", { a: [1] }],
  ])("%j is read as go-yaml reads it", (text, value) => {
    expect(valueOf(text)).toEqual(value);
  });

  it("lines keep their numbers", () => {
    const text = "a: [\nx,\n{b: 1,\nb: 2}\n]\nc: 1\nc: 2\n";
    expect(parse(text).errors.map(({ message }) => message)).toEqual([
      "f:4: /a/1/b: the field is there twice",
      "f:7: /c: the field is there twice",
    ]);
    const [document] = parse("a: [\nx,\ny\n]\nc: 1\n").documents;
    expect(["/a/0", "/a/1", "/c"].map((pointer) => document?.lineOf(pointer))).toEqual([2, 3, 5]);
  });

  it.each([
    ["a: [x,\nb: 1\nc: 2\n", 2],
    ["a: 'x\nb: 1\n", 2],
    ["x: 1\na:\n  b: {c: 1\nd: 2\n", 4],
  ])("%j is not closed, which is told at the line before which it should have been", (text, line) => {
    expect(parse(text).errors.map(({ message }) => message)).toEqual([
      `f:${line}: what [, { or a quote began is not closed before this line`,
    ]);
  });

  it.each([
    ["a: \t{}\n", 1],
    ["- [\t1]\n", 1],
    ["x:\na: \t{}\n", 2],
    ["x: [\n1\n]\na: \t{}\n", 4],
  ])("%j has a tab that js-yaml does not take", (text, line) => {
    expect(parse(text).errors.map(({ message }) => message)).toEqual([
      `f:${line}: a tab before or in [] or {}; use a space`,
    ]);
  });

  it("a tab where js-yaml takes it is read", () => {
    expect(valueOf("a: [1,\n b, \tc]\n")).toEqual({ a: [1, "b", "c"] });
    expect(valueOf("a: 'x\n\tw'\n")).toEqual({ a: "x w" });
  });

  it.each([
    ["a: [\n1\n]\nb: c: d\n", 4, "bad indentation of a mapping entry"],
    ["a: 'x\nw'\nb:\n\t- c\n", 4, "tab characters must not be used in indentation"],
  ])("%j: another error is told where it is", (text, line, reason) => {
    expect(parse(text).errors.map(({ message }) => message)).toEqual([`f:${line}: ${reason}`]);
  });

  it("a line that stands by itself is not moved below the one before it", () => {
    expect(parse("a:\nb: \t{}\n").errors.map(({ message }) => message)).toEqual([
      "f:2: a tab before or in [] or {}; use a space",
    ]);
  });

  it("a document of such lines is not parsed for ever", () => {
    const text = `a: [\n${"x,\n".repeat(100_000)}]\n`;
    const start = performance.now();
    expect(parse(text).errors.map(({ message }) => message)).toEqual([
      "f:2: what [, { or a quote began is not closed before this line",
    ]);
    expect(performance.now() - start).toBeLessThan(15_000);
    expect(valueOf(`a: [\n${"x,\n".repeat(500)}]\n`)).toEqual({ a: Array.from({ length: 500 }, () => "x") });
  });
});
