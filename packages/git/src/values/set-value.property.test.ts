import { emitYaml, parseYaml } from "@trueup/manifest";
import { formatPointer, type Json } from "@trueup/spec";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ScalarValue } from "./scalar-text.ts";
import { setValue } from "./set-value.ts";

type Style = "plain" | "single" | "double" | "literal" | "folded";
type Node =
  | { type: "leaf"; value: ScalarValue; style: Style; comment: boolean }
  | { type: "map"; flow: boolean; fields: { key: string; node: Node }[] }
  | { type: "list"; flow: boolean; items: Node[] };

/** Text with the range of each scalar, as a person may have written it. */
class Page {
  text = "";
  readonly ranges = new Map<string, [number, number]>();

  write(node: Node, indent: number, path: readonly (string | number)[], flow: boolean): void {
    const pad = " ".repeat(indent);
    if (node.type === "leaf") return this.leaf(node, indent, path, flow);
    const entries: [string | number, string, Node][] =
      node.type === "map"
        ? node.fields.map(({ key, node }) => [key, `${key}:`, node])
        : node.items.map((item, index) => [index, "-", item]);
    if (entries.length === 0 || flow || node.flow) {
      this.text += node.type === "map" ? " {" : " [";
      for (const [token, label, child] of entries) {
        if (node.type === "map") this.text += ` ${label}`;
        this.write(child, 0, [...path, token], true);
        this.text += " ,";
      }
      this.text += node.type === "map" ? " }" : " ]";
      if (!flow) this.text += " # flow\n";
      return;
    }
    if (path.length > 0) this.text += "  # below\n";
    for (const [token, label, child] of entries) {
      this.text += `${pad}# about ${token}\n${pad}${label}`;
      this.write(child, indent + 2, [...path, token], false);
    }
  }

  leaf(
    { value, style, comment }: Node & { type: "leaf" },
    indent: number,
    path: readonly (string | number)[],
    flow: boolean,
  ): void {
    this.text += " ";
    const start = this.text.length;
    const block =
      !flow && typeof value === "string" && isBlockable(value) && (style === "literal" || style === "folded");
    if (block) {
      this.text += `${style === "literal" ? "|" : ">"}-${comment ? " # a | b" : ""}\n`;
      // Folded: a blank line for each line feed.
      const lines = value.split("\n").join(style === "folded" ? "\n\n" : "\n");
      this.text += lines.replaceAll(/^(?=.)/gm, " ".repeat(indent));
      this.text += "\n";
      this.ranges.set(formatPointer(path), [start, this.text.length]);
      return;
    }
    this.text += inline(value, style, flow);
    this.ranges.set(formatPointer(path), [start, this.text.length]);
    if (!flow) this.text += comment ? "   # why # so\n" : "\n";
  }
}

const isBlockable = (value: string): boolean => /^[a-z][a-z ]*[a-z](\n[a-z]+)*$/.test(value);

function inline(value: ScalarValue, style: Style, flow: boolean): string {
  if (typeof value !== "string") return JSON.stringify(value);
  const plain = emitYaml(value) === `${value}\n` && !(flow && /[,[\]{}]/.test(value));
  if (plain && style === "plain") return value;
  if (/^[ -~]*$/.test(value) && style === "single") return `'${value.replaceAll("'", "''")}'`;
  // oxlint-disable-next-line no-control-regex
  return JSON.stringify(value).replaceAll(
    /[^\0-~]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

const text = fc.oneof(
  fc.constantFrom(
    ..."1.10,yes,no,on,y,0644,0x1f,1e3,.5,~,null,true,2001-01-01,1:30,12:30:45,1_000,=,<<,-,?,:,#,a: b,a #b,a:,- a,[,],{,},\",',`,@,%,&a,*a,!t,|,>, a,a ,a,b,v1.2.3,a\tb".split(
      ",",
    ),
    "",
    ",",
    "a,b",
    "---",
    "...",
    "\n",
    "a\n",
    "a\nb",
    "a\nb\n",
    "a\n\nb\n\n",
    "\na",
    " a\nb",
    "a\r\nb",
    "a\u0085b",
    "a\u2028b",
    "\ufeff",
    "\u0000",
    "ü 😀",
    "web line\nother",
  ),
  fc.string({ unit: "grapheme", maxLength: 12 }).filter((value) => value.isWellFormed()),
  fc.stringMatching(/^[a-z]{1,6}[-a-z0-9./:@ ]{0,20}$/),
);
const scalar: fc.Arbitrary<ScalarValue> = fc.oneof(
  { weight: 5, arbitrary: text },
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e15, max: 1e15 }),
  fc.boolean(),
  fc.constant(null),
);
const { tree } = fc.letrec<{ tree: Node; leaf: Node }>((tie) => ({
  leaf: fc.record({
    type: fc.constant("leaf" as const),
    value: fc.oneof(scalar, fc.constantFrom("one two", "one two\nthree")),
    style: fc.constantFrom("plain", "single", "double", "literal", "folded"),
    comment: fc.boolean(),
  }),
  tree: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    tie("leaf"),
    fc.record({
      type: fc.constant("map" as const),
      flow: fc.boolean(),
      fields: fc.uniqueArray(fc.record({ key: fc.constantFrom("a", "b", "key", "z/~"), node: tie("tree") }), {
        selector: ({ key }) => key,
        maxLength: 4,
      }),
    }),
    fc.record({
      type: fc.constant("list" as const),
      flow: fc.boolean(),
      items: fc.array(tie("tree"), { maxLength: 3 }),
    }),
  ),
}));
const page = fc.uniqueArray(fc.record({ key: fc.constantFrom("first", "second", "third"), node: tree }), {
  selector: ({ key }) => key,
  minLength: 1,
});

const read = (bytes: Uint8Array | string): Json[] => {
  const { documents, errors } = parseYaml(bytes, { file: "f" });
  expect(errors).toEqual([]);
  return documents.map(({ value }) => value);
};

function put(value: Json, path: readonly string[], set: Json): void {
  const parent = path
    .slice(0, -1)
    .reduce<Record<string, Json>>((at, token) => at[token] as Record<string, Json>, value as Record<string, Json>);
  parent[path.at(-1) ?? ""] = set;
}

describe("setValue, whatever the file", { timeout: 120_000 }, () => {
  it("touches the bytes of one scalar, and all values are as they should be", () => {
    fc.assert(
      fc.property(page, fc.nat(), scalar, fc.boolean(), fc.boolean(), (fields, pick, value, crlf, second) => {
        const written = new Page();
        if (second) written.text += "kind: Other # before\nfirst: 1\n---\n";
        written.write({ type: "map", flow: false, fields }, 0, [], false);
        if (second) written.text += "---\nkind: Other # behind\n";
        const pointers = [...written.ranges.keys()];
        fc.pre(pointers.length > 0);
        const pointer = pointers[pick % pointers.length] as string;
        const [start, end] = written.ranges.get(pointer) as [number, number];
        const feeds = (part: string): string => (crlf ? part.replaceAll("\n", "\r\n") : part);
        const before = feeds(written.text);
        const expected = structuredClone(read(before));
        const wanted = value === 0 ? 0 : value;
        const tokens = pointer
          .slice(1)
          .split("/")
          .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
        put(expected[second ? 1 : 0] as Json, tokens, wanted);

        const edited = setValue(Buffer.from(before), { pointer, ...(second && { document: 1 }) }, value);

        const after = Buffer.from(edited).toString();
        const [head, tail] = [feeds(written.text.slice(0, start)), feeds(written.text.slice(end))];
        expect(after.slice(0, head.length)).toBe(head);
        expect(after.slice(after.length - tail.length)).toBe(tail);
        expect(after.length).toBeGreaterThanOrEqual(head.length + tail.length);
        expect(read(edited)).toEqual(expected);
        expect(setValue(edited, { pointer, ...(second && { document: 1 }) }, value)).toBe(edited);
      }),
      { numRuns: fc.readConfigureGlobal().numRuns ?? 1000 },
    );
  });

  it("in JSON too, whose strings stay in quotes", () => {
    const json = fc.dictionary(
      fc.stringMatching(/^[a-z]{1,5}$/),
      fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)),
      { minKeys: 1 },
    );
    fc.assert(
      fc.property(json, fc.nat(), scalar, fc.constantFrom(undefined, 2, "\t"), (before, pick, value, space) => {
        const keys = Object.keys(before);
        const key = keys[pick % keys.length] as string;
        const source = JSON.stringify({ outer: [before] }, null, space);
        const edited = Buffer.from(setValue(Buffer.from(source), { pointer: `/outer/0/${key}` }, value)).toString();
        const wanted = { outer: [{ ...before, [key]: value === 0 ? 0 : value }] };
        expect(JSON.parse(edited)).toEqual(wanted);
        expect(edited).toBe(JSON.stringify(wanted, null, space));
      }),
      { numRuns: fc.readConfigureGlobal().numRuns ?? 300 },
    );
  });
});
