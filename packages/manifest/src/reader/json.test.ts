import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compose } from "./compose.ts";
import { readJson } from "./json.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import type { Dialect } from "./scalars.ts";

/** As YAML: positions are only told by that way. */
const asYaml = (text: string, dialect: Dialect, limits = DEFAULT_LIMITS) =>
  compose(text, { dialect, limits, onPosition: () => {} });
const DIALECTS: readonly Dialect[] = ["kubectl", "kustomize"];

/** Words, signs and escapes that YAML reads in ways of its own. */
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.string({ unit: fc.constantFrom(..."ab:,{}[]\"'\\#&*!|>%@`-?~<= \n\t\r\u0085\u2028é😀0.eE+"), maxLength: 12 }),
  fc.constantFrom(
    "y",
    "null",
    "~",
    "1e3",
    "0644",
    "2001-01-01",
    "<<",
    "---",
    "...",
    '":',
    '": 1.5',
    "\ud800",
    "\ufeff",
  ),
);
const number = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(0, -0, 1e21, 1e300, 2 ** 53, 1.5));
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    number,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    tie("map"),
  ),
  map: fc.dictionary(text, tie("value"), { maxKeys: 5 }),
}));

describe("JSON", () => {
  it("that is read as such is what YAML makes of it, in every dialect", () => {
    let read = 0;
    fc.assert(
      fc.property(json.map, fc.constantFrom(0, 1, 2), (value, indent) => {
        const written = JSON.stringify(value, null, indent);
        const found = readJson(written, DEFAULT_LIMITS.depth);
        if (found === undefined) return;
        read++;
        for (const dialect of DIALECTS) expect(asYaml(written, dialect)).toEqual({ value: found, findings: [] });
      }),
      { numRuns: 3_000 },
    );
    expect(read).toBeGreaterThan(100);
  });

  it("of an object of Kubernetes is", () => {
    const manifest = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web", labels: { "a.b/c": "é", on: "y" } },
      spec: {
        replicas: 3,
        template: { containers: [{ image: "r:5000/web:1.25", ports: [{ containerPort: 80 }] }, null, true] },
      },
    };
    for (const indent of [0, 2]) expect(readJson(`${JSON.stringify(manifest, null, indent)}\n`, 200)).toEqual(manifest);
  });

  it.each([
    ["a field that is there twice", '{"a":1,"b":{"c":1, "c" : 2}}'],
    ["a number with a point, or an exponent", '{"a":1.0}'],
    ["an exponent", '{"a":[1e3]}'],
    ["an exponent behind another number", '{"a":[1,\n2E3]}'],
    ["a number that loses digits", '{"a":9007199254740993}'],
    ["a negative zero", '{"a":-0}'],
    ["a name that reaches a prototype", '{"a":{"__proto__":1}}'],
    ["another such name", '{"constructor":1}'],
    ["an escaped character", '{"a":"\\u00e9"}'],
    ["a character that ends a line somewhere", '{"a":"\u2028"}'],
    ["a byte order mark", '{"a":"\ufeff"}'],
    ["a control character", '{"a":"\u0085"}'],
    ["a tab", '{\t"a":1}'],
    ["a key that no YAML parser finds the end of", `{"${"k".repeat(1_025)}":1}`],
    ["a comment", '{"a":1} # b'],
    ["a list", "[1]"],
    ["a text", '"a"'],
    ["no JSON", "{a: 1}"],
  ])("with %s is left to YAML", (_, written) => {
    expect(readJson(written, 200)).toBeUndefined();
  });

  it("is read as deep as YAML is", () => {
    const nested = (levels: number): string => `{"a":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
    const limits = { ...DEFAULT_LIMITS, depth: 3 };
    expect(readJson(nested(3), 3)).toEqual({ a: [[]] });
    expect(asYaml(nested(3), "kubectl", limits).findings).toEqual([]);
    expect(readJson(nested(4), 3)).toBeUndefined();
    expect(asYaml(nested(4), "kubectl", limits).findings).toHaveLength(1);
    expect(readJson(nested(100_000), 200)).toBeUndefined();
  });
});
