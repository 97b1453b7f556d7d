import { describe, expect, it } from "vitest";
import { parseResources } from "./resources.ts";
import { field } from "./node.ts";

const names = (text: string): unknown[] =>
  parseResources(text, "a.yaml").map(({ node, origin }) => [
    field(field(node, "metadata"), "name")?.value,
    origin.document,
    origin.line,
  ]);

const map = (name: string): string => `kind: A\nmetadata: {name: ${name}}\n`;

describe("resources of a text", () => {
  it.each([
    ["one", map("a"), [["a", 1, 1]]],
    [
      "several",
      `${map("a")}---\n${map("b")}`,
      [
        ["a", 1, 1],
        ["b", 2, 4],
      ],
    ],
    [
      "comments and empty ones",
      `# first\n\n${map("a")}---\n# none\n--- # next\n${map("b")}---\n`,
      [
        ["a", 1, 3],
        ["b", 3, 8],
      ],
    ],
    [
      "line feeds of Windows",
      `${map("a")}---\n${map("b")}`.replaceAll("\n", "\r\n"),
      [
        ["a", 1, 1],
        ["b", 2, 4],
      ],
    ],
    [
      "a list",
      `kind: List\nitems:\n- ${map("a").replace("\n", "\n  ")}- ${map("b").replace("\n", "\n  ")}`,
      [
        ["a", 1, 1],
        ["b", 1, 1],
      ],
    ],
    [
      "a list of a kind, behind the others",
      `kind: AList\nitems: [{kind: A, metadata: {name: a}}]\n---\n${map("b")}`,
      [
        ["b", 2, 4],
        ["a", 1, 1],
      ],
    ],
    ["an empty list", "kind: AList\nitems:\n", []],
  ])("%s", (_, text, expected) => {
    expect(names(text)).toEqual(expected);
  });

  it.each([
    [`${map("a")}--- junk\n${map("b")}`, "a.yaml:3: invalid document separator: --- junk"],
    ["- 1\n", "a.yaml:1: missing Resource metadata"],
    ["metadata: {name: x}\n", "a.yaml:1: missing kind in object"],
    [`${map("a")}---\nkind: A\n`, "a.yaml:4: missing metadata.name in object"],
    [`${map("a")}---\nkind: [\n`, "a.yaml:5: MalformedYAMLError: deficient indentation"],
    ["kind: AList\nitems: {}\n", "a.yaml:1: expected a list in items"],
  ])("%j is refused", (text, message) => {
    expect(() => parseResources(text, "a.yaml")).toThrow(expect.objectContaining({ code: "INVALID", message }));
  });
});
