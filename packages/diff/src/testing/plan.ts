import { keyOf, type Change, type Json, type Plan, type PlannedHook } from "@trueup/spec";

/** `Deployment.apps prod/web` and its like: `change("apps", "Deployment", "prod", "web", "update", …)`. */
export function change(
  [group, kind, namespace, name]: readonly [string, string, string, string],
  action: Change["action"],
  rest: Partial<Change> = {},
): Change {
  return {
    key: keyOf({ target: "cluster", group, kind, namespace, name }),
    action,
    reason: "",
    stamp: action,
    ...rest,
  };
}

const web = (image: string, replicas: number, env: readonly Json[]): Json => ({
  spec: {
    replicas,
    selector: { matchLabels: { app: "web" } },
    template: { spec: { containers: [{ name: "web", image, args: ["--port", "80"], env }] } },
  },
});
const env = (names: string): Json[] => names.split("").map((name, i) => ({ name, value: String(i) }));

/** One of each kind of change. */
export const PLAN: Plan = {
  application: "shop",
  revision: { id: "1f2e3d4c5b6a79880123456789abcdef01234567", ref: "refs/heads/main" },
  digest: "9c0ffee0123456789c0ffee0123456789c0ffee0123456789c0ffee012345678",
  unchanged: 12,
  changes: [
    change(["", "ConfigMap", "prod", "settings"], "create", {
      reason: "new in Git",
      origin: { file: "deploy/config.yaml", document: 2, line: 3 },
      after: {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "settings" },
        data: { color: "blue", script: "#!/bin/sh\necho hi\n" },
      },
    }),
    change(["apps", "Deployment", "prod", "web"], "update", {
      reason: "changed in Git",
      origin: { file: "deploy/web.yaml", line: 12 },
      before: web("nginx:1.26", 2, env("ABCD")),
      after: web("nginx:1.27", 3, [...env("ABCD"), { name: "IP", value: "(known after apply)" }]),
    }),
    change(["", "Secret", "prod", "db"], "update", {
      reason: "drift: changed by kubectl-edit",
      before: { data: { password: "(sensitive 11111111)", user: "(sensitive 22222222)" } },
      after: { data: { password: "(sensitive 33333333)", user: "(sensitive 22222222)" } },
    }),
    change(["tf.trueup.dev", "Stack", "", "network"], "replace", {
      reason: "changed in Git",
      children: [
        {
          name: "aws_vpc.main",
          action: "replace",
          reason: "cidr_block forces it",
          patch: [
            { op: "replace", path: "/cidr_block", value: "10.0.0.0/8" },
            { op: "remove", path: "/tags/a" },
            { op: "add", path: "/tags/b", value: { c: 1 } },
            { op: "move", from: "/x", path: "/y" },
            { op: "copy", from: "/y", path: "/z" },
            { op: "test", path: "/z", value: 1 },
          ],
        },
        { name: "aws_subnet.a", action: "create", reason: "" },
        { name: "aws_subnet.b", action: "delete", reason: "no longer there" },
        { name: "aws_eip.a", action: "none", reason: "" },
        { name: "aws_eip.b", action: "update", reason: "" },
      ],
    }),
    change(["", "Service", "prod", "old"], "delete", { reason: "left Git", before: { spec: { type: "ClusterIP" } } }),
    change(["", "Namespace", "", "prod"], "adopt", {
      reason: "stands there unowned: taken over",
      before: { a: 1 },
      after: { a: 1 },
    }),
  ],
  findings: [
    {
      severity: "warning",
      rule: "limits",
      message: "container web\nhas no limits",
      origin: { file: "deploy/web.yaml", line: 20 },
    },
    { severity: "error", message: "no" },
  ],
};

/** One of each kind of hook. */
export const HOOKS: readonly PlannedHook[] = [
  {
    phase: "pre-sync",
    wave: 0,
    name: "Job.batch prod/migrate",
    key: keyOf({ target: "cluster", group: "batch", kind: "Job", namespace: "prod", name: "migrate" }),
    origin: { file: "deploy/job.yaml", line: 1 },
    after: { kind: "Job", env: { token: "hunter2" } },
    sensitive: ["/env/token"],
    stamp: "",
  },
  { phase: "post-sync", wave: 0, name: "smoke", stamp: "" },
  { phase: "sync-fail", wave: 0, name: "tell", stamp: "" },
];
