import { isObject, type Health, type JsonObject, type Live } from "@trueup/spec";
import {
  apiServiceHealth,
  argocdHealth,
  autoscalerHealth,
  daemonSetHealth,
  deploymentHealth,
  ingressHealth,
  jobHealth,
  podHealth,
  replicaSetHealth,
  serviceHealth,
  splitApiVersion,
  statefulSetHealth,
} from "./argocd.ts";
import type { HealthCheck } from "./check.ts";
import { definitionHealth, genericHealth, kstatusHealth } from "./kstatus.ts";
import { at, byCondition, conditionsOf, health, json, listAt, textAt } from "./object.ts";

/** Whose judgement. `argocd` and `kstatus` keep the expectations of those who come from there. */
export type Dialect = "trueup" | "argocd" | "kstatus";

/**
 * How an object is, by itself alone. Where Argo CD and kstatus differ, the careful one: a failed Pod is not healthy, a
 * running Job is progressing, a load balancer waits for its address; a claim that waits for its first consumer does not block.
 */
export function healthOf(live: Live, checks: readonly HealthCheck[] = [], dialect: Dialect = "trueup"): Health {
  for (const check of checks) {
    const answer = check(live);
    if (answer !== undefined) return answer;
  }
  const object = json(live.manifest);
  if (dialect === "argocd") return argocdHealth(object) ?? health("healthy");
  if (dialect === "kstatus") return kstatusHealth(object);
  return ownHealth(object);
}

function ownHealth(object: JsonObject): Health {
  const [group] = splitApiVersion(textAt(object, "apiVersion"));
  if (textAt(object, "metadata", "deletionTimestamp") !== "") return terminating(object);
  const rule = RULES[`${group}/${textAt(object, "kind")}`];
  return genericHealth(object) ?? (rule === undefined ? customHealth(object) : rule(object));
}

function terminating(object: JsonObject): Health {
  const finalizers = at(object, "metadata", "finalizers");
  const held = Array.isArray(finalizers) && finalizers.length > 0 ? `held by ${finalizers.join(", ")}` : "";
  const said = conditionsOf(object).filter(
    ({ type, status }) => /^Namespace(Content|Finalizers|Deletion)/.test(type) && status === "True",
  );
  return health(
    "progressing",
    "Terminating",
    ["it is being deleted", held, ...said.map(({ message }) => message)].filter((part) => part !== "").join("; "),
  );
}

/** Conditions that say that all is well, the most telling first; False is "not yet", since it may become so. */
const WELL = [
  "Ready",
  "Healthy",
  "Available",
  "Programmed",
  "Established",
  "Accepted",
  "Synced",
  "Succeeded",
  "Complete",
];
/** Conditions that say what is wrong. */
const ILL = new Set(["Degraded", "Failed", "Error", "Failure"]);

/** Any other kind: by its conditions; one without any is taken as it is. */
function customHealth(object: JsonObject): Health {
  const conditions = conditionsOf(object);
  if (conditions.length === 0) return health("healthy");
  const ill = conditions.find(({ type, status }) => ILL.has(type) && status === "True");
  if (ill !== undefined) return byCondition("degraded", ill);
  for (const type of WELL) {
    const condition = conditions.find((condition) => condition.type === type);
    if (condition === undefined) continue;
    return condition.status === "True"
      ? health("healthy", condition.reason, condition.message)
      : byCondition("progressing", condition);
  }
  return health("healthy");
}

/** A failed container of a pod that is restarted: as Argo CD, and its init containers too. */
function ownPodHealth(object: JsonObject): Health {
  const unscheduled = conditionsOf(object).find(
    ({ type, status, reason }) => type === "PodScheduled" && status === "False" && reason === "Unschedulable",
  );
  if (unscheduled !== undefined) return byCondition("progressing", unscheduled);
  const init = listAt(object, "status", "initContainerStatuses").find((container) =>
    /(^Err|Error$|BackOff$)/.test(textAt(container, "state", "waiting", "reason")),
  );
  if (init !== undefined && textAt(object, "spec", "restartPolicy") === "Always") {
    return health("degraded", textAt(init, "state", "waiting", "reason"), textAt(init, "state", "waiting", "message"));
  }
  // What a server fills in where none is declared.
  const spec = at(object, "spec");
  const always = isObject(spec) && spec["restartPolicy"] === undefined;
  return podHealth(always ? { ...object, spec: { ...spec, restartPolicy: "Always" } } : object);
}

function claimHealth(object: JsonObject): Health {
  const phase = textAt(object, "status", "phase");
  if (phase === "Bound") return health("healthy");
  if (phase === "Lost") return health("degraded", "Lost", "its volume is gone");
  // Provisioning has begun, or a volume was named: otherwise it waits for a pod that uses it.
  const annotations = at(object, "metadata", "annotations");
  const begun = ["volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner"].some(
    (name) => textAt(annotations, name) !== "",
  );
  if (!begun && textAt(object, "spec", "volumeName") === "") {
    return health("healthy", "WaitForFirstConsumer", "it is bound once a pod uses it");
  }
  return health("progressing", "Pending", "it is not bound yet");
}

function volumeHealth(object: JsonObject): Health {
  const phase = textAt(object, "status", "phase");
  if (phase === "Failed") return health("degraded", "Failed", textAt(object, "status", "message"));
  return phase === "Pending" || phase === "" ? health("progressing", "Pending") : health("healthy");
}

const cronJobHealth = (object: JsonObject): Health =>
  at(object, "spec", "suspend") === true ? health("suspended", "Suspended", "CronJob is suspended") : health("healthy");

/** A condition that is False stays in the list: only True says that it is so. */
function ownJobHealth(object: JsonObject): Health {
  const conditions = conditionsOf(object).filter(({ status }) => status === "True");
  const judged = jobHealth({ ...object, status: { conditions: conditions.map((condition) => ({ ...condition })) } });
  const failed = conditions.find(({ type }) => type === "Failed");
  return failed === undefined ? judged : byCondition("degraded", failed);
}

function namespaceHealth(object: JsonObject): Health {
  return textAt(object, "status", "phase") === "Terminating" ? terminating(object) : health("healthy");
}

const healthy = (): Health => health("healthy");

const RULES: Readonly<Record<string, (object: JsonObject) => Health>> = {
  "apps/Deployment": deploymentHealth,
  "apps/StatefulSet": statefulSetHealth,
  "apps/DaemonSet": daemonSetHealth,
  "apps/ReplicaSet": replicaSetHealth,
  "/ReplicationController": replicaSetHealth,
  "/Pod": ownPodHealth,
  "batch/Job": ownJobHealth,
  "batch/CronJob": cronJobHealth,
  "/PersistentVolumeClaim": claimHealth,
  "/PersistentVolume": volumeHealth,
  "/Namespace": namespaceHealth,
  "/Service": serviceHealth,
  "networking.k8s.io/Ingress": ingressHealth,
  "autoscaling/HorizontalPodAutoscaler": autoscalerHealth,
  "apiregistration.k8s.io/APIService": apiServiceHealth,
  "apiextensions.k8s.io/CustomResourceDefinition": definitionHealth,
  "policy/PodDisruptionBudget": healthy,
};
