import type { Health, JsonObject } from "@trueup/spec";
import { splitApiVersion } from "./argocd.ts";
import { at, byCondition, conditionsOf, health, listAt, numberAt, textAt } from "./object.ts";

/**
 * Objects as kstatus judges them (cli-utils `pkg/kstatus/status`): Current is `healthy`, InProgress and Terminating are
 * `progressing` (the latter with that reason), Failed is `degraded`.
 */
export function kstatusHealth(object: JsonObject, now: number = Date.now()): Health {
  const [group] = splitApiVersion(textAt(object, "apiVersion"));
  const rule = RULES[`${group}/${textAt(object, "kind")}`];
  return (
    genericHealth(object) ??
    (rule === undefined ? readyHealth(object) : rule(object, now)) ??
    current("Resource is current")
  );
}

const current = (message: string): Health => health("healthy", "", message);
const inProgress = (reason: string, message: string): Health => health("progressing", reason, message);

/** What holds for every kind: deletion, observedGeneration, and the conditions Reconciling and Stalled. */
export function genericHealth(object: JsonObject): Health | undefined {
  if (textAt(object, "metadata", "deletionTimestamp") !== "") {
    return health("progressing", "Terminating", "Resource scheduled for deletion");
  }
  const generation = numberAt(object, "metadata", "generation");
  const observed = numberAt(object, "status", "observedGeneration");
  if (generation !== undefined && observed !== undefined && observed !== generation) {
    const message = `${textAt(object, "kind")} generation is ${generation}, but latest observed generation is ${observed}`;
    return inProgress("LatestGenerationNotObserved", message);
  }
  for (const condition of conditionsOf(object)) {
    if (condition.status !== "True") continue;
    if (condition.type === "Reconciling") return byCondition("progressing", condition);
    if (condition.type === "Stalled") return byCondition("degraded", condition);
  }
  return undefined;
}

/** What a condition may say; another word says nothing. */
const KNOWN = new Set(["True", "False", "Unknown"]);

function readyHealth(object: JsonObject): Health | undefined {
  const ready = conditionsOf(object).find(({ type, status }) => type === "Ready" && KNOWN.has(status));
  if (ready === undefined) return undefined;
  return ready.status === "True" ? current("Resource is Ready") : byCondition("progressing", ready);
}

const count = (object: JsonObject, field: string, otherwise = 0): number =>
  numberAt(object, "status", field) ?? otherwise;
const wantedOf = (object: JsonObject): number => numberAt(object, "spec", "replicas") ?? 1;

function statefulSet(object: JsonObject): Health {
  if (textAt(object, "spec", "updateStrategy", "type") === "OnDelete") {
    return current("StatefulSet is using the ondelete update strategy");
  }
  const wanted = wantedOf(object);
  const [replicas, ready, currentReplicas, updated] = [
    "replicas",
    "readyReplicas",
    "currentReplicas",
    "updatedReplicas",
  ].map((field) => count(object, field)) as [number, number, number, number];
  const partition = numberAt(object, "spec", "updateStrategy", "rollingUpdate", "partition") ?? -1;
  if (wanted > replicas) return inProgress("LessReplicas", `Replicas: ${replicas}/${wanted}`);
  if (wanted > ready) return inProgress("LessReady", `Ready: ${ready}/${wanted}`);
  if (replicas > wanted) return inProgress("ExtraPods", `Pending termination: ${replicas - wanted}`);
  if (partition !== -1) {
    if (updated < wanted - partition)
      return inProgress("PartitionRollout", `updated: ${updated}/${wanted - partition}`);
    return current(`Partition rollout complete. updated: ${updated}`);
  }
  if (wanted > currentReplicas) return inProgress("LessCurrent", `current: ${currentReplicas}/${wanted}`);
  if (textAt(object, "status", "currentRevision") !== textAt(object, "status", "updateRevision")) {
    return inProgress("RevisionMismatch", "Waiting for updated revision to match current");
  }
  return current(`All replicas scheduled as expected. Replicas: ${replicas}`);
}

function deployment(object: JsonObject): Health {
  const unlimited = 2 ** 31 - 1;
  let progressing = (numberAt(object, "spec", "progressDeadlineSeconds") ?? unlimited) === unlimited;
  let available = false;
  for (const { type, status, reason } of conditionsOf(object)) {
    if (type === "Progressing" && reason === "ProgressDeadlineExceeded")
      return health("degraded", reason, "Progress deadline exceeded");
    if (type === "Progressing" && status === "True" && reason === "NewReplicaSetAvailable") progressing = true;
    if (type === "Available" && status === "True") available = true;
  }
  const wanted = wantedOf(object);
  const [replicas, updated, ready, availableReplicas] = [
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "availableReplicas",
  ].map((field) => count(object, field)) as [number, number, number, number];
  if (wanted > replicas) return inProgress("LessReplicas", `Replicas: ${replicas}/${wanted}`);
  if (wanted > updated) return inProgress("LessUpdated", `Updated: ${updated}/${wanted}`);
  if (replicas > wanted) return inProgress("ExtraPods", `Pending termination: ${replicas - wanted}`);
  if (updated > availableReplicas) return inProgress("LessAvailable", `Available: ${availableReplicas}/${updated}`);
  if (wanted > ready) return inProgress("LessReady", `Ready: ${ready}/${wanted}`);
  if (!progressing) return inProgress("ReplicaSetNotAvailable", "ReplicaSet not Available");
  if (!available) return inProgress("DeploymentNotAvailable", "Deployment not Available");
  return current(`Deployment is available. Replicas: ${replicas}`);
}

function replicaSet(object: JsonObject): Health {
  const failure = conditionsOf(object).some(({ type, status }) => type === "ReplicaFailure" && status === "True");
  if (failure) return inProgress("ReplicaFailure", "Replica Failure condition. Check Pods");
  const wanted = wantedOf(object);
  const [replicas, labelled, available, ready] = [
    "replicas",
    "fullyLabeledReplicas",
    "availableReplicas",
    "readyReplicas",
  ].map((field) => count(object, field)) as [number, number, number, number];
  if (wanted > labelled) return inProgress("LessLabelled", `Labelled: ${labelled}/${wanted}`);
  if (wanted > available) return inProgress("LessAvailable", `Available: ${available}/${wanted}`);
  if (wanted > ready) return inProgress("LessReady", `Ready: ${ready}/${wanted}`);
  if (replicas > wanted) return inProgress("ExtraPods", `Pending termination: ${replicas - wanted}`);
  return current(`ReplicaSet is available. Replicas: ${replicas}`);
}

function daemonSet(object: JsonObject): Health {
  // Its controller always sets both: unlike elsewhere, that one is missing says something.
  for (const [field, reason] of [
    ["metadata.generation", "NoGeneration"],
    ["status.observedGeneration", "NoObservedGeneration"],
  ] as const) {
    if (at(object, ...field.split(".")) === undefined)
      return inProgress(reason, `${textAt(object, "kind")} ${field} not found`);
  }
  const desired = count(object, "desiredNumberScheduled", -1);
  if (desired === -1) return inProgress("NoDesiredNumber", "Missing .status.desiredNumberScheduled");
  for (const [field, name] of [
    ["currentNumberScheduled", "Current"],
    ["updatedNumberScheduled", "Updated"],
    ["numberAvailable", "Available"],
    ["numberReady", "Ready"],
  ] as const) {
    if (desired > count(object, field)) return inProgress(`Less${name}`, `${name}: ${count(object, field)}/${desired}`);
  }
  return current(`All replicas scheduled as expected. Replicas: ${desired}`);
}

function claim(object: JsonObject): Health {
  const phase = textAt(object, "status", "phase") || "unknown";
  return phase === "Bound" ? current("PVC is Bound") : inProgress("NotBound", `PVC is not Bound. phase: ${phase}`);
}

/** How long a scheduler may take before a pod it found no node for counts as failed. */
const SCHEDULE_WINDOW_MS = 15_000;

function pod(object: JsonObject, now: number): Health {
  const conditions = conditionsOf(object);
  switch (textAt(object, "status", "phase")) {
    case "Succeeded":
      return current("Pod has completed successfully");
    case "Failed":
      return current("Pod has completed, but not successfully");
    case "Running": {
      if (conditions.some(({ type, status }) => type === "Ready" && status === "True")) return current("Pod is Ready");
      const looping = listAt(object, "status", "containerStatuses")
        .filter((container) => textAt(container, "state", "waiting", "reason") === "CrashLoopBackOff")
        .map((container) => textAt(container, "name"));
      if (looping.length > 0)
        return health("degraded", "ContainerCrashLooping", `Containers in CrashLoop state: ${looping.join(",")}`);
      return inProgress("PodRunningNotReady", "Pod is running but is not Ready");
    }
    case "Pending": {
      const unscheduled = conditions.some(
        ({ type, status, reason }) => type === "PodScheduled" && status === "False" && reason === "Unschedulable",
      );
      if (!unscheduled) return inProgress("PodPending", "Pod is in the Pending phase");
      const created = Date.parse(textAt(object, "metadata", "creationTimestamp"));
      if (now - SCHEDULE_WINDOW_MS < created) return inProgress("PodNotScheduled", "Pod has not been scheduled");
      return health("degraded", "PodUnschedulable", "Pod could not be scheduled");
    }
    case "":
      return inProgress("PodNotObserved", "Pod phase not available");
    default:
      return health("unknown", "", `unknown phase ${textAt(object, "status", "phase")}`);
  }
}

function job(object: JsonObject): Health {
  const completions = numberAt(object, "spec", "completions") ?? numberAt(object, "spec", "parallelism") ?? 1;
  const [succeeded, active, failed] = ["succeeded", "active", "failed"].map((field) => count(object, field)) as [
    number,
    number,
    number,
  ];
  for (const { type, status } of conditionsOf(object)) {
    if (status !== "True") continue;
    if (type === "Complete") return current(`Job Completed. succeeded: ${succeeded}/${completions}`);
    if (type === "Failed") return health("degraded", "JobFailed", `Job Failed. failed: ${failed}/${completions}`);
    if (type === "Suspended") return current("Job is suspended");
  }
  if (textAt(object, "status", "startTime") === "") return inProgress("JobNotStarted", "Job not started");
  return current(`Job in progress. success:${succeeded}, active: ${active}, failed: ${failed}`);
}

function service(object: JsonObject): Health {
  const waits = textAt(object, "spec", "type") === "LoadBalancer" && textAt(object, "spec", "clusterIP") === "";
  return waits
    ? inProgress("NoIPAssigned", "ClusterIP not set. Service type: LoadBalancer")
    : current("Service is ready");
}

export function definitionHealth(object: JsonObject): Health {
  for (const condition of conditionsOf(object)) {
    const { type, status, reason } = condition;
    if (type === "NamesAccepted" && status === "False") return byCondition("degraded", condition);
    if (type === "Established" && status === "False" && reason !== "Installing")
      return byCondition("degraded", condition);
    if (type === "Established" && status === "True") return current("CRD is established");
  }
  return inProgress("Installing", "Install in progress");
}

const RULES: Readonly<Record<string, (object: JsonObject, now: number) => Health>> = {
  "/Service": service,
  "/Pod": pod,
  "/Secret": () => current("Resource is always ready"),
  "/ConfigMap": () => current("Resource is always ready"),
  "/PersistentVolumeClaim": claim,
  "apps/StatefulSet": statefulSet,
  "apps/DaemonSet": daemonSet,
  "extensions/DaemonSet": daemonSet,
  "apps/Deployment": deployment,
  "extensions/Deployment": deployment,
  "apps/ReplicaSet": replicaSet,
  "extensions/ReplicaSet": replicaSet,
  "policy/PodDisruptionBudget": () => current("AllowedDisruptions has been computed."),
  "batch/CronJob": () => current("Resource is always ready"),
  "batch/Job": job,
  "apiextensions.k8s.io/CustomResourceDefinition": definitionHealth,
};
