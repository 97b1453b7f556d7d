import { expect, it } from "vitest";
import { formatTree } from "./format.ts";
import type { TreeNode } from "./tree.ts";

const node = (kind: string, name: string, more: Partial<TreeNode> = {}): TreeNode => ({
  ref: { target: "k", group: kind === "Pod" ? "" : "apps", kind, namespace: "prod", name },
  events: [],
  children: [],
  more: 0,
  ...more,
});

it("an object a line, with its health, its events, and what is below it", () => {
  const event = { type: "Warning", reason: "BackOff", message: "Back-off\nrestarting", count: 5, time: "" };
  const pod = node("Pod", "web-1-a", {
    health: { status: "degraded", reason: "CrashLoopBackOff", message: "exit \u001B[31m1" },
    events: [event, { ...event, type: "Normal", reason: "Pulled", message: "ok", count: 1 }],
  });
  const one = node("ReplicaSet", "web-1", { health: { status: "progressing" }, children: [pod], more: 2 });
  const web = node("Deployment", "web", {
    health: { status: "progressing", message: "Waiting" },
    events: [{ ...event, type: "Normal", reason: "Scaled", message: "up" }],
    children: [one, node("ReplicaSet", "web-0")],
  });
  const text = formatTree({ roots: [web, node("Gone", "x", { health: { status: "missing" } })], unread: ["pods: no"] });
  expect(text.split("\n")).toEqual([
    "Deployment.apps prod/web  progressing  Waiting",
    "│  Normal Scaled (5 times): up",
    "├─ ReplicaSet.apps prod/web-1  progressing",
    "│  ├─ Pod prod/web-1-a  degraded  CrashLoopBackOff: exit  [31m1",
    "│  │     Warning BackOff (5 times): Back-off restarting",
    "│  │     Normal Pulled: ok",
    "│  └─ … and 2 more",
    "└─ ReplicaSet.apps prod/web-0",
    "Gone.apps prod/x  missing",
    "not read: pods: no",
  ]);
});

it("cuts what is too long", () => {
  const roots = [node("Pod", "a", { health: { status: "degraded", message: "x".repeat(1_000) } })];
  expect(formatTree({ roots, unread: [] })).toHaveLength(301);
});
