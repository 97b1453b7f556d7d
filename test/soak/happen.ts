import type { Json, JsonObject, Manifest } from "@trueup/spec";
import type { Cluster } from "../servers/kubernetes.ts";
import { another, manifestOf, type Declared, type Git } from "./git.ts";
import type { Random } from "./random.ts";

/** What was done so far, by kind. */
export interface Deeds {
  commits: number;
  edits: number;
  deletes: number;
  /** Fields that others added to objects of ours, which stay. */
  additions: number;
  scales: number;
  /** Marks that were taken off. */
  marks: number;
  /** Objects of others that were made, changed and removed. */
  foreign: number;
  cuts: number;
  /** Times when requests failed for a while. */
  storms: number;
  serverRestarts: number;
  restarts: number;
}

export interface Soaked {
  readonly cluster: Cluster;
  readonly git: Git;
  readonly random: Random;
  readonly places: readonly { readonly application: string; readonly namespace: string }[];
  /** Objects of others by path, with the version they were left at. */
  readonly foreign: Map<string, string>;
  /** What others added to an object of ours, by its path: its uid then, and the value. */
  readonly theirs: Map<string, { readonly uid: string; readonly value: string }>;
  /** Deployments that an autoscaler scaled, by uid. */
  readonly scaled: Set<string>;
  readonly deeds: Deeds;
  refresh(): Promise<void>;
  cut(): number;
  fail(percent: number): void;
  /** False where the time for that is over. */
  restart(): Promise<boolean>;
}

const PLURALS: Readonly<Record<string, string>> = {
  ConfigMap: "configmaps",
  Secret: "secrets",
  Service: "services",
  Deployment: "deployments",
};
export const KINDS = [
  ["v1", "configmaps"],
  ["v1", "secrets"],
  ["v1", "services"],
  ["apps/v1", "deployments"],
] as const;

export function pathOf({ apiVersion, kind, metadata }: Manifest): string {
  const base = apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`;
  return `${base}/namespaces/${metadata.namespace}/${PLURALS[kind]}/${metadata.name}`;
}

const MERGE = { contentType: "application/merge-patch+json" };
const MANAGERS = ["somebody", "kubectl-edit", "kubectl-patch", "other-controller"];

/** One thing. A server that is down is no failure: it is what happens. */
export async function happen(soaked: Soaked): Promise<void> {
  const { random } = soaked;
  const one = random.below(1_000);
  const deed =
    one < 300
      ? commit
      : one < 600
        ? edit
        : one < 720
          ? remove
          : one < 800
            ? add
            : one < 840
              ? scale
              : one < 880
                ? unmark
                : one < 960
                  ? foreign
                  : one < 980
                    ? cut
                    : one < 992
                      ? storm
                      : one < 996
                        ? restartServer
                        : restart;
  await deed(soaked);
}

const anyOf = ({ git, random }: Soaked): Declared | undefined => random.pick([...git.files.values()]);

async function commit({ git, random, places, deeds, refresh }: Soaked): Promise<void> {
  const list = [...git.files.values()];
  for (let i = random.below(10); i >= 0; i--) {
    const old = random.pick(list);
    if (old === undefined) continue;
    const { name, namespace = "" } = old.manifest.metadata;
    git.files.set(old.path, { ...old, manifest: manifestOf(random, { name, namespace }) });
  }
  for (let i = random.below(4); i > 0; i--) {
    const place = random.pick(places);
    if (place === undefined) continue;
    const made = another(random, place.application, place.namespace);
    git.files.set(made.path, made);
    // As many go as come.
    const old = random.pick(list);
    if (old !== undefined) git.files.delete(old.path);
  }
  if (random.chance(20)) move(list, git, random, places);
  git.commit();
  deeds.commits++;
  await refresh();
}

/** From one application to another of the same namespace: the object stays as it is. */
function move(list: readonly Declared[], git: Git, random: Random, places: Soaked["places"]): void {
  const old = random.pick(list);
  if (old === undefined || !git.files.has(old.path)) return;
  const to = random.pick(places.filter(({ namespace }) => namespace === old.manifest.metadata.namespace));
  if (to === undefined || to.application === old.application) return;
  const manifest = git.files.get(old.path)?.manifest ?? old.manifest;
  git.files.delete(old.path);
  const path = `${to.application}/${manifest.metadata.name}.yaml`;
  git.files.set(path, { path, application: to.application, manifest });
}

async function edit(soaked: Soaked): Promise<void> {
  const declared = anyOf(soaked);
  if (declared === undefined) return;
  const { cluster, random, deeds } = soaked;
  const { manifest } = declared;
  const value = String(random.below(1_000_000));
  const patch: Readonly<Record<string, Json>> = {
    ConfigMap: { data: random.chance(50) ? { value } : { value: null } },
    Secret: { data: { value: Buffer.from(value).toString("base64") } },
    Service: { spec: { selector: { app: value } } },
    Deployment: { spec: { paused: false } },
  };
  const manager = random.pick(MANAGERS) ?? "";
  const body = patch[manifest.kind] as object;
  await attempt(() => cluster.request("PATCH", `${pathOf(manifest)}?fieldManager=${manager}`, body, MERGE));
  deeds.edits++;
}

async function remove(soaked: Soaked): Promise<void> {
  const declared = anyOf(soaked);
  if (declared === undefined) return;
  await attempt(() => soaked.cluster.request("DELETE", pathOf(declared.manifest)));
  soaked.deeds.deletes++;
}

/** A label and, of a ConfigMap, a key: both stay as long as the object does. */
async function add(soaked: Soaked): Promise<void> {
  const declared = anyOf(soaked);
  if (declared === undefined) return;
  const { cluster, random, deeds, theirs } = soaked;
  const value = `v${random.below(1_000_000)}`;
  const body = { metadata: { labels: { theirs: value } } };
  const path = pathOf(declared.manifest);
  const answer = await attempt(() => cluster.request<Manifest>("PATCH", `${path}?fieldManager=somebody`, body, MERGE));
  if (answer?.status === 200) theirs.set(path, { uid: answer.body.metadata["uid"] as string, value });
  else if (answer === undefined) theirs.delete(path);
  deeds.additions++;
}

async function scale(soaked: Soaked): Promise<void> {
  const { cluster, random, deeds, git, scaled } = soaked;
  const declared = random.pick([...git.files.values()].filter(({ manifest }) => manifest.kind === "Deployment"));
  if (declared === undefined) return;
  const { name, namespace } = declared.manifest.metadata;
  const path = pathOf(declared.manifest);
  const standing = await attempt(() => cluster.request<Manifest>("GET", path));
  if (standing?.status !== 200) return;
  scaled.add(standing.body.metadata["uid"] as string);
  const spec = { replicas: 1 + random.below(5) };
  const body = { apiVersion: "autoscaling/v1", kind: "Scale", metadata: { name, namespace }, spec };
  await attempt(() => cluster.request("PUT", `${path}/scale?fieldManager=autoscaler`, body));
  deeds.scales++;
}

async function unmark(soaked: Soaked): Promise<void> {
  const declared = anyOf(soaked);
  if (declared === undefined) return;
  const { cluster, random, deeds } = soaked;
  const marks: JsonObject = random.chance(50)
    ? { labels: { "trueup.dev/application": null } }
    : { annotations: { "trueup.dev/tracking-id": null } };
  const body = { metadata: random.chance(20) ? { managedFields: [{}] } : marks };
  await attempt(() => cluster.request("PATCH", `${pathOf(declared.manifest)}?fieldManager=somebody`, body, MERGE));
  deeds.marks++;
}

let count = 0;

/** Objects of others: some look like copies of ours, with labels and annotations. Their versions say whether anybody touched them. */
async function foreign(soaked: Soaked): Promise<void> {
  const { cluster, random, deeds, foreign: known, places } = soaked;
  deeds.foreign++;
  const old = random.chance(40) ? random.pick([...known.keys()]) : undefined;
  if (old !== undefined) {
    const removes = random.chance(30);
    const body = { data: { value: String(random.below(1_000_000)) } };
    const answer = await attempt(() =>
      removes ? cluster.request<Manifest>("DELETE", old) : cluster.request<Manifest>("PATCH", old, body, MERGE),
    );
    // Whether it was done is not known where there was no answer: it is not counted on any more.
    if (answer?.status !== 200 || removes) known.delete(old);
    else known.set(old, answer.body.metadata["resourceVersion"] as string);
    return;
  }
  const namespace = random.pick(places)?.namespace ?? "";
  const model = anyOf(soaked);
  let marks: object = {};
  if (model !== undefined && random.chance(50)) {
    const standing = await attempt(() => cluster.request<Manifest>("GET", pathOf(model.manifest)));
    const { labels, annotations } = standing?.status === 200 ? standing.body.metadata : {};
    marks = { labels, annotations };
  }
  const body = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: `foreign-${++count}`, namespace, ...marks },
    data: { value: "theirs" },
  };
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const answer = await attempt(() => cluster.request<Manifest>("POST", path, body));
  if (answer?.status === 201)
    known.set(`${path}/${body.metadata.name}`, answer.body.metadata["resourceVersion"] as string);
}

async function cut(soaked: Soaked): Promise<void> {
  soaked.cut();
  soaked.deeds.cuts++;
}

/** Requests fail until the next storm, or until the next check. */
async function storm(soaked: Soaked): Promise<void> {
  soaked.fail(soaked.random.chance(50) ? 0 : 1 + soaked.random.below(25));
  soaked.deeds.storms++;
}

async function restartServer({ cluster, random, deeds }: Soaked): Promise<void> {
  await cluster.apiServer.stop(random.chance(50) ? "SIGKILL" : "SIGTERM", 1_000);
  await cluster.apiServer.start();
  deeds.serverRestarts++;
}

async function restart(soaked: Soaked): Promise<void> {
  if (await soaked.restart()) soaked.deeds.restarts++;
}

async function attempt<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch {
    return undefined;
  }
}
