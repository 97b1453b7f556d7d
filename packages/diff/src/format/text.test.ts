import { stripVTControlCharacters } from "node:util";
import type { Json, Plan } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { change, HOOKS, PLAN } from "../testing/plan.ts";
import { formatPlan } from "./text.ts";

const plan = (rest: Partial<Plan>): Plan => ({
  application: "a",
  revision: { id: "0123456789abcdef" },
  digest: "fedcba9876543210",
  unchanged: 0,
  changes: [],
  findings: [],
  ...rest,
});
const configMap = ["", "ConfigMap", "n", "c"] as const;

describe("formatPlan", () => {
  it("is this", () => {
    expect(formatPlan(PLAN)).toBe(`shop  refs/heads/main at 1f2e3d4c5b6a  plan 9c0ffee01234
1 to create, 2 to update, 1 to replace, 1 to delete, 1 to adopt; 12 unchanged

+ ConfigMap prod/settings  deploy/config.yaml:3
  new in Git
  + apiVersion: v1
  + kind: ConfigMap
  + metadata:
  +   name: settings
  + data:
  +   color: blue
  +   script: |
  +     #!/bin/sh
  +     echo hi

~ Deployment.apps prod/web  deploy/web.yaml:12
  changed in Git
    spec:
  ~   replicas: 2 → 3
      selector: {matchLabels: {app: web}}
      template:
        spec:
          containers:
            - name: web
  ~           image: nginx:1.26 → nginx:1.27
              args: [--port, "80"]
              env:
                … 2 unchanged
                - {name: C, value: "2"}
                - {name: D, value: "3"}
  +             - name: IP
  +               value: (known after apply)

~ Secret prod/db
  drift: changed by kubectl-edit
    data:
  ~   password: (sensitive 11111111) → (sensitive 33333333)
      user: (sensitive 22222222)

± Stack.tf.trueup.dev network
  changed in Git
  ~ aws_vpc.main  cidr_block forces it (replaced)
  ~   /cidr_block: 10.0.0.0/8
  -   /tags/a
  +   /tags/b:
  +     c: 1
  ~   /x → /y
  +   /z: as /y
  + aws_subnet.a
  - aws_subnet.b  no longer there
    aws_eip.a
  ~ aws_eip.b

- Service prod/old
  left Git
  - spec:
  -   type: ClusterIP

* Namespace prod
  stands there unowned: taken over

warning  limits  deploy/web.yaml:20
  container web
  has no limits

error
  no

Plan: 1 to create, 2 to update, 1 to replace, 1 to delete, 1 to adopt. Digest 9c0ffee0123456789c0ffee0123456789c0ffee0123456789c0ffee012345678
`);
  });

  it("shows hooks where they run, and no secret of theirs", () => {
    const changes = [change(configMap, "delete", { reason: "left Git" })];
    const text = formatPlan(plan({ changes, hooks: HOOKS }));
    expect(text.replace(/sensitive [0-9a-f]{8}/, "sensitive")).toBe(`a  0123456789ab  plan fedcba987654
1 to delete, 3 hooks; 0 unchanged

> pre-sync hook Job.batch prod/migrate  deploy/job.yaml:1
  + kind: Job
  + env:
  +   token: (sensitive)

- ConfigMap n/c
  left Git

> post-sync hook smoke

> sync-fail hook tell

Plan: 1 to delete, 3 hooks. Digest fedcba9876543210
`);
    expect(formatPlan(plan({ hooks: HOOKS.slice(1, 2) }))).toContain("\n1 hook; 0 unchanged\n");
    expect(formatPlan(plan({ hooks: HOOKS.slice(1, 2) }), { color: true })).toContain(
      "\u001b[34m\u001b[1m> post-sync hook smoke",
    );
  });

  it("says so where there is nothing to do", () => {
    expect(formatPlan(plan({ unchanged: 3 }))).toBe(`a  0123456789ab  plan fedcba987654
3 unchanged

Nothing to do: 3 stand as declared.
`);
  });

  it("is the same in colour, less the colours", () => {
    const colored = formatPlan(PLAN, { color: true });
    expect(stripVTControlCharacters(colored)).toBe(formatPlan(PLAN));
    expect(formatPlan(PLAN, { color: false })).toBe(formatPlan(PLAN));
    const lines = colored.split("\n").map((line) => line.replaceAll("\u001b", "^"));
    const [bold, dim, red, green, yellow, magenta, cyan] = ["1", "2", "31", "32", "33", "35", "36"].map(
      (code) =>
        (text: string, off = code === "1" || code === "2" ? "22" : "39") =>
          `^[${code}m${text}^[${off}m`,
    ) as ((text: string) => string)[];
    expect(lines).toEqual(
      expect.arrayContaining([
        `${bold?.("shop")}  refs/heads/main at 1f2e3d4c5b6a  ${dim?.("plan 9c0ffee01234")}`,
        `${green?.(bold?.("+ ConfigMap prod/settings") ?? "")}  ${dim?.("deploy/config.yaml:3")}`,
        `  ${dim?.("new in Git")}`,
        `  ${green?.("+ kind: ConfigMap")}`,
        `${yellow?.(bold?.("~ Deployment.apps prod/web") ?? "")}  ${dim?.("deploy/web.yaml:12")}`,
        `    spec:`,
        `  ${yellow?.("~")}   replicas: ${red?.("2")} → ${green?.("3")}`,
        `  ${dim?.("              … 2 unchanged")}`,
        `  ${yellow?.("~   /cidr_block: 10.0.0.0/8")}`,
        `  ${red?.("-   /tags/a")}`,
        magenta?.(bold?.("± Stack.tf.trueup.dev network") ?? ""),
        red?.(bold?.("- Service prod/old") ?? ""),
        cyan?.(bold?.("* Namespace prod") ?? ""),
        `${yellow?.("warning")}  limits  ${dim?.("deploy/web.yaml:20")}`,
        red?.("error"),
        "  container web",
        bold?.("Nothing to do: 3 stand as declared.") === ""
          ? ""
          : expect.stringContaining(
              `${bold?.("Plan: 1 to create, 2 to update, 1 to replace, 1 to delete, 1 to adopt.")} Digest 9c0ffee`,
            ),
      ]),
    );
    expect(formatPlan(plan({}), { color: true })).toContain("\u001b[1mNothing to do: 0 stand as declared.\u001b[22m");
  });

  it("shows a patch where that is all there is", () => {
    const patched = change(configMap, "update", { patch: [{ op: "replace", path: "/data/a", value: "x\ny" }] });
    expect(formatPlan(plan({ changes: [patched] }))).toContain(`~ ConfigMap n/c
  ~ /data/a: |-
  ~   x
  ~   y

Plan: 1 to update.`);
    const both = change(configMap, "update", { after: { data: 1 }, patch: [{ op: "add", path: "/b", value: 1 }] });
    expect(formatPlan(plan({ changes: [both] }))).toContain(
      "~ ConfigMap n/c\n    … not read, as it stands as recorded; it will be\n    data: 1\n\n",
    );
    const made = change(configMap, "adopt", { after: { data: 1 } });
    expect(formatPlan(plan({ changes: [made] }))).toContain("* ConfigMap n/c\n  + data: 1\n\n");
    expect(formatPlan(plan({ changes: [change(configMap, "delete")] }))).toContain(
      "- ConfigMap n/c\n\nPlan: 1 to delete.",
    );
  });

  it("cuts a change that is too long, and says so", () => {
    const fields = (n: number): Json => Object.fromEntries(Array.from({ length: n }, (_, i) => [`f${i}`, i]));
    const text = formatPlan(plan({ changes: [change(configMap, "create", { after: fields(1000) })] }));
    expect(text).toContain("  + f299: 299\n    … 700 more lines\n\nPlan");
    expect(formatPlan(plan({ changes: [change(configMap, "create", { after: fields(300) })] }))).not.toContain(
      "more lines",
    );
  });

  it("spells out what a terminal would obey, wherever it comes from", () => {
    const evil = "\u001b[2J\u202e\r";
    const text = formatPlan(
      plan({
        application: evil,
        revision: { id: evil, ref: evil },
        digest: evil,
        changes: [
          change(["g", evil, evil, evil], "update", {
            reason: `${evil}\nsecond line`,
            origin: { file: evil, line: 1 },
            before: {
              [evil]: 1,
              [`${evil}2`]: evil,
              list: [evil, `${evil}3`],
              text: `a\n${evil}`,
              same: { [evil]: evil },
            },
            after: {
              [evil]: 2,
              [`${evil}2`]: `${evil}4`,
              list: [evil, `${evil}5`],
              text: `b\n${evil}`,
              same: { [evil]: evil },
            },
            children: [
              {
                name: evil,
                action: "update",
                reason: evil,
                patch: [
                  { op: "add", path: `/${evil}`, value: evil },
                  { op: "remove", path: `/${evil}` },
                  { op: "move", from: `/${evil}`, path: `/${evil}` },
                  { op: "copy", from: `/${evil}`, path: `/${evil}` },
                ],
              },
            ],
          }),
        ],
        findings: [{ severity: "warning", rule: evil, message: evil, origin: { file: evil } }],
      }),
    );
    // oxlint-disable-next-line no-control-regex
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(text).toContain("\n  \\u001b[2J\\u202e\\r\n  second line\n");
  });

  it("fault 61: shows no secret, even of a plan that holds some", () => {
    const CANARY = "c4n4ry";
    const secret = (value: Json) => ({ data: { p: value }, stringData: { q: CANARY } });
    const annotated = { metadata: { annotations: { "kubectl.kubernetes.io/last-applied-configuration": CANARY } } };
    const text = formatPlan(
      plan({
        changes: [
          change(["", "Secret", "n", "s"], "update", { before: secret(CANARY), after: secret(`${CANARY}2`) }),
          change(["", "Secret", "n", "s"], "create", { after: secret([CANARY]) }),
          change(["", "Secret", "n", "s"], "delete", { before: secret({ x: CANARY }) }),
          change(["", "Secret", "n", "s"], "update", { patch: [{ op: "add", path: "/data", value: { p: CANARY } }] }),
          change(configMap, "update", { before: annotated, after: {} }),
          change(configMap, "create", { after: { env: [{ v: CANARY }] }, sensitive: ["/env/0/v"] }),
          change(configMap, "update", {
            sensitive: ["/a"],
            children: [
              { name: "x", action: "update", reason: "", patch: [{ op: "add", path: "/a/b", value: CANARY }] },
            ],
          }),
        ],
      }),
    );
    expect(text).not.toContain(CANARY);
    expect(text.match(/\(sensitive [0-9a-f]{8}\)/g)).toHaveLength(11);
    expect(
      formatPlan(
        plan({ changes: [change(["example.dev", "Secret", "n", "s"], "create", { after: { data: "shown" } })] }),
      ),
    ).toContain("+ data: shown");
  });
});
