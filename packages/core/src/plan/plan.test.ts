import {
  keyOf,
  markOwned,
  refOf,
  TrueUpError,
  UNKNOWN,
  type Live,
  type Manifest,
  type Mask,
  type Observed,
  type Target,
  type Tracked,
} from "@trueup/spec";
import { maskOf } from "@trueup/diff";
import { failing, memoryTarget, type MemoryTarget } from "@trueup/testkit";
import { describe, expect, it } from "vitest";
import { declaredOf, keyed, keyFor, manifest, ours, owner, planFor, summary } from "../testing/planning.ts";

describe("what is declared", () => {
  it("is created where nothing stands, and made again where it was gone", async () => {
    const target = memoryTarget();
    const row = ours(target, manifest("b"));
    target.remove(keyFor("b"));
    const planning = await planFor(target, [manifest("a"), manifest("b")], { rows: [row] });
    expect(summary(planning)).toEqual(["create a: new in Git", "create b: it was gone"]);
    expect(planning.plan.changes[0]).toStrictEqual({
      key: keyFor("a"),
      action: "create",
      reason: "new in Git",
      stamp: "create",
      origin: { file: "a.yaml", line: 1 },
      after: manifest("a"),
    });
    expect(planning.plan).toMatchObject({ application: "app", revision: { id: "r1" }, unchanged: 0, findings: [] });
  });

  it("that stands as it was recorded is unchanged, and its health is known", async () => {
    const target = memoryTarget({ health: () => ({ status: "progressing" }) });
    const row = ours(target, manifest("a", { x: "1" }));
    const planning = await planFor(target, [manifest("a", { x: "1" })], { rows: [row] });
    expect(summary(planning)).toEqual([]);
    expect(planning.plan.unchanged).toBe(1);
    expect(planning.settles).toEqual([]);
    expect(planning.compared).toBe(1);
    expect(planning.health.get(row.key)).toEqual({ status: "progressing" });
  });

  it("changed in Git: before and after under what is ours, and the patch between", async () => {
    const target = memoryTarget();
    const row = ours(target, manifest("a", { x: "1", dropped: "1" }));
    target.edit(row.key, (object) => void ((object["data"] as Record<string, string>)["foreign"] = "f"));
    const planning = await planFor(target, [manifest("a", { x: "2" })], { rows: [row] });
    expect(summary(planning)).toEqual(["update a: changed in Git"]);
    expect(planning.plan.changes[0]).toMatchObject({
      before: { data: { x: "1", dropped: "1" } },
      after: { data: { x: "2" } },
      stamp: "update",
      uid: target.live(row.key)?.uid,
    });
    expect(planning.plan.changes[0]?.patch).toEqual([
      { op: "remove", path: "/data/dropped" },
      { op: "replace", path: "/data/x", value: "2" },
    ]);
  });

  it("changed by hand; what others add beside it is no drift", async () => {
    const target = memoryTarget();
    const [a, b] = [ours(target, manifest("a", { x: "1" })), ours(target, manifest("b", { x: "1" }))];
    target.edit(a.key, (object) => void ((object["data"] as Record<string, string>)["x"] = "9"));
    target.edit(b.key, (object) => void ((object["data"] as Record<string, string>)["foreign"] = "9"));
    const planning = await planFor(target, [manifest("a", { x: "1" }), manifest("b", { x: "1" })], { rows: [a, b] });
    expect(summary(planning)).toEqual(["update a: changed by hand"]);
  });

  it("a removed owner mark is put back", async () => {
    const target = memoryTarget();
    const row = ours(target, manifest("a", { x: "1" }), {}, false);
    const planning = await planFor(target, [manifest("a", { x: "1" })], { rows: [{ ...row, expected: "another" }] });
    expect(summary(planning)).toEqual(["update a: its owner mark was removed"]);
    const stamp = planning.plan.changes[0]?.stamp;
    expect(stamp).toBe("mark");
  });

  it("stands as declared, only the row does not say so: the row is written, the target is not asked", async () => {
    const target = memoryTarget();
    const row = ours(target, manifest("a", { x: "1" }));
    target.edit(row.key, (object) => void ((object["data"] as Record<string, string>)["x"] = "2"));
    const planning = await planFor(target, [manifest("a", { x: "2" })], { rows: [row] });
    expect(summary(planning)).toEqual([]);
    const [settled] = planning.settles;
    expect(settled?.applied).toBe(keyed.declared(declaredOf(manifest("a", { x: "2" }))));
    expect(settled?.expected).toBe(keyed.fingerprint(target.get(row.key) as Manifest, settled?.mask as Mask));
    expect(settled?.run).toBe("run-1");
  });

  it("a removed or changed owner label is put back, though the mark beside it stands", async () => {
    for (const labels of [undefined, { "trueup.dev/application": "other" }]) {
      const target = memoryTarget();
      const row = ours(target, manifest("a", { x: "1" }));
      const marked = markOwned(manifest("a", { x: "1" }), owner, row.key);
      const { labels: _, ...metadata } = marked.metadata;
      target.put({ ...marked, metadata: { ...metadata, ...(labels && { labels }) } });
      const planning = await planFor(target, [manifest("a", { x: "1" })], { rows: [{ ...row, expected: "another" }] });
      expect(summary(planning)).toEqual(["update a: its owner label was removed"]);
    }
  });

  it("with the inventory lost, what bears our mark is ours", async () => {
    const target = memoryTarget();
    ours(target, manifest("a", { x: "1" }));
    expect(summary(await planFor(target, [manifest("a", { x: "2" })]))).toEqual(["update a: changed in Git"]);
    const planning = await planFor(target, [manifest("a", { x: "1" })]);
    expect(planning.settles.map(({ key }) => key)).toEqual([keyFor("a")]);
  });

  it("ignored fields are neither drift nor change, by rule and by annotation", async () => {
    const target = memoryTarget();
    const marked = manifest("b", { x: "1" }, { "trueup.dev/ignore": "/data/x" });
    const [a, b] = [ours(target, manifest("a", { x: "1", y: "1" })), ours(target, marked)];
    for (const { key } of [a, b])
      target.edit(key, (object) => void ((object["data"] as Record<string, string>)["x"] = "9"));
    const settings = { ignore: [{ match: { name: "a" }, pointers: ["/data/x"] }] };
    expect(
      summary(await planFor(target, [manifest("a", { x: "1", y: "1" }), marked], { rows: [a, b], settings })),
    ).toEqual([]);
    const changed = await planFor(target, [manifest("a", { x: "2", y: "2" }), marked], { rows: [a, b], settings });
    expect(changed.plan.changes[0]?.patch).toEqual([{ op: "replace", path: "/data/y", value: "2" }]);
  });

  it("what is yielded is left out of the comparison", async () => {
    const target = memoryTarget();
    const row = ours(target, manifest("a", { x: "1", y: "1" }));
    target.edit(row.key, (object) => void ((object["data"] as Record<string, string>)["x"] = "9"));
    const yielding: Target = {
      ...target,
      observe: async (items, context) =>
        new Map(
          [...(await target.observe(items, context))].map(([key, seen]): [typeof key, Observed] => [
            key,
            seen.status === "found"
              ? { status: "found", live: { ...seen.live, yielded: { fields: { data: { fields: { x: true } } } } } }
              : seen,
          ]),
        ),
    };
    expect(summary(await planFor(yielding, [manifest("a", { x: "1", y: "1" })], { rows: [row] }))).toEqual([]);
  });

  it("sensitive values are tokens: alike where the values are, in before, after and patch", async () => {
    const secret = (token: string, other: string): Manifest => ({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "s", namespace: "demo" },
      stringData: { token, other },
    });
    const target = memoryTarget();
    const planning = await planFor(target, [secret("canary", "canary")]);
    const [created] = planning.plan.changes;
    const after = created?.after as unknown as { stringData: Record<string, string> } | undefined;
    const [token, other] = [after?.stringData["token"], after?.stringData["other"]];
    expect(token).toMatch(/^\(sensitive /);
    expect(token).toBe(other);
    expect(JSON.stringify(planning.plan)).not.toContain("canary");
    expect(created?.sensitive).toContain("/stringData");
  });
});

describe("ownership", () => {
  const ownedBy = (application: string, installation = "here"): Manifest =>
    markOwned(manifest("a"), { installation, application }, keyFor("a"));

  it("nobody's object is refused, or adopted where the application or the object says so", async () => {
    const target = memoryTarget();
    target.put(manifest("a", { x: "theirs" }));
    const refused = await planFor(target, [manifest("a")]);
    expect(refused.failures.get(keyFor("a"))).toMatchObject({
      code: "NOT_OURS",
      retryable: false,
      origin: { file: "a.yaml" },
    });
    expect(refused.plan.findings).toEqual([
      {
        severity: "error",
        message: expect.stringContaining("ConfigMap demo/a stands there already and is nobody's") as string,
        origin: { file: "a.yaml", line: 1 },
      },
    ]);
    for (const adopt of ["if-unowned", "always"] as const) {
      const planning = await planFor(target, [manifest("a", { x: "1" })], { settings: { adopt } });
      expect(summary(planning)).toEqual(["adopt a: stood there unowned"]);
      expect(planning.changes.get(keyFor("a"))?.planned.action).toBe("adopt");
      expect(planning.plan.changes[0]?.patch).toEqual([{ op: "replace", path: "/data/x", value: "1" }]);
    }
    const annotated = manifest("a", {}, { "trueup.dev/adopt": "if-unowned" });
    expect(summary(await planFor(target, [annotated]))).toEqual(["adopt a: stood there unowned"]);
    const never = manifest("a", {}, { "trueup.dev/adopt": "never" });
    expect((await planFor(target, [never], { settings: { adopt: "always" } })).failures.size).toBe(1);
    const typo = manifest("a", {}, { "trueup.dev/adopt": "yes" });
    expect((await planFor(target, [typo])).failures.size).toBe(1);
  });

  it("another's is refused by name, whatever the policy; a former name of ours is us", async () => {
    const target = memoryTarget();
    target.put(ownedBy("other"));
    const refused = await planFor(target, [manifest("a")], { settings: { adopt: "always" } });
    expect(refused.failures.get(keyFor("a"))?.message).toBe(
      "ConfigMap demo/a belongs to application other of installation here: app leaves it as it is",
    );
    const moved = await planFor(target, [manifest("a")], { settings: { formerly: ["other"] } });
    expect(moved.failures.size).toBe(0);
    target.put(ownedBy("app", "elsewhere"));
    expect((await planFor(target, [manifest("a")])).failures.get(keyFor("a"))?.message).toContain(
      "installation elsewhere",
    );
    expect((await planFor(target, [manifest("a")], { settings: { formerly: ["app"] } })).failures.size).toBe(1);
  });

  it("a row of intent alone proves nothing on a target that marks, and is enough on one that cannot", async () => {
    const row: Tracked = { key: keyFor("a"), apiVersion: "v1", dependsOn: [] };
    const marking = memoryTarget();
    marking.put(manifest("a", { x: "1" }));
    expect((await planFor(marking, [manifest("a")], { rows: [row] })).failures.size).toBe(1);
    const plain = memoryTarget({ marks: false });
    plain.put(manifest("a", { x: "1" }));
    expect((await planFor(plain, [manifest("a", { x: "1" })], { rows: [row] })).settles).toHaveLength(1);
    expect((await planFor(plain, [manifest("a")])).failures.size).toBe(1);
  });

  it("a confirmed row proves it, unless the object was made anew since", async () => {
    const target = memoryTarget({ marks: false });
    const row = ours(target, manifest("a", { x: "1" }), {}, false);
    expect(summary(await planFor(target, [manifest("a", { x: "2" })], { rows: [row] }))).toEqual([
      "update a: changed in Git",
    ]);
    expect(
      (await planFor(target, [manifest("a", { x: "2" })], { rows: [{ ...row, uid: "another" }] })).failures.size,
    ).toBe(1);
    const { uid: _, ...without } = row;
    expect((await planFor(target, [manifest("a", { x: "2" })], { rows: [without] })).failures.size).toBe(0);
  });
});

describe("what is no longer declared", () => {
  it("is deleted where it is ours", async () => {
    const target = memoryTarget();
    const row = ours(target, manifest("a", { x: "1" }));
    const planning = await planFor(target, [], { rows: [row] });
    expect(summary(planning)).toEqual(["delete a: left Git"]);
    expect(planning.plan.changes[0]).toMatchObject({ before: { data: { x: "1" } }, stamp: "delete" });
    expect(planning.plan.changes[0]?.after).toBeUndefined();
    expect(summary(await planFor(target, undefined, { rows: [row] }))).toEqual(["delete a: left Git"]);
  });

  it("is shown as far as it is ours, with its secrets hidden, or whole where that is not known", async () => {
    const target = memoryTarget();
    const secret: Manifest = { ...manifest("a"), kind: "Secret", stringData: { token: "canary" } };
    const { data: _, ...value } = secret;
    const key = keyOf(refOf(value, "memory"));
    const row = ours(target, manifest("a", { x: "1" }));
    target.edit(row.key, (object) => void ((object["data"] as Record<string, string>)["foreign"] = "f"));
    target.put(markOwned(value, owner, key));
    const { mask: _m, ...maskless } = row;
    const before = async (tracked: Tracked): Promise<unknown> =>
      (await planFor(target, [], { rows: [tracked] })).plan.changes[0]?.before;
    expect(await before(row)).toEqual({ data: { x: "1" } });
    expect(await before(maskless)).toMatchObject({
      kind: "ConfigMap",
      metadata: { name: "a", namespace: "demo" },
      data: { x: "1", foreign: "f" },
    });
    const hidden = await before({ key, apiVersion: "v1", dependsOn: [] });
    expect(hidden).toMatchObject({ kind: "Secret", stringData: { token: expect.stringMatching(/^\(sensitive /) } });
  });

  it("what is gone already only leaves the inventory", async () => {
    const planning = await planFor(memoryTarget(), [], {
      rows: [{ key: keyFor("a"), apiVersion: "v1", dependsOn: [] }],
    });
    expect(planning.releases).toEqual([keyFor("a")]);
    expect(planning.plan).toMatchObject({ changes: [], findings: [], unchanged: 0 });
  });

  it.each([
    ["another application has it now", { application: "other", installation: "here" }, undefined],
    [
      "another installation has it",
      { application: "app", installation: "there" },
      "ConfigMap demo/a is not deleted: another installation has it",
    ],
  ])("%s: it is let go", async (_, by, finding) => {
    const target = memoryTarget();
    const row = ours(target, manifest("a"));
    target.put(markOwned(manifest("a"), by, row.key));
    const planning = await planFor(target, [], { rows: [row] });
    expect(planning.releases).toEqual([row.key]);
    expect(planning.plan.findings.map(({ message }) => message)).toEqual(finding === undefined ? [] : [finding]);
  });

  it("without our mark, without proof, or made anew, it is not deleted, and that is said", async () => {
    const marking = memoryTarget();
    const unmarked = ours(marking, manifest("a"), {}, false);
    const plain = memoryTarget({ marks: false });
    const confirmed = ours(plain, manifest("a"), {}, false);
    const { expected: _, ...unconfirmed } = confirmed;
    const finding = async (target: MemoryTarget, row: Tracked): Promise<readonly string[]> => {
      const { plan, releases } = await planFor(target, [], { rows: [row] });
      expect(releases).toEqual([row.key]);
      return plan.findings.map(({ message }) => message);
    };
    expect(await finding(marking, unmarked)).toEqual(["ConfigMap demo/a is not deleted: it no longer bears our mark"]);
    expect(await finding(plain, { ...confirmed, uid: "another" })).toEqual([
      "ConfigMap demo/a is not deleted: it was made anew by somebody else",
    ]);
    expect(await finding(plain, unconfirmed)).toEqual([
      "ConfigMap demo/a is not deleted: a create was interrupted, and what stands there may be another's",
    ]);
    expect(summary(await planFor(plain, [], { rows: [confirmed] }))).toEqual(["delete a: left Git"]);
  });

  it("stays where its annotation, or the application, says so", async () => {
    const target = memoryTarget();
    const row = ours(target, manifest("a"));
    const disabled = await planFor(target, [], { rows: [{ ...row, prune: "disabled" }] });
    expect(disabled.plan.findings.map(({ message }) => message)).toEqual([
      "ConfigMap demo/a left Git and stays: pruning it is disabled",
    ]);
    const off = await planFor(target, [], { rows: [row], settings: { prune: { enabled: false } } });
    expect(off.plan.findings.map(({ message }) => message)).toEqual([
      "ConfigMap demo/a left Git and stays: the application does not prune",
    ]);
    expect([disabled.releases, off.releases]).toEqual([[row.key], [row.key]]);
  });

  it("is not deleted on a target that is not what the inventory was written for", async () => {
    const target = memoryTarget();
    const row = ours(target, manifest("a"));
    const identities = new Map([["memory", "cluster-2"]]);
    const other = await planFor(target, [], { rows: [row], identities, recordedIdentities: { memory: "cluster-1" } });
    expect(other.failures.get(row.key)).toMatchObject({ code: "BLOCKED" });
    expect(other.plan.changes).toEqual([]);
    const same = await planFor(target, [], { rows: [row], identities, recordedIdentities: { memory: "cluster-2" } });
    expect(same.plan.changes).toHaveLength(1);
    expect((await planFor(target, [], { rows: [row], identities, recordedIdentities: {} })).plan.changes).toHaveLength(
      1,
    );
  });

  it("is not deleted under another name: its uid is that of a declared object", async () => {
    const target = memoryTarget();
    const row = ours(target, manifest("a"));
    const twin: Target = {
      ...target,
      observe: async (items) =>
        new Map(items.map(({ key }) => [key, { status: "found", live: { ...(target.live(row.key) as Live) } }])),
      ownerOf: () => owner,
    };
    const planning = await planFor(twin, [manifest("b")], { rows: [row] });
    expect(planning.releases).toEqual([row.key]);
    expect(planning.plan.changes.some(({ action }) => action === "delete")).toBe(false);
  });
});

describe("what cannot be read", () => {
  it("is neither created nor deleted; the rest goes on", async () => {
    const target = memoryTarget();
    const row = ours(target, manifest("b"));
    const broken = failing(target, { method: "observe", error: new TrueUpError("UNAVAILABLE", "down") });
    const planning = await planFor(broken, [manifest("a")], { rows: [row] });
    expect([...planning.failures.keys()].toSorted()).toEqual([keyFor("a"), keyFor("b")]);
    expect(planning.plan).toMatchObject({ changes: [], unchanged: 0 });
    expect(planning.plan.findings.map(({ message }) => message)).toEqual([
      "ConfigMap demo/a: down",
      "ConfigMap demo/b: down",
    ]);
    expect(planning.health.size).toBe(0);
  });

  it("so are objects of a target that is not there", async () => {
    const row: Tracked = { key: keyFor("a", "gone"), apiVersion: "v1", dependsOn: [] };
    const planning = await planFor(memoryTarget(), [], { rows: [row] });
    expect(planning.failures.get(row.key)?.message).toBe(
      "the target gone is not there: its objects are left as they are",
    );
  });
});

describe("a target with a plan of its own", () => {
  const planning = (planned: object): Target => ({ ...memoryTarget(), plan: async () => planned as never });

  it("is believed: stamp, unknown values, children", async () => {
    const planned = {
      action: "create",
      reason: "a stack",
      stamp: "s1",
      after: { id: UNKNOWN },
      children: [{ name: "bucket", action: "create", reason: "new" }],
    };
    const { plan } = await planFor(planning(planned), [manifest("a")]);
    expect(plan.changes[0]).toMatchObject({
      action: "create",
      reason: "a stack",
      stamp: "s1",
      after: { id: UNKNOWN },
      children: planned.children,
    });
  });

  it("a replacement is refused unless the object allows it", async () => {
    const planned = { action: "replace", reason: "the selector is immutable", stamp: "s" };
    const refused = await planFor(planning(planned), [manifest("a")]);
    expect(refused.failures.get(keyFor("a"))).toMatchObject({
      code: "IMMUTABLE",
      message: expect.stringContaining("trueup.dev/replace: allowed") as string,
    });
    const allowed = await planFor(planning(planned), [manifest("a", {}, { "trueup.dev/replace": "allowed" })]);
    expect(summary(allowed)).toEqual(["replace a: the selector is immutable"]);
  });

  it("an answer that is not in the contract fails that object", async () => {
    const { failures } = await planFor(planning({ action: "create" }), [manifest("a")]);
    expect(failures.get(keyFor("a"))).toMatchObject({ code: "INTERNAL" });
  });

  it("is told what for", async () => {
    const asked: string[] = [];
    const target: Target = {
      ...memoryTarget(),
      plan: async (_i, _s, { purpose }) => (asked.push(purpose), { action: "none", reason: "", stamp: "" }),
    };
    await planFor(target, [manifest("a")], { purpose: "preview" });
    await planFor(target, [manifest("a")]);
    expect(asked).toEqual(["preview", "apply"]);
  });
});

describe("work for what changed only", () => {
  it("what a watch vouches for is not read", async () => {
    const target = memoryTarget();
    const rows = ["a", "b", "c"].map((name) => ours(target, manifest(name, { x: "1" })));
    const objects = [manifest("a", { x: "1" }), manifest("b", { x: "2" }), manifest("c", { x: "1" })];
    const settled = (key: string): boolean => !key.endsWith("/c");
    const planning = await planFor(target, objects, { rows, settled });
    expect(target.calls).toMatchObject({ observe: 1, observed: 2 });
    expect(planning.compared).toBe(2);
    expect(planning.plan).toMatchObject({ unchanged: 2 });
    expect(summary(planning)).toEqual(["update b: changed in Git"]);
  });

  it("nothing that is not recorded as applied is vouched for", async () => {
    const target = memoryTarget();
    const { applied: _, ...row } = ours(target, manifest("a"));
    await planFor(target, [manifest("a")], { rows: [row], settled: () => true });
    expect(target.calls.observed).toBe(1);
  });

  it("settled, as a target says it, is unchanged where Git is, and an update where it is not", async () => {
    const target = memoryTarget();
    const row = ours(target, manifest("a", { x: "1" }));
    const settled: Target = {
      ...target,
      observe: async (items) =>
        new Map(items.map(({ key }) => [key, { status: "settled", health: { status: "healthy" } }])),
    };
    expect(summary(await planFor(settled, [manifest("a", { x: "1" })], { rows: [row] }))).toEqual([]);
    expect(summary(await planFor(settled, [manifest("a", { x: "2" })], { rows: [row] }))).toEqual([
      "update a: changed in Git",
    ]);
    expect(summary(await planFor(settled, [], { rows: [row] }))).toEqual(["delete a: left Git"]);
  });
});

describe("the digest", () => {
  it("is that of what would be done, not of when or from which commit", async () => {
    const target = memoryTarget();
    const row = ours(target, manifest("a", { x: "1" }));
    const digest = async (x: string, more: Parameters<typeof planFor>[2] = {}): Promise<string> =>
      (await planFor(target, [manifest("a", { x })], { rows: [row], ...more })).plan.digest;
    const first = await digest("2");
    expect(await digest("2", { revision: { id: "another" } })).toBe(first);
    expect(await digest("3")).not.toBe(first);
    expect(await digest("2", { identities: new Map([["memory", "another"]]) })).not.toBe(first);
    expect(await digest("2", { settings: { name: "another", formerly: ["app"] } })).not.toBe(first);
    target.edit(row.key, (object) => void ((object["data"] as Record<string, string>)["x"] = "7"));
    expect(await digest("2")).not.toBe(first);
  });

  it("changes stand in the order of their keys", async () => {
    const { plan } = await planFor(memoryTarget(), [manifest("c"), manifest("a"), manifest("b")]);
    expect(plan.changes.map(({ key }) => key.at(-1))).toEqual(["a", "b", "c"]);
  });
});

it("the mask of a row is what is declared, where the target names none", () => {
  const target = memoryTarget();
  expect(ours(target, manifest("a", { x: "1" })).mask).toEqual(maskOf(manifest("a", { x: "1" })));
});
