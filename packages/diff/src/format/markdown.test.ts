import { micromark } from "micromark";
import { gfm, gfmHtml } from "micromark-extension-gfm";
import fc from "fast-check";
import { keyOf, type Change, type Json, type Plan } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { change, HOOKS, PLAN } from "../testing/plan.ts";
import { formatPlanMarkdown } from "./markdown.ts";

const plan = (rest: Partial<Plan>): Plan => ({ ...PLAN, changes: [], findings: [], ...rest });
const configMap = (name: string, action: Change["action"], rest: Partial<Change> = {}): Change =>
  change(["", "ConfigMap", "n", name], action, rest);

describe("formatPlanMarkdown", () => {
  it("is this", () => {
    expect(formatPlanMarkdown(PLAN)).toBe(`### \`shop\`: 1 to create, 2 to update, 1 to replace, 1 to delete, 1 to adopt

Revision \`1f2e3d4c5b6a\` of \`refs/heads/main\`, plan \`9c0ffee01234\`, 12 unchanged.

\`\`\`text
error  no
warning  limits  deploy/web.yaml:20  container web\\nhas no limits
\`\`\`

<details>
<summary><code>+ ConfigMap prod/settings</code> · <code>deploy/config.yaml:3</code> · <code>new in Git</code></summary>

\`\`\`diff
+ apiVersion: v1
+ kind: ConfigMap
+ metadata:
+   name: settings
+ data:
+   color: blue
+   script: |
+     #!/bin/sh
+     echo hi
\`\`\`

</details>

<details>
<summary><code>~ Deployment.apps prod/web</code> · <code>deploy/web.yaml:12</code> · <code>changed in Git</code></summary>

\`\`\`diff
  spec:
-   replicas: 2
+   replicas: 3
    selector: {matchLabels: {app: web}}
    template:
      spec:
        containers:
          - name: web
-           image: nginx:1.26
+           image: nginx:1.27
            args: [--port, "80"]
            env:
              … 2 unchanged
              - {name: C, value: "2"}
              - {name: D, value: "3"}
+             - name: IP
+               value: (known after apply)
\`\`\`

</details>

<details>
<summary><code>~ Secret prod/db</code> · <code>drift: changed by kubectl-edit</code></summary>

\`\`\`diff
  data:
-   password: (sensitive 11111111)
+   password: (sensitive 33333333)
    user: (sensitive 22222222)
\`\`\`

</details>

<details>
<summary><code>± Stack.tf.trueup.dev network</code> · <code>changed in Git</code></summary>

\`\`\`diff
! aws_vpc.main  cidr_block forces it (replaced)
!   /cidr_block: 10.0.0.0/8
-   /tags/a
+   /tags/b:
+     c: 1
!   /x → /y
+   /z: as /y
+ aws_subnet.a
- aws_subnet.b  no longer there
  aws_eip.a
! aws_eip.b
\`\`\`

</details>

<details>
<summary><code>- Service prod/old</code> · <code>left Git</code></summary>

\`\`\`diff
- spec:
-   type: ClusterIP
\`\`\`

</details>

\`* Namespace prod\` · \`stands there unowned: taken over\`

Digest \`9c0ffee0123456789c0ffee0123456789c0ffee0123456789c0ffee012345678\`
`);
  });

  it("says so where there is nothing to do", () => {
    expect(formatPlanMarkdown(plan({ revision: { id: "0123456789abcdef" }, unchanged: 3 })))
      .toBe(`### \`shop\`: nothing to do

Revision \`0123456789ab\`, plan \`9c0ffee01234\`, 3 unchanged.

Digest \`9c0ffee0123456789c0ffee0123456789c0ffee0123456789c0ffee012345678\`
`);
  });
});

describe("hooks", () => {
  it("stand where they run: an object with its fields, a function by its name", () => {
    const text = formatPlanMarkdown(plan({ hooks: HOOKS, changes: [configMap("c", "delete")] }));
    expect(text.replace(/sensitive [0-9a-f]{8}/, "sensitive")).toBe(`### \`shop\`: 1 to delete, 3 hooks

Revision \`1f2e3d4c5b6a\` of \`refs/heads/main\`, plan \`9c0ffee01234\`, 12 unchanged.

<details>
<summary><code>&gt; pre-sync hook Job.batch prod/migrate</code> · <code>deploy/job.yaml:1</code></summary>

\`\`\`diff
+ kind: Job
+ env:
+   token: (sensitive)
\`\`\`

</details>

\`- ConfigMap n/c\`

\`> post-sync hook smoke\`

\`> sync-fail hook tell\`

Digest \`${PLAN.digest}\`
`);
  });

  it("are left out last, where there is no room for all", () => {
    const many = Array.from({ length: 200 }, (_, i) => configMap(`c${i}`, "create", { reason: "x".repeat(100) }));
    const text = formatPlanMarkdown(plan({ hooks: HOOKS, changes: many }), { limit: 5_000 });
    for (const { name } of HOOKS) expect(text).toContain(`hook ${name}`);
    expect(text).toMatch(/of 203 changes .*not shown/);
  });
});

/** What a reader of GitHub sees outside of code, and which elements there are. */
function rendered(markdown: string): { readonly text: string; readonly tags: ReadonlySet<string> } {
  const html = micromark(markdown, {
    extensions: [gfm()],
    htmlExtensions: [gfmHtml()],
    allowDangerousHtml: true,
    allowDangerousProtocol: true,
  });
  const outside = html.replaceAll(/<code[^>]*>[^<]*<\/code>/g, "");
  return {
    text: outside.replaceAll(/<[^>]*>/g, ""),
    tags: new Set(
      [...html.matchAll(/<\/?([a-z0-9]+)([^>]*)>/gi)].map(([, tag, attributes]) => `${tag ?? ""}${attributes ?? ""}`),
    ),
  };
}

const TAGS = new Set([
  "h3",
  "p",
  "pre",
  "details",
  "summary",
  "strong",
  "code",
  'code class="language-diff"',
  'code class="language-text"',
]);

describe("untrusted content", () => {
  const EVIL = [
    "```\n</details>\n<img src=x onerror=alert(1)>\n```",
    "````\n# heading\n@org/team #123 https://evil.example",
    "`@admin` ``x`` ```",
    "</code></summary></details><script>alert(1)</script>",
    "&lt;b&gt; &amp; \"quotes\" 'n' all",
    "[link](https://evil.example) ![image](https://evil.example/x.png)",
    "\n\n<h1>out</h1>\n\n",
    "\r\n\r\n> quote\r\n",
    "<!-- -->",
    "$$math$$ :smile: ~~~\n~~~",
    "",
    " ",
    "`",
    "-- `` --",
    "\u001b]8;;https://evil.example\u0007x",
    "\u202e",
  ];

  const evilPlan = (evil: string, other: string): Plan => ({
    application: evil,
    revision: { id: evil, ref: other },
    digest: evil,
    unchanged: 0,
    changes: [
      change([evil || "g", evil || "k", other, evil || "n"], "update", {
        reason: evil,
        origin: { file: other, line: 1 },
        before: { [evil]: other, same: other, list: [evil], text: `a\n${other}` },
        after: {
          [evil]: evil,
          same: other,
          list: [other],
          text: `b\n${other}`,
          [`${other}2`]: { [evil]: `${evil}\n${other}` },
        },
        children: [
          {
            name: evil,
            action: "update",
            reason: other,
            patch: [
              { op: "add", path: `/${evil}`, value: other },
              { op: "move", from: `/${other}`, path: `/${evil}` },
            ],
          },
        ],
      }),
      change([evil, evil || "k", evil, evil || "n"], "delete", { reason: other }),
    ],
    hooks: [
      { phase: evil as "pre-sync", wave: 0, name: other, stamp: "" },
      {
        phase: "post-sync",
        wave: 0,
        name: evil,
        key: keyOf({ target: evil || "t", group: other, kind: evil || "k", namespace: "", name: other || "n" }),
        origin: { file: evil, line: 1 },
        after: { [other]: evil },
        stamp: "",
      },
    ],
    findings: [
      { severity: "warning", rule: evil, message: other, origin: { file: evil } },
      { severity: "error", message: evil },
    ],
  });

  const harmless = (markdown: string): void => {
    const { text, tags } = rendered(markdown);
    expect([...tags].filter((tag) => !TAGS.has(tag))).toStrictEqual([]);
    // Nothing but our own words stands outside of code.
    expect(text.replaceAll(/\s+/g, " ").trim()).toMatch(
      /^(?:[:;,.·\d ]|to update|to delete|hooks|Revision|of|plan|unchanged|Digest)*$/,
    );
  };

  it.each(EVIL.map((evil) => [evil]))("%j stays within code", (evil) => {
    for (const other of EVIL) harmless(formatPlanMarkdown(evilPlan(evil, other)));
  });

  it("stays within code, whatever it is", () => {
    const pieces = fc.constantFrom(
      "`",
      "```",
      "\n",
      "<",
      ">",
      "&",
      "@a",
      "#1",
      "*",
      "_",
      "[a](b)",
      "</code>",
      "~~~",
      " ",
      "\\",
      "x",
      "\r",
      "\t",
      "|",
      "$",
    );
    const text = fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, text, (evil, other) => harmless(formatPlanMarkdown(evilPlan(evil, other)))),
      { numRuns: 300 },
    );
  });

  it("shows what it holds", () => {
    const markdown = formatPlanMarkdown(
      plan({ application: "a`b", changes: [configMap('<x> & "y"', "create", { reason: "`", after: { a: "```" } })] }),
    );
    expect(markdown).toContain("### ``a`b``: 1 to create");
    expect(markdown).toContain(
      "<summary><code>+ ConfigMap n/&lt;x&gt; &amp; &quot;y&quot;</code> · <code>`</code></summary>",
    );
    expect(markdown).toContain('````diff\n+ a: "```"\n````\n');
    expect(formatPlanMarkdown(plan({ application: "`a" }))).toContain("### `` `a ``: nothing");
    expect(formatPlanMarkdown(plan({ application: "a " }))).toContain("### ` a  `: nothing");
  });

  it("fault 61: shows no secret, even of a plan that holds some", () => {
    const changes = [
      change(["", "Secret", "n", "s"], "update", {
        before: { data: { p: "c4n4ry" } },
        after: { data: { p: "c4n4ry2" } },
      }),
      change(["", "Secret", "n", "s"], "update", { patch: [{ op: "add", path: "/data/p", value: "c4n4ry" }] }),
    ];
    expect(formatPlanMarkdown(plan({ changes }))).not.toContain("c4n4ry");
  });
});

describe("the limit", () => {
  const fields = (n: number): Json =>
    Object.fromEntries(Array.from({ length: n }, (_, i) => [`field${i}`, "x".repeat(80)]));
  const many = (n: number, action: Change["action"] = "create"): Change[] =>
    Array.from({ length: n }, (_, i) => configMap(`c${i}`, action, { after: fields(10), reason: "new in Git" }));

  it("is what GitHub takes, unless said otherwise", () => {
    const length = (n: number): number => formatPlanMarkdown(plan({ changes: many(n) })).length;
    expect(length(50)).toBeLessThan(65_536);
    expect(length(200)).toBeLessThanOrEqual(65_536);
    expect(length(200)).toBeGreaterThan(60_000);
    expect(formatPlanMarkdown(plan({ changes: many(50) }))).not.toContain("Too long");
  });

  it("takes fields first, and says so", () => {
    const markdown = formatPlanMarkdown(plan({ changes: many(20) }), { limit: 6000 });
    expect(markdown.match(/^<details>$/gm)).toHaveLength(4);
    expect(markdown.match(/ConfigMap n\/c\d+/g)).toHaveLength(20);
    expect(markdown).toContain(
      "`+ ConfigMap n/c19` · `new in Git`\n\n**Too long for one comment: of 20 changes 16 shown without fields.**\n\nDigest",
    );
  });

  it("then changes, but last those that destroy", () => {
    const changes = [
      ...many(300),
      configMap("gone", "delete", { reason: "left Git" }),
      configMap("anew", "replace", { reason: "forced" }),
    ];
    const markdown = formatPlanMarkdown(plan({ changes }), { limit: 5000 });
    expect(markdown).toContain(
      "\n`- ConfigMap n/gone` · `left Git`\n\n`± ConfigMap n/anew` · `forced`\n\n**Too long for one comment: of 302 changes ",
    );
    expect(markdown).toMatch(/of 302 changes \d+ shown without fields, \d+ not shown\.\*\*\n/);
    const shown = markdown.match(/ConfigMap n\//g)?.length ?? 0;
    expect(markdown).toContain(`, ${302 - shown} not shown.**`);
    expect(markdown).toContain("### `shop`: 300 to create, 1 to replace, 1 to delete\n");
    expect(markdown.indexOf("n/c0`")).toBeLessThan(markdown.indexOf("n/gone`"));
  });

  it("counts those without fields to show as shown in full", () => {
    const changes = Array.from({ length: 400 }, (_, i) => configMap(`c${i}`, "delete"));
    const markdown = formatPlanMarkdown(plan({ changes }), { limit: 5000 });
    expect(markdown).toMatch(/of 400 changes \d{3} not shown\.\*\*/);
  });

  it("leaves half to the changes where there are many findings", () => {
    const findings = Array.from({ length: 1000 }, (_, i) => ({
      severity: "warning" as const,
      message: `finding ${i}`,
    }));
    const markdown = formatPlanMarkdown(plan({ findings, changes: many(5) }), { limit: 10_000 });
    expect(markdown).toMatch(/\nwarning {2}finding 0\n(?:warning {2}finding \d+\n)+… \d+ more findings\n```\n/);
    const shown = markdown.match(/^warning/gm)?.length ?? 0;
    expect(shown).toBeGreaterThan(150);
    expect(markdown).toContain(`… ${1000 - shown} more findings`);
    expect(markdown.match(/^<details>$/gm)?.length).toBeGreaterThan(2);
  });

  it("is at least 5,000", () => {
    for (const limit of [4999, 0, Number.NaN]) {
      expect(() => formatPlanMarkdown(PLAN, { limit })).toThrow(
        expect.objectContaining({ code: "INVALID", message: `limit: at least 5000, not ${limit}` }),
      );
    }
    expect(formatPlanMarkdown(PLAN, { limit: 5000 }).length).toBeLessThanOrEqual(5000);
  });

  it("is kept, whatever the plan", () => {
    const text = fc.oneof(
      fc.string({ maxLength: 20 }),
      fc.integer({ min: 0, max: 3000 }).map((n) => "`".repeat(n)),
      fc.integer({ min: 0, max: 3000 }).map((n) => "\u001b".repeat(n)),
    );
    const changes = fc.array(
      fc.record({
        name: text,
        reason: text,
        value: text,
        action: fc.constantFrom<Change["action"]>("create", "delete", "update"),
      }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(
        changes,
        fc.array(text, { maxLength: 5 }),
        text,
        fc.integer({ min: 5000, max: 9000 }),
        (list, messages, application, limit) => {
          const markdown = formatPlanMarkdown(
            {
              application,
              revision: { id: application, ref: application },
              digest: application,
              unchanged: 1,
              changes: list.map(({ name, reason, value, action }) =>
                configMap(name || "x", action, { reason, origin: { file: reason }, after: { [name]: value } }),
              ),
              findings: messages.map((message) => ({ severity: "error", message })),
            },
            { limit },
          );
          expect(markdown.length).toBeLessThanOrEqual(limit);
          expect(markdown.length - markdown.replaceAll("<details>", "").length).toBe(
            (markdown.match(/<\/details>/g)?.length ?? 0) * 9,
          );
        },
      ),
    );
  });
});
