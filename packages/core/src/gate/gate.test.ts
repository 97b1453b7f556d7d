import {
  keyOf,
  type Application,
  type ApplicationState,
  type Change,
  type Key,
  type PlannedHook,
  type Tracked,
} from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { gate, type GateOptions } from "./gate.ts";
import type { Planning } from "../plan/plan.ts";

const key = (name: string, kind = "ConfigMap", group = ""): Key =>
  keyOf({ target: "t", group, kind, namespace: "ns", name });
const change = (name: string, action: Change["action"], kind?: string, group?: string): Change => ({
  key: key(name, kind, group),
  action,
  reason: "",
  stamp: "",
});
function decide(changes: readonly Change[], more: Partial<Application> = {}, options: Partial<GateOptions> = {}) {
  const plan = { application: "app", revision: { id: "r" }, digest: "d", changes, unchanged: 0, findings: [] };
  const application: Application = { name: "app", source: "s", target: "t", ...more };
  return gate({
    application,
    planning: { plan, changes: new Map() } as unknown as Planning,
    inventory: new Map(),
    state: {},
    now: 1_000,
    ...options,
  });
}
const rows = (count: number, row: Partial<Tracked> = {}): Map<Key, Tracked> =>
  new Map(
    Array.from({ length: count }, (_, i) => [
      key(`n${i}`),
      { key: key(`n${i}`), apiVersion: "v1", dependsOn: [], ...row },
    ]),
  );
const approved = (more: object = {}): Pick<ApplicationState, "approvals"> => ({
  approvals: [
    { digest: "other", actor: "x", reason: "x", at: 1 },
    { digest: "d", actor: "ada", reason: "ok", at: 1, ...more },
  ],
});

describe("hooks in a plan", () => {
  const withHook = (phase: PlannedHook["phase"], more: Partial<Application> = {}, hook: Partial<PlannedHook> = {}) => {
    const hooks: PlannedHook[] = [{ phase, wave: 0, name: "h", stamp: "", ...hook }];
    const plan = {
      application: "app",
      revision: { id: "r" },
      digest: "d",
      changes: [],
      hooks,
      unchanged: 0,
      findings: [],
    };
    const application: Application = { name: "app", source: "s", target: "t", ...more };
    return gate({
      application,
      planning: { plan, changes: new Map() } as unknown as Planning,
      inventory: new Map(),
      state: {},
      now: 0,
    });
  };

  it("wait for the gate like changes, but for what runs only after a failure", () => {
    expect(withHook("pre-sync")).toEqual({ status: "open" });
    expect(withHook("post-delete")).toEqual({ status: "open" });
    expect(withHook("sync-fail")).toEqual({ status: "nothing" });
    expect(withHook("post-sync", { mode: "observe" })).toMatchObject({ status: "blocked", by: "mode" });
    expect(withHook("post-sync", { mode: "approve" })).toMatchObject({ status: "blocked", by: "approval" });
  });

  it("are closed by the windows of their objects", () => {
    const windows = [{ kind: "deny", schedule: "* * * * *", durationMs: 60_000, match: { name: "b" } }] as const;
    expect(withHook("post-sync", { windows }, { key: key("b") })).toMatchObject({ status: "blocked", by: "window" });
    expect(withHook("post-sync", { windows }, { key: key("a") })).toEqual({ status: "open" });
    expect(withHook("post-sync", { windows })).toEqual({ status: "open" });
  });
});

describe("gate", () => {
  it("is not asked where nothing changes, whatever the mode", () => {
    expect(decide([], { mode: "approve" }, { stopped: "x" })).toEqual({ status: "nothing" });
  });

  it("auto is open", () => {
    expect(decide([change("a", "create"), change("b", "update"), change("c", "delete")])).toEqual({ status: "open" });
  });

  it("the stop switch comes before everything, approvals too", () => {
    expect(decide([change("a", "create")], { mode: "observe" }, { stopped: "incident", state: approved() })).toEqual({
      status: "blocked",
      by: "stop",
      reason: "all writes are stopped: incident",
    });
  });

  it("observe is never open, approved or not", () => {
    expect(decide([change("a", "create")], { mode: "observe" }, { state: approved() })).toEqual({
      status: "blocked",
      by: "mode",
      reason: "the application is only observed",
    });
  });

  it("approve waits for an approval of this digest that has not expired", () => {
    const waiting = { status: "blocked", by: "approval", reason: "an approval is awaited" };
    const changes = [change("a", "create")];
    expect(decide(changes, { mode: "approve" })).toEqual(waiting);
    expect(decide(changes, { mode: "approve" }, { state: approved({ expiresAt: 1_000 }) })).toEqual(waiting);
    const open = decide(changes, { mode: "approve" }, { state: approved({ expiresAt: 1_001 }) });
    expect(open).toMatchObject({ status: "open", approval: { digest: "d", actor: "ada" } });
  });

  it("an approval opens the guards", () => {
    const namespace = [change("ns", "delete", "Namespace")];
    expect(decide(namespace).status).toBe("blocked");
    expect(decide(namespace, {}, { state: approved() })).toMatchObject({ status: "open", approval: { actor: "ada" } });
  });

  it("protected kinds are protected from deletion and replacement, not from change", () => {
    expect(decide([change("ns", "delete", "Namespace")])).toEqual({
      status: "blocked",
      by: "approval",
      reason: "Namespace ns/ns is protected and would be deleted; approve the plan to go on",
    });
    expect(decide([change("ns", "replace", "Namespace")]).status).toBe("blocked");
    expect(decide([change("ns", "update", "Namespace"), change("n", "create", "Namespace")])).toEqual({
      status: "open",
    });
    expect(decide([change("c", "delete", "CustomResourceDefinition", "apiextensions.k8s.io")]).status).toBe("blocked");
    expect(decide([change("c", "delete", "PersistentVolumeClaim")]).status).toBe("blocked");
    expect(decide([change("c", "delete", "PersistentVolume")]).status).toBe("blocked");
    expect(decide([change("c", "delete", "Namespace", "other.example.org")])).toEqual({ status: "open" });
  });

  it("what is protected can be chosen", () => {
    const prune = { protect: [{ kind: "Config*" }] };
    expect(decide([change("a", "delete")], { prune }).status).toBe("blocked");
    expect(decide([change("a", "delete", "Namespace")], { prune })).toEqual({ status: "open" });
  });

  it("a row that asks for confirmation is confirmed by an approval", () => {
    const inventory = rows(1, { prune: "confirm" });
    expect(decide([change("n0", "delete")], {}, { inventory })).toEqual({
      status: "blocked",
      by: "approval",
      reason: "the deletion of ConfigMap ns/n0 asks for confirmation; approve the plan to go on",
    });
    expect(decide([change("n0", "update")], {}, { inventory })).toEqual({ status: "open" });
  });

  it("a limit on deletions, by number and by share", () => {
    const deletes = (count: number): Change[] => Array.from({ length: count }, (_, i) => change(`n${i}`, "delete"));
    const inventory = rows(10);
    expect(decide(deletes(2), { prune: { limit: 2 } }, { inventory })).toEqual({ status: "open" });
    expect(decide(deletes(3), { prune: { limit: 2 } }, { inventory })).toEqual({
      status: "blocked",
      by: "approval",
      reason: "3 deletions are more than the limit of 2; approve the plan to go on",
    });
    expect(decide(deletes(2), { prune: { limit: "25%" } }, { inventory })).toEqual({ status: "open" });
    expect(decide(deletes(3), { prune: { limit: "25%" } }, { inventory })).toMatchObject({ status: "blocked" });
    expect(decide(deletes(1), { prune: { limit: 0 } }, { inventory })).toMatchObject({ status: "blocked" });
    expect(decide([change("a", "create")], { prune: { limit: 0 } }, { inventory })).toEqual({ status: "open" });
  });

  it("a share is of what is tracked, rounded down, and exact", () => {
    const deletes = (count: number): Change[] => Array.from({ length: count }, (_, i) => change(`n${i}`, "delete"));
    // 0.29 * 100 is 28.999999999999996 to a computer.
    expect(decide(deletes(29), { prune: { limit: "29%" } }, { inventory: rows(100) })).toEqual({ status: "open" });
    expect(decide(deletes(30), { prune: { limit: "29.9%" } }, { inventory: rows(100) })).toMatchObject({
      reason: "30 deletions are more than the limit of 29.9%; approve the plan to go on",
    });
    expect(decide(deletes(1), { prune: { limit: "50%" } }, { inventory: rows(1) })).toMatchObject({ by: "approval" });
  });

  describe("windows", () => {
    const windows = [{ kind: "deny", schedule: "* * * * *", durationMs: 60_000 }] as const;
    const create = [change("a", "create")];

    it("a closed window says until when, and an approval does not open it", () => {
      const found = decide(create, { windows }, { state: approved(), now: 30_000 });
      expect(found).toEqual({
        status: "blocked",
        by: "window",
        reason: expect.stringContaining("in a deny window (* * * * * UTC)"),
        until: 60_000_000,
      });
    });

    it("a person goes through where the window says so", () => {
      const manual = windows.map((window) => ({ ...window, manual: true }));
      expect(decide(create, { windows }, { byPerson: true }).status).toBe("blocked");
      expect(decide(create, { windows: manual }, { byPerson: true })).toEqual({ status: "open" });
      expect(decide(create, { windows: manual }).status).toBe("blocked");
    });

    it("a match is of what the plan changes", () => {
      const other = windows.map((window) => ({ ...window, match: { name: "b" } }));
      expect(decide(create, { windows: other })).toEqual({ status: "open" });
      expect(decide([...create, change("b", "update")], { windows: other })).toMatchObject({ by: "window" });
    });

    it("come after the stop switch and the mode", () => {
      expect(decide(create, { windows }, { stopped: "x" })).toMatchObject({ by: "stop" });
      expect(decide(create, { windows, mode: "observe" })).toMatchObject({ by: "mode" });
    });
  });

  describe("policies", () => {
    const create = [change("a", "create")];
    const deny = { policy: "tags", severity: "deny", key: key("a"), message: "has no tag" } as const;

    it("a warning blocks nothing", () => {
      expect(decide(create, {}, { findings: [{ ...deny, severity: "warn" }] })).toEqual({ status: "open" });
    });

    it("a deny blocks, approved or not, and says how many there are", () => {
      const blocked = { status: "blocked", by: "policy", reason: "policy tags: ConfigMap ns/a has no tag" };
      expect(decide(create, {}, { findings: [deny], state: approved() })).toEqual(blocked);
      const { key: _, ...whole } = { ...deny, message: "too much" };
      const warn = { ...deny, severity: "warn" } as const;
      expect(decide(create, { mode: "approve" }, { findings: [warn, whole, deny, deny] })).toEqual({
        ...blocked,
        reason: "policy tags: too much (and 2 more)",
      });
    });

    it("a deny that may be approved waits for an approval of this plan", () => {
      const findings = [{ ...deny, approvable: true }];
      expect(decide(create, {}, { findings })).toEqual({
        status: "blocked",
        by: "approval",
        reason: "policy tags: ConfigMap ns/a has no tag; approve the plan to go on",
      });
      expect(decide(create, {}, { findings, state: approved() })).toMatchObject({ status: "open" });
      expect(decide(create, {}, { findings: [...findings, deny], state: approved() })).toMatchObject({ by: "policy" });
    });

    it("are asked of a removal too", () => {
      expect(decide(create, {}, { findings: [deny], removing: true })).toMatchObject({ by: "policy" });
    });
  });

  it("who removes an application has asked for its deletions", () => {
    expect(decide([change("ns", "delete", "Namespace")], {}, { removing: true })).toEqual({ status: "open" });
  });
});
