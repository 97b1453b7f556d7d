import type { Health, JsonObject } from "@trueup/spec";
import { at, conditionsOf, health, listAt, numberAt, textAt, type Condition } from "./object.ts";

/** Kinds as Argo CD 3 judges them (`gitops-engine/pkg/health`), by group and kind; undefined is "no opinion". */
export function argocdHealth(object: JsonObject): Health | undefined {
  // A hook that is over is held by a finalizer of Argo CD's own, and judged all the same.
  const finalizers = at(object, "metadata", "finalizers");
  const isHook = Array.isArray(finalizers) && finalizers.includes("argocd.argoproj.io/hook-finalizer");
  if (textAt(object, "metadata", "deletionTimestamp") !== "" && !isHook)
    return health("progressing", "", "Pending deletion");
  const [group, version] = splitApiVersion(textAt(object, "apiVersion"));
  const kind = textAt(object, "kind");
  const rule = RULES[`${group}/${kind}`];
  if (rule === undefined) return undefined;
  const { versions, judge } = rule;
  if (versions !== undefined && !versions.includes(version)) {
    return health("unknown", "", `unsupported ${rule.name ?? kind} GVK: ${group}/${version}, Kind=${kind}`);
  }
  return judge(object);
}

export function splitApiVersion(apiVersion: string): [group: string, version: string] {
  const slash = apiVersion.indexOf("/");
  return slash === -1 ? ["", apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
}

const unobserved = (object: JsonObject): boolean =>
  (numberAt(object, "metadata", "generation") ?? 0) > (numberAt(object, "status", "observedGeneration") ?? 0);
const count = (object: JsonObject, field: string): number => numberAt(object, "status", field) ?? 0;

export function deploymentHealth(object: JsonObject): Health {
  const waiting = "Waiting for rollout to finish: ";
  if (at(object, "spec", "paused") === true) return health("suspended", "Paused", "Deployment is paused");
  if (unobserved(object)) {
    return health("progressing", "Unobserved", `${waiting}observed deployment generation less than desired generation`);
  }
  const progressing = conditionsOf(object).find(({ type }) => type === "Progressing");
  if (progressing?.reason === "ProgressDeadlineExceeded") {
    const name = textAt(object, "metadata", "name");
    return health("degraded", progressing.reason, `Deployment ${JSON.stringify(name)} exceeded its progress deadline`);
  }
  const wanted = numberAt(object, "spec", "replicas");
  const [replicas, updated, available] = ["replicas", "updatedReplicas", "availableReplicas"].map((field) =>
    count(object, field),
  ) as [number, number, number];
  if (wanted !== undefined && updated < wanted) {
    return health("progressing", "Updating", `${waiting}${updated} out of ${wanted} new replicas have been updated...`);
  }
  if (replicas > updated) {
    return health(
      "progressing",
      "Terminating",
      `${waiting}${replicas - updated} old replicas are pending termination...`,
    );
  }
  if (available < updated) {
    return health(
      "progressing",
      "Unavailable",
      `${waiting}${available} of ${updated} updated replicas are available...`,
    );
  }
  return health("healthy");
}

export function statefulSetHealth(object: JsonObject): Health {
  const observed = count(object, "observedGeneration");
  if (observed === 0 || unobserved(object)) {
    return health("progressing", "Unobserved", "Waiting for statefulset spec update to be observed...");
  }
  const wanted = numberAt(object, "spec", "replicas");
  const ready = count(object, "readyReplicas");
  if (wanted !== undefined && ready < wanted) {
    return health("progressing", "NotReady", `Waiting for ${wanted - ready} pods to be ready...`);
  }
  const updated = count(object, "updatedReplicas");
  const strategy = textAt(object, "spec", "updateStrategy", "type");
  if (strategy === "RollingUpdate" && at(object, "spec", "updateStrategy", "rollingUpdate") !== undefined) {
    const partition = numberAt(object, "spec", "updateStrategy", "rollingUpdate", "partition");
    if (wanted !== undefined && partition !== undefined && updated < wanted - partition) {
      const message = `Waiting for partitioned roll out to finish: ${updated} out of ${wanted - partition} new pods have been updated...`;
      return health("progressing", "Updating", message);
    }
    return health("healthy", "", `partitioned roll out complete: ${updated} new pods have been updated...`);
  }
  if (strategy === "OnDelete") return health("healthy", "", `statefulset has ${ready} ready pods`);
  const [current, update] = [textAt(object, "status", "currentRevision"), textAt(object, "status", "updateRevision")];
  if (update !== current) {
    const message = `waiting for statefulset rolling update to complete ${updated} pods at revision ${update}...`;
    return health("progressing", "Updating", message);
  }
  const message = `statefulset rolling update complete ${count(object, "currentReplicas")} pods at revision ${current}...`;
  return health("healthy", "", message);
}

export function daemonSetHealth(object: JsonObject): Health {
  const waiting = "Waiting for rollout to finish: observed daemon set generation less than desired generation";
  if (unobserved(object)) return health("progressing", "Unobserved", waiting);
  const [updated, desired, available] = ["updatedNumberScheduled", "desiredNumberScheduled", "numberAvailable"].map(
    (field) => count(object, field),
  ) as [number, number, number];
  const name = JSON.stringify(textAt(object, "metadata", "name"));
  if (textAt(object, "spec", "updateStrategy", "type") === "OnDelete") {
    return health("healthy", "", `daemon set ${updated} out of ${desired} new pods have been updated`);
  }
  const rollout = `Waiting for daemon set ${name} rollout to finish: `;
  if (updated < desired)
    return health("progressing", "Updating", `${rollout}${updated} out of ${desired} new pods have been updated...`);
  if (available < desired)
    return health("progressing", "Unavailable", `${rollout}${available} of ${desired} updated pods are available...`);
  return health("healthy");
}

export function replicaSetHealth(object: JsonObject): Health {
  const waiting = "Waiting for rollout to finish: ";
  if (unobserved(object)) {
    return health(
      "progressing",
      "Unobserved",
      `${waiting}observed replica set generation less than desired generation`,
    );
  }
  const failure = conditionsOf(object).find(({ type }) => type === "ReplicaFailure");
  if (failure?.status === "True") return health("degraded", failure.reason, failure.message);
  const wanted = numberAt(object, "spec", "replicas");
  const available = count(object, "availableReplicas");
  if (wanted !== undefined && available < wanted) {
    return health(
      "progressing",
      "Unavailable",
      `${waiting}${available} out of ${wanted} new replicas are available...`,
    );
  }
  return health("healthy");
}

export function jobHealth(object: JsonObject): Health {
  let [complete, failed, suspended] = [false, false, false];
  let [message, failure] = ["", ""];
  for (const condition of conditionsOf(object)) {
    if (condition.type === "Failed") [failed, complete, failure] = [true, true, condition.message];
    if (condition.type === "Complete") [complete, message] = [true, condition.message];
    if (condition.type === "Suspended") {
      [complete, message] = [true, condition.message];
      suspended ||= condition.status === "True";
    }
  }
  if (!complete) return health("progressing", "Running", message);
  if (failed) return health("degraded", "Failed", failure);
  return suspended ? health("suspended", "Suspended", failure) : health("healthy", "", message);
}

const isTrouble = (reason: string): boolean =>
  reason.startsWith("Err") || reason.endsWith("Error") || reason.endsWith("BackOff");

export function podHealth(object: JsonObject): Health {
  const policy = textAt(object, "spec", "restartPolicy");
  const always = policy === "Always";
  const containers = listAt(object, "status", "containerStatuses");
  if (always) {
    const waiting = containers.filter((container) => isTrouble(textAt(container, "state", "waiting", "reason")));
    const [first] = waiting;
    if (first !== undefined) {
      const messages = waiting.map((container) => textAt(container, "state", "waiting", "message"));
      return health("degraded", textAt(first, "state", "waiting", "reason"), messages.join(", "));
    }
  }
  const message = textAt(object, "status", "message");
  const reason = textAt(object, "status", "reason");
  switch (textAt(object, "status", "phase")) {
    case "Pending":
      return health("progressing", "Pending", message);
    case "Succeeded":
      return health("healthy", "", message);
    case "Failed": {
      if (message !== "") return health("degraded", reason || "Failed", message);
      const all = [...listAt(object, "status", "initContainerStatuses"), ...containers];
      return health("degraded", reason || "Failed", all.map(exitOf).find((said) => said !== "") ?? "");
    }
    case "Running": {
      if (policy === "OnFailure" || policy === "Never") return health("progressing", "Running", message);
      if (!always) return health("unknown", "", message);
      if (conditionsOf(object).some(({ type, status }) => type === "Ready" && status === "True"))
        return health("healthy", "", message);
      const died = containers.some((container) => at(container, "lastState", "terminated") !== undefined);
      return died ? health("degraded", "NotReady", message) : health("progressing", "NotReady", message);
    }
    default:
      return health("unknown", "", message);
  }
}

function exitOf(container: JsonObject): string {
  const ended = at(container, "state", "terminated");
  if (ended === undefined) return "";
  const code = numberAt(ended, "exitCode") ?? 0;
  if (textAt(ended, "message") !== "") return textAt(ended, "message");
  if (textAt(ended, "reason") === "OOMKilled") return "OOMKilled";
  return code === 0 ? "" : `container ${JSON.stringify(textAt(container, "name"))} failed with exit code ${code}`;
}

function claimHealth(object: JsonObject): Health {
  switch (textAt(object, "status", "phase")) {
    case "Lost":
      return health("degraded", "Lost");
    case "Pending":
      return health("progressing", "Pending");
    case "Bound":
      return health("healthy");
    default:
      return health("unknown");
  }
}

const hasAddress = (object: JsonObject): Health =>
  listAt(object, "status", "loadBalancer", "ingress").length > 0
    ? health("healthy")
    : health("progressing", "NoAddress");

export const serviceHealth = (object: JsonObject): Health =>
  textAt(object, "spec", "type") === "LoadBalancer" ? hasAddress(object) : health("healthy");

export function apiServiceHealth(object: JsonObject): Health {
  const available = conditionsOf(object).find(({ type }) => type === "Available");
  if (available === undefined) return health("progressing", "Waiting", "Waiting to be processed");
  const { status, reason, message } = available;
  return health(status === "True" ? "healthy" : "progressing", reason, `${reason}: ${message}`);
}

const AUTOSCALER_TROUBLE = new Set([
  "AbleToScale FailedGetScale",
  "AbleToScale FailedUpdateScale",
  "ScalingActive FailedGetResourceMetric",
  "ScalingActive InvalidSelector",
]);

export function autoscalerHealth(object: JsonObject): Health {
  const conditions = autoscalerConditions(object);
  if (conditions === undefined) return health("unknown", "", "its annotation of conditions cannot be read");
  for (const condition of conditions) {
    const { type, reason, status, message } = condition;
    if (AUTOSCALER_TROUBLE.has(`${type} ${reason}`)) return health("degraded", reason, message);
    if ((type === "AbleToScale" || type === "ScalingLimited") && status === "True")
      return health("healthy", reason, message);
  }
  return health("progressing", "Waiting", "Waiting to Autoscale");
}

/** `autoscaling/v1` has no conditions in its status: they stand in an annotation. */
function autoscalerConditions(object: JsonObject): readonly Condition[] | undefined {
  if (textAt(object, "apiVersion") !== "autoscaling/v1") return conditionsOf(object);
  const annotated = textAt(object, "metadata", "annotations", "autoscaling.alpha.kubernetes.io/conditions");
  if (annotated === "") return [];
  try {
    return conditionsOf({ status: { conditions: JSON.parse(annotated) } });
  } catch {
    return undefined;
  }
}

function workflowHealth(object: JsonObject): Health {
  const message = textAt(object, "status", "message");
  switch (textAt(object, "status", "phase")) {
    case "":
    case "Pending":
    case "Running":
      return health("progressing", "Running", message);
    case "Succeeded":
      return health("healthy", "", message);
    case "Failed":
    case "Error":
      return health("degraded", "Failed", message);
    default:
      return health("unknown", "", message);
  }
}

interface Rule {
  /** Default: every version. */
  readonly versions?: readonly string[];
  readonly judge: (object: JsonObject) => Health;
  /** In messages. Default: the kind. */
  readonly name?: string;
}

const v1 = (judge: Rule["judge"]): Rule => ({ versions: ["v1"], judge });

const RULES: Readonly<Record<string, Rule>> = {
  "apps/Deployment": v1(deploymentHealth),
  "apps/StatefulSet": v1(statefulSetHealth),
  "apps/DaemonSet": v1(daemonSetHealth),
  "apps/ReplicaSet": v1(replicaSetHealth),
  "batch/Job": v1(jobHealth),
  "/Pod": v1(podHealth),
  "/PersistentVolumeClaim": v1(claimHealth),
  "/Service": v1(serviceHealth),
  "networking.k8s.io/Ingress": { judge: hasAddress },
  "extensions/Ingress": { judge: hasAddress },
  "apiregistration.k8s.io/APIService": { versions: ["v1", "v1beta1"], judge: apiServiceHealth },
  "autoscaling/HorizontalPodAutoscaler": {
    versions: ["v1", "v2beta1", "v2beta2", "v2"],
    judge: autoscalerHealth,
    name: "HPA",
  },
  "argoproj.io/Workflow": { judge: workflowHealth },
};
export const ingressHealth: Rule["judge"] = hasAddress;
