import type { Json } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { cpuMs } from "../testing/cpu.ts";
import { changeLines } from "./change-lines.ts";
import { type Line, valueLines } from "./lines.ts";

/** As the text output has them, less its margin. */
const show = (lines: readonly Line[]): string =>
  lines
    .map((line) => {
      const text = "before" in line ? `${line.text}${line.before} → ${line.after}` : line.text;
      return `${line.sign} ${"  ".repeat(line.depth)}${text}`;
    })
    .join("\n");

describe("valueLines", () => {
  it("is YAML, for people", () => {
    const value: Json = {
      a: 1,
      map: { b: "yes", c: {} },
      list: ["x", { name: "w", more: [1] }, ["z", ["w"]], [], {}, { deep: { er: 1 } }],
      text: "one\n\ttwo\n",
      chomped: "one\ntwo",
      "\u001b": null,
    };
    expect(show(valueLines("+", 0, "", value))).toBe(
      [
        "+ a: 1",
        "+ map:",
        '+   b: "yes"',
        "+   c: {}",
        "+ list:",
        "+   - x",
        "+   - name: w",
        "+     more:",
        "+       - 1",
        "+   - - z",
        "+     - - w",
        "+   - []",
        "+   - {}",
        "+   - deep:",
        "+       er: 1",
        "+ text: |",
        "+   one",
        "+   \ttwo",
        "+ chomped: |-",
        "+   one",
        "+   two",
        "+ \\u001b: null",
      ].join("\n"),
    );
  });

  it.each<[Json, string]>([
    [1, "- 1"],
    ["a\nb", "- |-\n-   a\n-   b"],
    [[1, 2], "- - 1\n- - 2"],
    [{}, "- {}"],
    [{ a: undefined }, ""],
    [[{ a: undefined }], ""],
  ])("of %j alone", (value, expected) => {
    expect(show(valueLines("-", 0, "", value))).toBe(expected);
  });

  it("keeps its depth", () => {
    expect(show(valueLines("+", 2, "a: ", { b: [1] }))).toBe("+     a:\n+       b:\n+         - 1");
  });

  it("cuts long texts", () => {
    const lines = (n: number) => Array.from({ length: n }, (_, i) => `line ${i}`).join("\n");
    expect(valueLines("+", 0, "a: ", lines(60))).toHaveLength(61);
    const cut = valueLines("+", 0, "a: ", lines(100));
    expect(cut).toHaveLength(62);
    expect(cut.at(-2)).toStrictEqual({ sign: "+", depth: 1, text: "line 59" });
    expect(cut.at(-1)).toStrictEqual({ sign: "…", depth: 1, text: "40 more lines" });
  });

  it("shows what is very deep on one line", () => {
    let value: Json = { leaf: 1 };
    for (let i = 0; i < 40; i++) value = { a: value };
    const lines = valueLines("+", 0, "", value);
    expect(lines).toHaveLength(31);
    expect(lines.at(-1)).toStrictEqual({
      sign: "+",
      depth: 30,
      text: "a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {leaf: 1}}}}}}}}}}",
    });
    let list: Json = [1];
    for (let i = 0; i < 40; i++) list = [list];
    expect(valueLines("+", 0, "", list)).toStrictEqual([
      { sign: "+", depth: 0, text: `${"- ".repeat(30)}[[[[[[[[[[[1]]]]]]]]]]]` },
    ]);
  });
});

describe("changeLines", () => {
  it.each<[string, Json, Json, string]>([
    ["nothing", { a: 1 }, { a: 1 }, ""],
    ["a scalar", 1, "1", '~ 1 → "1"'],
    ["a scalar to a map", { a: 1 }, { a: { b: 2 } }, "- a: 1\n+ a:\n+   b: 2"],
    ["a list to a scalar", { a: [1] }, { a: null }, "- a:\n-   - 1\n+ a: null"],
    ["a map to a list", { a: { b: 1 } }, { a: [1] }, "- a:\n-   b: 1\n+ a:\n+   - 1"],
    ["one line to several", { a: "x" }, { a: "x\ny\n" }, "- a: x\n+ a: |\n+   x\n+   y"],
    ["several lines to none", { a: "x\ny\n" }, { a: null }, "- a: |\n-   x\n-   y\n+ a: null"],
    ["unknown", { ip: "10.0.0.1" }, { ip: "(known after apply)" }, "~ ip: 10.0.0.1 → (known after apply)"],
    ["undefined is absent", { a: undefined, b: 1 }, { b: 2, c: undefined }, "~ b: 1 → 2"],
    [
      "an inherited name",
      { a: 1 },
      Object.fromEntries([
        ["a", 1],
        ["constructor", 1],
      ]),
      "  a: 1\n+ constructor: 1",
    ],
    [
      "fields in the order of what will be, those that go where they stood",
      { first: 0, a: 1, gone: 1, too: 2, b: 2 },
      { b: 2, a: 1, new: 3 },
      "- first: 0\n  b: 2\n  a: 1\n- gone: 1\n- too: 2\n+ new: 3",
    ],
    [
      "two neighbours on either side, the rest counted",
      { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7 },
      { a: 1, b: 2, c: 3, d: 0, e: 5, f: 6, g: 7 },
      "… 1 unchanged\n  b: 2\n  c: 3\n~ d: 4 → 0\n  e: 5\n  f: 6\n… 1 unchanged",
    ],
    [
      "changes that share neighbours",
      { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8, i: 9 },
      { a: 0, b: 2, c: 3, d: 4, e: 5, f: 0, g: 7, h: 8, i: 0 },
      "~ a: 1 → 0\n  b: 2\n  c: 3\n  d: 4\n  e: 5\n~ f: 6 → 0\n  g: 7\n  h: 8\n~ i: 9 → 0",
    ],
    [
      "far apart",
      { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7 },
      { a: 0, b: 2, c: 3, d: 4, e: 5, f: 6, g: 0 },
      "~ a: 1 → 0\n  b: 2\n  c: 3\n… 1 unchanged\n  e: 5\n  f: 6\n~ g: 7 → 0",
    ],
    [
      "unchanged parts on one line",
      { a: 1, limits: { cpu: "1", memory: "1Gi" }, long: ["x".repeat(70)], text: "a\nb\n" },
      { a: 2, limits: { cpu: "1", memory: "1Gi" }, long: ["x".repeat(70)], text: "a\nb\n" },
      '~ a: 1 → 2\n  limits: {cpu: "1", memory: 1Gi}\n  long: [… 1 item]\n… 1 unchanged',
    ],
    [
      "items by their key",
      {
        spec: {
          containers: [{ name: "a", image: "x", env: [{ name: "E", value: "1" }] }, { name: "b" }, { name: "c" }],
        },
      },
      {
        spec: {
          containers: [
            { name: "a", image: "w", env: [{ name: "E", value: "2" }] },
            { name: "c" },
            { name: "d", image: "z" },
          ],
        },
      },
      [
        "  spec:",
        "    containers:",
        "      - name: a",
        "~       image: x → w",
        "        env:",
        "          - name: E",
        '~           value: "1" → "2"',
        "-     - name: b",
        "      - {name: c}",
        "+     - name: d",
        "+       image: z",
      ].join("\n"),
    ],
    [
      "items by several fields, of which one is left out",
      {
        spec: {
          ports: [
            { port: 53, nodePort: 1 },
            { port: 53, protocol: "UDP", nodePort: 2 },
          ],
        },
      },
      {
        spec: {
          ports: [
            { port: 53, nodePort: 3 },
            { port: 53, protocol: "UDP", nodePort: 4 },
          ],
        },
      },
      [
        "  spec:",
        "    ports:",
        "      - port: 53",
        "~       nodePort: 1 → 3",
        "      - port: 53, protocol: UDP",
        "~       nodePort: 2 → 4",
      ].join("\n"),
    ],
    [
      "an item whose key's default is spelled out",
      { spec: { ports: [{ port: 53 }] } },
      { spec: { ports: [{ port: 53, protocol: "TCP" }] } },
      "  spec:\n    ports:\n      - port: 53\n+       protocol: TCP",
    ],
    [
      "another order",
      [{ name: "a" }, { name: "b" }, { name: "gone" }],
      [{ name: "b" }, { name: "new" }, { name: "a" }],
      "~ (order) [a, b] → [b, a]\n  - {name: b}\n- - name: gone\n+ - name: new\n  - {name: a}",
    ],
    [
      "another order of items that change",
      { spec: { ports: [{ port: 1, a: 1 }, { port: 2 }] } },
      { spec: { ports: [{ port: 2 }, { port: 1, a: 2 }] } },
      "  spec:\n    ports:\n~     (order) [1/TCP, 2/TCP] → [2/TCP, 1/TCP]\n      - {port: 2}\n      - port: 1\n~       a: 1 → 2",
    ],
    [
      "a list of scalars",
      ["a", "b", "c", "d", "e", "f"],
      ["a", "b", "x", "d", "e", "f", "g"],
      "  - a\n  - b\n- - c\n+ - x\n  - d\n  - e\n  - f\n+ - g",
    ],
    ["a long list of scalars", ["a", "b", "c", "d"], ["a", "b", "c"], "… 1 unchanged\n  - b\n  - c\n- - d"],
    [
      "items without a key, by position",
      [{ a: 1, b: 1 }, { a: 2 }, { a: 3 }],
      [{ a: 1, b: 2 }, { a: 2 }],
      "  - # item 1\n    a: 1\n~   b: 1 → 2\n  - {a: 2}\n- - a: 3",
    ],
    ["an item without a key behind one that went", [1, { a: 1 }], [{ a: 2 }], "- - 1\n- - a: 1\n+ - a: 2"],
    ["lists in lists", [[1], 2], [[2], 2], "- - - 1\n+ - - 2\n  - 2"],
    ["a map for a list in a list", [[1]], [{ a: 1 }], "- - - 1\n+ - a: 1"],
    [
      "a text, line by line",
      { text: "a\nb\nc\nd\ne\nf\ng\n" },
      { text: "a\nb\nc\nD\ne\nf\ng\n" },
      "  text: |\n…   1 unchanged line\n    b\n    c\n-   d\n+   D\n    e\n    f\n…   1 unchanged line",
    ],
    [
      "a text with more in common",
      { text: "a\nb\nc\nd\n" },
      { text: "a\nb\nc\nd\ne\n" },
      "  text: |\n…   2 unchanged lines\n    c\n    d\n+   e",
    ],
    [
      "a text's last newline",
      { text: "a\nb\n" },
      { text: "a\nb" },
      "~ text: | → |- (no newline at its end)\n…   2 unchanged lines",
    ],
    ["a text that is the value", "a\nb", "a\nc", "  |-\n    a\n-   b\n+   c"],
    ["a text with escapes", { t: "\ta\n\u001b\n" }, { t: "\ta\nb\n" }, "  t: |\n    \ta\n-   \\u001b\n+   b"],
  ])("%s", (_name, before, after, expected) => {
    expect(show(changeLines(before, after))).toBe(expected);
  });

  it("shows what is very deep on one line", () => {
    const nest = (leaf: Json, wrap: (value: Json) => Json): Json => {
      let value = leaf;
      for (let i = 0; i < 40; i++) value = wrap(value);
      return value;
    };
    const maps = changeLines(
      nest(1, (a) => ({ a })),
      nest(2, (a) => ({ a })),
    );
    expect(maps).toHaveLength(32);
    expect(show(maps.slice(-2)).replaceAll("  ", "")).toBe(
      "- a: {a: {a: {a: {a: {a: {a: {a: {a: {a: 1}}}}}}}}}\n+ a: {a: {a: {a: {a: {a: {a: {a: {a: {a: 2}}}}}}}}}",
    );
  });

  it("is quick on long lists and many fields", () => {
    const list = Array.from({ length: 50_000 }, (_, i) => ({ name: String(i), v: 1 }));
    const fields = Object.fromEntries(list.map(({ name }) => [`f${name}`, 1]));
    const ms = cpuMs(() => {
      expect(changeLines({ list, fields }, { list: list.slice(1), fields: {} })).toHaveLength(50_000 + 7);
      expect(changeLines({ fields: {} }, { fields })).toHaveLength(50_001);
    });
    expect(ms).toBeLessThan(5000);
  });
});
