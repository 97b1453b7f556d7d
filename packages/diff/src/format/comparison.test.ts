import { stripVTControlCharacters } from "node:util";
import type { Comparison, ComparedObject, Json } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { formatComparisonMarkdown } from "./comparison-markdown.ts";
import { formatComparison } from "./comparison-text.ts";

const object = (kind: string, namespace: string, name: string, value: Json, origin = {}): ComparedObject => ({
  ref: { target: "live", group: kind === "Deployment" ? "apps" : "", kind, namespace, name },
  origin: { file: `base/${name}.yaml`, line: 3, ...origin },
  value,
});

const COMPARISON: Comparison = {
  a: { name: "staging", path: "envs/staging", objects: 3, revision: { id: "0123456789abcdef", ref: "main" } },
  b: { name: "production", path: "", objects: 1 },
  differences: [
    { status: "only-a", a: object("ConfigMap", "s", "debug", { data: { on: "1" } }) },
    { status: "only-b", b: object("Node", "", "n1", { spec: {} }, { file: "n.yaml" }) },
    {
      status: "differs",
      a: object("Deployment", "s", "web", { spec: { replicas: 1, paused: false } }, { through: ["base/k", "s/k"] }),
      b: object("Deployment", "p", "web", { spec: { replicas: 5, paused: false } }, { through: ["base/k", "p/k"] }),
      patch: [{ op: "replace", path: "/spec/replicas", value: 5 }],
    },
    {
      status: "differs",
      a: object("Secret", "", "k", { data: { x: "one" } }),
      b: object("Secret", "", "k", { data: { x: "two" } }),
      patch: [],
    },
  ],
  alike: 7,
  warnings: [{ severity: "warning", rule: "kustomize", message: "bases is old", origin: { file: "s/k" } }],
};

const marks = (text: string): string => text.replaceAll(/\(sensitive [0-9a-f]{8}\)/g, "(sensitive)");

describe("formatComparison", () => {
  it("is this", () => {
    expect(marks(formatComparison(COMPARISON))).toBe(`staging     envs/staging at 0123456789ab of main, 3 objects
production  the root, 1 object
1 only in staging, 1 only in production, 2 differ, 7 alike

- ConfigMap s/debug
  staging     base/debug.yaml:3
  - data:
  -   on: "1"

+ Node n1
  production  n.yaml:3
  + spec: {}

~ Deployment.apps s/web → p/web
  staging     base/web.yaml:3 through base/k, s/k
  production  base/web.yaml:3 through base/k, p/k
    spec:
  ~   replicas: 1 → 5
      paused: false

~ Secret k
  staging     base/k.yaml:3
  production  base/k.yaml:3
    data:
  ~   x: (sensitive) → (sensitive)

warning  kustomize  s/k
  bases is old
`);
  });

  it("says so in colour, and the same without", () => {
    const colored = formatComparison(COMPARISON, { color: true });
    expect(marks(stripVTControlCharacters(colored))).toBe(marks(formatComparison(COMPARISON)));
    expect(colored).toContain("\u001b[31m\u001b[1m- ConfigMap s/debug");
    expect(colored).toContain("\u001b[32m\u001b[1m+ Node n1");
    expect(colored).toContain("\u001b[33m\u001b[1m~ Deployment.apps s/web → p/web");
  });

  it("names the revision where it is all that differs", () => {
    const side = (id: string) => ({ name: "web", path: "p", objects: 0, revision: { id } });
    const same: Comparison = { a: side("a".repeat(40)), b: side("b"), differences: [], alike: 0, warnings: [] };
    expect(formatComparison(same)).toBe(
      "web@aaaaaaaaaaaa  p at aaaaaaaaaaaa, 0 objects\nweb@b             p at b, 0 objects\n0 alike\n",
    );
    expect(formatComparison({ ...same, b: { name: "web", path: "", objects: 2 } }).split("\n")[1]).toBe(
      "web               the root, 2 objects",
    );
  });

  it("spells out what would steer a terminal", () => {
    const a = object("A", "", "x\u001b[2J", { v: "\u001b[31m" }, { file: "\u001b]0;", through: ["\u001bk"] });
    const text = formatComparison({
      ...COMPARISON,
      a: { ...COMPARISON.a, name: "\u001bn", path: "\u001bp" },
      differences: [{ status: "only-a", a }],
    });
    expect(text).not.toContain("\u001b");
    expect(text).toContain("\\u001b]0;:3 through \\u001bk");
  });

  it("says the kind again where it is another", () => {
    const [a, b] = [object("A", "", "x", 1), object("B", "n", "x", 2)];
    const text = formatComparison({ ...COMPARISON, differences: [{ status: "differs", a, b, patch: [] }] });
    expect(text).toContain("~ A x → B n/x\n");
    expect(text).toContain("1 differs, 7 alike");
  });
});

describe("formatComparisonMarkdown", () => {
  it("is this", () => {
    expect(marks(formatComparisonMarkdown(COMPARISON)))
      .toBe(`### \`staging\` and \`production\`: \`1 only in staging, 1 only in production, 2 differ, 7 alike\`

- \`staging\`: \`envs/staging at 0123456789ab of main, 3 objects\`
- \`production\`: \`the root, 1 object\`

\`\`\`text
warning  kustomize  s/k  bases is old
\`\`\`

<details>
<summary><code>- ConfigMap s/debug</code> · <code>base/debug.yaml:3</code></summary>

\`\`\`diff
- data:
-   on: "1"
\`\`\`

</details>

<details>
<summary><code>+ Node n1</code> · <code>n.yaml:3</code></summary>

\`\`\`diff
+ spec: {}
\`\`\`

</details>

<details>
<summary><code>~ Deployment.apps s/web → p/web</code> · <code>base/web.yaml:3 through base/k, s/k</code> · <code>base/web.yaml:3 through base/k, p/k</code></summary>

\`\`\`diff
  spec:
-   replicas: 1
+   replicas: 5
    paused: false
\`\`\`

</details>

<details>
<summary><code>~ Secret k</code> · <code>base/k.yaml:3</code></summary>

\`\`\`diff
  data:
-   x: (sensitive)
+   x: (sensitive)
\`\`\`

</details>
`);
    const nothing = { ...COMPARISON, differences: [], warnings: [] };
    expect(formatComparisonMarkdown(nothing).split("\n")[0]).toBe("### `staging` and `production`: alike");
  });

  it("stays under its limit, and says what is missing", () => {
    const many = Array.from({ length: 200 }, (_, i) => ({
      status: "only-a" as const,
      a: object("A", "", `object-${i}`, {
        data: Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`f${n}`, n])),
      }),
    }));
    const text = formatComparisonMarkdown({ ...COMPARISON, differences: many }, { limit: 8000 });
    expect(text.length).toBeLessThanOrEqual(8000);
    expect(text).toMatch(
      /\*\*Too long for one comment: of 200 objects \d+ shown without fields, \d+ not shown\.\*\*\n$/,
    );
    expect(() => formatComparisonMarkdown(COMPARISON, { limit: 4999 })).toThrow("limit: at least 5000, not 4999");
    expect(formatComparisonMarkdown(COMPARISON, { limit: 5000 })).toContain("<details>");
  });

  it("reads nothing of the repository as Markdown or HTML", () => {
    const a = object("A", "", "x`</code><img>@all", { v: "````" }, { file: "<b>.yaml" });
    const text = formatComparisonMarkdown({ ...COMPARISON, differences: [{ status: "only-a", a }] });
    expect(text).toContain("&lt;/code&gt;&lt;img&gt;");
    expect(text).toContain("&lt;b&gt;.yaml");
    expect(text).toContain("`````diff");
  });
});
