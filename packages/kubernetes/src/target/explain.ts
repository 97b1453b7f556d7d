import {
  formatRef,
  isTrueUpError,
  parseKey,
  type CallContext,
  type Diagnosis,
  type Json,
  type JsonObject,
  type Manifest,
  type Ref,
  type Tracked,
} from "@trueup/spec";
import { listAll, type ListOptions } from "../api/list.ts";
import { conditionsOf, listAt, numberAt, textAt } from "../health/object.ts";
import { readOne } from "./read.ts";
import { resourceOf, type System } from "./system.ts";

/** At most so many pods and events are told of. */
const MOST = 5;
const LOG_BYTES = 4_096;

interface Trouble {
  readonly ref: Ref;
  readonly message: string;
}

/**
 * Why an object is unhealthy: what its own status says, the pods below it that are in trouble with their reasons, their
 * last words where they failed, and the latest warnings about either.
 */
export async function explain(system: System, tracked: Tracked, context: CallContext): Promise<Diagnosis> {
  const resource = await resourceOf(system, tracked.key, tracked.apiVersion, context.signal, false);
  const live = resource === undefined ? undefined : await readOne(system, resource, tracked.key, context);
  if (live === undefined) return { message: "it is not there" };
  const { status, message = "" } = system.settings.health(live);
  const own = message === "" ? status : message;
  const ref = parseKey(tracked.key);
  const pods = await podsBelow(system, live.manifest, ref, context);
  const related: Trouble[] = [];
  for (const pod of pods) {
    const trouble = await podTrouble(system, pod, ref.target, context);
    if (trouble !== undefined && related.length < MOST) related.push(trouble);
  }
  const names = new Set([live.manifest, ...pods].map(({ metadata }) => metadata["uid"]));
  related.push(...(await warnings(system, ref, names, context)));
  const first = related[0];
  return {
    message: first === undefined ? own : `${own} (${formatRef(first.ref)}: ${first.message})`,
    ...(related.length > 0 && { related }),
  };
}

/** By the selector of what makes pods, and by owner: through ReplicaSets and Jobs. */
async function podsBelow(
  system: System,
  manifest: Manifest,
  { namespace }: Ref,
  context: CallContext,
): Promise<readonly Manifest[]> {
  if (manifest.kind === "Pod") return [manifest];
  const labels = (manifest["spec"] as JsonObject | undefined)?.["selector"] as JsonObject | undefined;
  const matched = (labels?.["matchLabels"] ?? {}) as Readonly<Record<string, Json>>;
  const labelSelector = Object.entries(matched)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : ""}`)
    .join(",");
  if (labelSelector === "" || namespace === "") return [];
  return await listed(system, "Pod", { namespace, labelSelector }, context);
}

async function listed(
  system: System,
  kind: string,
  options: ListOptions,
  { as, signal }: CallContext,
): Promise<readonly Manifest[]> {
  const resource = await system.discovery.find("v1", kind, signal);
  if (resource === undefined) return [];
  return await listAll(system.client, resource, { ...options, as, signal }).catch((error: unknown) => {
    // Who may not look gets a shorter answer.
    if (isTrueUpError(error) && error.code === "FORBIDDEN") return [];
    throw error;
  });
}

async function podTrouble(
  system: System,
  pod: Manifest,
  target: string,
  context: CallContext,
): Promise<Trouble | undefined> {
  const { name, namespace = "" } = pod.metadata;
  const ref: Ref = { target, group: "", kind: "Pod", namespace, name };
  const unscheduled = conditionsOf(pod).find(({ type, status }) => type === "PodScheduled" && status === "False");
  if (unscheduled !== undefined) return { ref, message: `${unscheduled.reason}: ${unscheduled.message}` };
  for (const container of [
    ...listAt(pod, "status", "initContainerStatuses"),
    ...listAt(pod, "status", "containerStatuses"),
  ]) {
    const named = textAt(container, "name");
    const reason = textAt(container, "state", "waiting", "reason");
    if (reason !== "" && reason !== "ContainerCreating" && reason !== "PodInitializing") {
      const said = textAt(container, "state", "waiting", "message");
      const died = await lastWords(system, pod, named, (numberAt(container, "restartCount") ?? 0) > 0, context);
      return { ref, message: [`container ${named}: ${reason}`, said, died].filter((part) => part !== "").join(": ") };
    }
    const code = numberAt(container, "state", "terminated", "exitCode") ?? 0;
    if (code !== 0) {
      const died = await lastWords(system, pod, named, false, context);
      return { ref, message: [`container ${named} ended with ${code}`, died].filter((part) => part !== "").join(": ") };
    }
  }
  return undefined;
}

/** The end of a container's log; nothing where it may not be read. */
async function lastWords(
  { client }: System,
  pod: Manifest,
  container: string,
  previous: boolean,
  { as, signal }: CallContext,
): Promise<string> {
  const { name, namespace = "" } = pod.metadata;
  try {
    const response = await client.open({
      path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/log`,
      query: { container, tailLines: 20, limitBytes: LOG_BYTES, previous: previous || undefined },
      accept: "*/*",
      as,
      signal,
    });
    return (await response.text()).trim().slice(-LOG_BYTES);
  } catch {
    return "";
  }
}

async function warnings(
  system: System,
  ref: Ref,
  uids: ReadonlySet<Json | undefined>,
  context: CallContext,
): Promise<Trouble[]> {
  if (ref.namespace === "") return [];
  const events = await listed(system, "Event", { namespace: ref.namespace, fieldSelector: "type=Warning" }, context);
  return events
    .filter((event) => uids.has(textAt(event, "involvedObject", "uid")))
    .toSorted((a, b) => (timeOf(a) < timeOf(b) ? 1 : -1))
    .slice(0, MOST)
    .map((event) => {
      const [kind, name] = [textAt(event, "involvedObject", "kind"), textAt(event, "involvedObject", "name")];
      const group = textAt(event, "involvedObject", "apiVersion").split("/").slice(0, -1).join("/");
      return {
        ref: { target: ref.target, group, kind, namespace: ref.namespace, name },
        message: `${textAt(event, "reason")}: ${textAt(event, "message")}`,
      };
    });
}

const timeOf = (event: Manifest): string => textAt(event, "lastTimestamp") || textAt(event, "eventTime");
