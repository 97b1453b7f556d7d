import { isObject, keyOf, parseTrackingId, refOf, type Json, type JsonObject, type Manifest } from "@trueup/spec";
import { KINDS, pathOf, type Soaked } from "./happen.ts";

/** Something that is not as it should be. */
export interface Problem {
  readonly what: string;
}

/** Everything in the namespaces against Git, and against what others left there. Read with a client of the test's own. */
export async function compare({ cluster, git, places, foreign, theirs, scaled }: Soaked): Promise<Problem[]> {
  const live = new Map<string, Manifest>();
  for (const namespace of new Set(places.map((place) => place.namespace))) {
    for (const [apiVersion, plural] of KINDS) {
      const base = apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`;
      const path = `${base}/namespaces/${namespace}/${plural}`;
      const { body } = await cluster.request<{ kind: string; items: Manifest[] }>("GET", path);
      const kind = body.kind.slice(0, -"List".length);
      for (const item of body.items) live.set(`${path}/${item.metadata.name}`, { ...item, apiVersion, kind });
    }
  }
  const problems: Problem[] = [];
  const declared = new Map(Array.from(git.files.values(), (one) => [pathOf(one.manifest), one]));
  for (const [path, { manifest, application }] of declared) {
    const standing = live.get(path);
    if (standing === undefined) {
      problems.push({ what: `${path} is missing` });
      continue;
    }
    const uid = standing.metadata["uid"] as string;
    const wanted = bodyOf(manifest);
    const is = bodyOf(standing);
    if (scaled.has(uid) && isObject(wanted["spec"])) wanted["spec"] = { ...wanted["spec"], replicas: replicasOf(is) };
    const field = differs(wanted, is, "");
    if (field !== undefined) problems.push({ what: `${path}: ${field}` });
    if (manifest.kind === "ConfigMap") {
      // A hand edit may have taken all of it, and not be healed yet.
      const extra = Object.keys(standing["data"] ?? {}).filter(
        (name) => !Object.hasOwn(manifest["data"] as object, name),
      );
      if (extra.length > 0) problems.push({ what: `${path}: ${extra.join()} was dropped from Git and still stands` });
    }
    const mark = parseTrackingId(standing.metadata.annotations?.["trueup.dev/tracking-id"] ?? "");
    const label = standing.metadata.labels?.["trueup.dev/application"];
    if (mark?.owner.application !== application || label !== application)
      problems.push({ what: `${path} is marked as ${mark?.owner.application} and ${label}, not ${application}` });
    const added = theirs.get(path);
    if (added?.uid === uid && standing.metadata.labels?.["theirs"] !== added.value)
      problems.push({ what: `${path}: what others added was touched` });
  }
  for (const [path, manifest] of live) {
    if (declared.has(path) || foreign.has(path)) continue;
    const mark = parseTrackingId(manifest.metadata.annotations?.["trueup.dev/tracking-id"] ?? "");
    const own = mark?.key === keyOf(refOf(manifest, "cluster"));
    if (own) problems.push({ what: `${path} left Git and still stands` });
  }
  for (const [path, version] of foreign) {
    const now = live.get(path)?.metadata["resourceVersion"] as string | undefined;
    if (now !== version)
      problems.push({ what: `${path} is others': it was at ${version} and is at ${now ?? "nothing"}` });
  }
  return problems;
}

const replicasOf = ({ spec }: JsonObject): Json => (isObject(spec) ? (spec["replicas"] ?? 0) : 0);

/** Without what is not declared, and with a Secret's text as data. */
function bodyOf({ apiVersion: _a, kind: _k, metadata: _m, stringData, ...rest }: Manifest): Record<string, Json> {
  if (!isObject(stringData)) return rest as Record<string, Json>;
  const data = Object.entries(stringData as Record<string, string>).map(([name, text]) => [
    name,
    Buffer.from(text).toString("base64"),
  ]);
  return { ...(rest as Record<string, Json>), data: Object.fromEntries(data) as Json };
}

/** The first field of `wanted` that `is` does not have, or has otherwise. */
function differs(wanted: Json, is: Json | undefined, at: string): string | undefined {
  if (Array.isArray(wanted)) {
    const list = Array.isArray(is) ? (is as readonly Json[]) : [];
    const items = (wanted as readonly Json[]).map((item, i) => differs(item, list[i], `${at}/${i}`));
    return items.find((field) => field !== undefined);
  }
  if (isObject(wanted)) {
    const fields = Object.entries(wanted).map(([name, value]) =>
      value === undefined ? undefined : differs(value, isObject(is) ? is[name] : undefined, `${at}/${name}`),
    );
    return fields.find((field) => field !== undefined);
  }
  return wanted === is ? undefined : `${at} is ${JSON.stringify(is)}, not ${JSON.stringify(wanted)}`;
}
