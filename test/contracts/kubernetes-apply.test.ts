/** Server-side apply on a real API server as a `Target`: its mask, and the digest of what it answered under it, tell drift without a call. */
import { project, projectDigest } from "@trueup/diff";
import { digestOf, keyOf, parseKey, refOf, TrueUpError } from "@trueup/spec";
import type { Item, Json, Key, Manifest, Mask, MaskItem, Observed, Planned, Target, WriteContext } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import type { Request } from "../servers/request.ts";
import { useKubernetes } from "../servers/vitest.ts";

/** `fieldsV1`: `f:<field>`, `k:<key of a list item>`, `v:<member of a set>`; `.` is the container itself, nothing inside a leaf. */
function maskOf(owned: object): Mask {
  if (Object.keys(owned).length === 0) return true;
  const fields: Record<string, Mask> = {};
  const items: MaskItem[] = [];
  const members: Json[] = [];
  for (const [name, inner] of Object.entries(owned) as [string, object][]) {
    const rest = name.slice(2);
    if (name.startsWith("f:")) fields[rest] = maskOf(inner);
    if (name.startsWith("k:")) items.push({ key: JSON.parse(rest), mask: maskOf(inner) });
    if (name.startsWith("v:")) members.push(JSON.parse(rest));
  }
  return { fields, items, members };
}

function pathOf(key: Key): string {
  const { group, kind, namespace, name } = parseKey(key);
  return `/apis/${group}/v1/namespaces/${namespace}/${kind.toLowerCase()}s/${name}`;
}

const liveOf = (manifest: Manifest) => ({ manifest, version: manifest.metadata["resourceVersion"] as string });

function kubernetesTarget(request: Request, { force = false } = {}): Target {
  return {
    name: "kubernetes",
    async observe(items) {
      const observed = new Map<Key, Observed>();
      for (const { key } of items) {
        const { status, body } = await request<Manifest>("GET", pathOf(key));
        if (status === 200) observed.set(key, { status: "found", live: liveOf(body) });
        else if (status === 404) observed.set(key, { status: "absent" });
        else observed.set(key, { status: "unknown", error: new TrueUpError("UNAVAILABLE", `status ${status}`) });
      }
      return observed;
    },
    async apply({ key, declared }) {
      type Answer = Manifest & {
        metadata: { managedFields: { manager: string; operation: string; fieldsV1: object }[] };
      };
      type Conflict = { details: { causes: { field: string; message: string }[] } };
      const path = `${pathOf(key)}?fieldManager=trueup&fieldValidation=Strict&force=${force}`;
      const options = { contentType: "application/apply-patch+yaml" };
      const { status, body } = await request<Answer & Conflict>("PATCH", path, declared?.manifest, options);
      if (status === 409) {
        throw new TrueUpError("CONFLICT", body.details.causes.map((is) => `${is.field}: ${is.message}`).join(), {
          key,
        });
      }
      const ours = body.metadata.managedFields.find(
        (entry) => entry.manager === "trueup" && entry.operation === "Apply",
      );
      return { status: "done", live: liveOf(body), mask: maskOf(ours?.fieldsV1 ?? {}) };
    },
    async delete({ key, uid }) {
      const { status } = await request("DELETE", pathOf(key), { preconditions: { uid } });
      if (status === 409) throw new TrueUpError("NOT_OURS", "somebody else made it anew", { key });
      return status === 404 ? { status: "gone" } : { status: "pending", retryAfterMs: 100 };
    },
  };
}

const context = { application: "a", owner: { installation: "i", application: "a" } } as WriteContext;
const planned: Planned = { action: "update", reason: "", stamp: "" };
const labels = { app: "web" };
const specOf = (cpu: string) => {
  const resources = { requests: { cpu } };
  const env = [{ name: "A", value: "1" }];
  const web = { name: "web", image: "web:1", env, ports: [{ containerPort: 80 }], resources, securityContext: {} };
  return { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [web] } } };
};

describe("server-side apply under a mask", () => {
  const cluster = useKubernetes();

  async function applied() {
    const { request, namespace } = cluster();
    const metadata = { name: "web", namespace: await namespace(), labels };
    const manifest: Manifest = { apiVersion: "apps/v1", kind: "Deployment", metadata, spec: specOf("1000m") };
    const key = keyOf(refOf(manifest, "kubernetes"));
    const item: Item = { key, declared: { manifest, origin: { file: "web.yaml" }, digest: digestOf(manifest) } };
    const apply = async (options = {}) => {
      const answer = await kubernetesTarget(request, options).apply(item, planned, { status: "absent" }, context);
      if (answer.status === "pending" || answer.mask === undefined) throw new Error("not the contract of this target");
      const { live, mask } = answer;
      return { mask, live, version: live.version, expected: projectDigest(live.manifest, mask) };
    };
    const first = await apply();
    const drifted = async () => {
      const seen = (await kubernetesTarget(request).observe([item], context)).get(key);
      return seen?.status !== "found" || projectDigest(seen.live.manifest, first.mask) !== first.expected;
    };
    const editContainers = async (...containers: object[]) => {
      const patch = { metadata: { labels: { theirs: "x" } }, spec: { template: { spec: { containers } } } };
      const options = { contentType: "application/strategic-merge-patch+json" };
      const { body } = await request<Manifest>("PATCH", `${pathOf(key)}?fieldManager=kubectl-edit`, patch, options);
      return liveOf(body).version;
    };
    return { apply, drifted, editContainers, first };
  }

  it("takes what the server made of it as the reference, and an apply that changes nothing writes nothing", async () => {
    const { apply, drifted, first } = await applied();
    expect(project(first.live.manifest, first.mask)).toEqual({ metadata: { labels }, spec: specOf("1") });
    expect(await drifted()).toBe(false);
    expect((await apply()).version).toBe(first.version);
  });

  it("sees no drift in what others add, and leaves it there", async () => {
    const { apply, drifted, editContainers } = await applied();
    const web = { name: "web", env: [{ name: "B", value: "2" }], resources: { limits: { cpu: "2" } } };
    const version = await editContainers(web, { name: "proxy", image: "proxy:1" });
    expect(await drifted()).toBe(false);
    expect((await apply()).version).toBe(version);
  });

  it("sees a changed value, and says whose it is before it is forced", async () => {
    const { apply, drifted, editContainers } = await applied();
    await editContainers({ name: "web", image: "web:2" });
    expect(await drifted()).toBe(true);
    const message = '.spec.template.spec.containers[name="web"].image: conflict with "kubectl-edit" using apps/v1';
    await expect(apply()).rejects.toMatchObject({ code: "CONFLICT", message });
    await apply({ force: true });
    expect(await drifted()).toBe(false);
  });

  it("sees a removed list item, which conflicts with nobody", async () => {
    const { apply, drifted, editContainers } = await applied();
    await editContainers({ name: "web", env: [{ name: "A", $patch: "delete" }] });
    expect(await drifted()).toBe(true);
    await apply();
    expect(await drifted()).toBe(false);
  });

  it("takes an addition inside a map that was declared empty for drift, once: the next answer is the new reference", async () => {
    const { apply, drifted, editContainers, first } = await applied();
    const version = await editContainers({ name: "web", securityContext: { runAsUser: 1 } });
    expect(await drifted()).toBe(true);
    const next = await apply();
    expect(next.version).toBe(version);
    expect(next.expected).not.toBe(first.expected);
  });
});
