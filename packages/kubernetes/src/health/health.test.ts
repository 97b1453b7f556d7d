import type { HealthStatus, Json, Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { healthOf } from "./health.ts";

type Fields = { readonly [field: string]: Json };
const object = (apiVersion: string, kind: string, fields: Fields, metadata: Fields = {}): Manifest => ({
  apiVersion,
  kind,
  metadata: { name: "a", generation: 1, ...metadata },
  ...fields,
});
const deployment = (status: Fields, spec: Fields = {}): Manifest =>
  object("apps/v1", "Deployment", { spec: { replicas: 2, ...spec }, status: { observedGeneration: 1, ...status } });
const rolled = { replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 };
const condition = (type: string, status: string, reason = "R", message = "M"): Json => ({
  type,
  status,
  reason,
  message,
});
const conditions = (...list: Json[]): Fields => ({ status: { conditions: list } });
const pod = (status: Fields, restartPolicy = "Always"): Manifest =>
  object("v1", "Pod", { spec: { restartPolicy }, status });
const waiting = (reason: string): Json => ({ name: "c", state: { waiting: { reason, message: "M" } } });
const job = (...list: Json[]): Manifest =>
  object("batch/v1", "Job", { status: { conditions: list, startTime: "2026" } });
const set = (status: Fields, spec: Fields = {}): Manifest =>
  object("apps/v1", "StatefulSet", {
    spec: { replicas: 2, updateStrategy: { type: "RollingUpdate" }, ...spec },
    status: { observedGeneration: 1, ...status },
  });
const daemons = (status: Fields, type = "RollingUpdate"): Manifest =>
  object("apps/v1", "DaemonSet", { spec: { updateStrategy: { type } }, status: { observedGeneration: 1, ...status } });
const scaled = {
  desiredNumberScheduled: 2,
  currentNumberScheduled: 2,
  updatedNumberScheduled: 2,
  numberAvailable: 2,
  numberReady: 2,
};
const custom = (fields: Fields, metadata: Fields = {}): Manifest =>
  object("example.org/v1", "Widget", fields, metadata);

/** Ours, Argo CD's, kstatus'. Where a word is left out it is as ours. */
const CASES: readonly [
  name: string,
  manifest: Manifest,
  own: HealthStatus,
  argocd?: HealthStatus,
  kstatus?: HealthStatus,
][] = [
  [
    "a Deployment that is rolled out",
    deployment({ ...rolled, conditions: [condition("Available", "True")] }),
    "healthy",
  ],
  ["a Deployment that was not seen yet", deployment({ ...rolled, observedGeneration: 0 }), "progressing"],
  ["a Deployment with old replicas", deployment({ ...rolled, replicas: 3 }), "progressing"],
  ["a Deployment that updates", deployment({ ...rolled, updatedReplicas: 1 }), "progressing"],
  ["a Deployment of which one is unavailable", deployment({ ...rolled, availableReplicas: 1 }), "progressing"],
  [
    "a Deployment past its deadline",
    deployment({ conditions: [condition("Progressing", "False", "ProgressDeadlineExceeded")] }),
    "degraded",
  ],
  [
    "a Deployment that is paused",
    deployment({ ...rolled, conditions: [condition("Available", "True")] }, { paused: true }),
    "suspended",
    "suspended",
    "healthy",
  ],
  [
    "a Deployment of another version",
    object("apps/v1beta1", "Deployment", {}),
    "progressing",
    "unknown",
    "progressing",
  ],
  [
    "a StatefulSet that is rolled out",
    set({ replicas: 2, readyReplicas: 2, currentReplicas: 2, currentRevision: "x", updateRevision: "x" }),
    "healthy",
  ],
  [
    "a StatefulSet between revisions",
    set({ replicas: 2, readyReplicas: 2, currentReplicas: 2, currentRevision: "x", updateRevision: "y" }),
    "progressing",
  ],
  ["a StatefulSet with a pod that is not ready", set({ replicas: 2, readyReplicas: 1 }), "progressing"],
  [
    "a StatefulSet that was not seen yet",
    object("apps/v1", "StatefulSet", { spec: { replicas: 0 } }),
    "progressing",
    "progressing",
    "healthy",
  ],
  [
    "a partitioned StatefulSet",
    set(
      { replicas: 2, readyReplicas: 2, updatedReplicas: 1 },
      { updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 1 } } },
    ),
    "healthy",
  ],
  [
    "a partitioned StatefulSet on its way",
    set(
      { replicas: 2, readyReplicas: 2 },
      { updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 1 } } },
    ),
    "progressing",
  ],
  [
    "a StatefulSet that is updated by hand",
    set(
      { replicas: 2, readyReplicas: 2, currentRevision: "x", updateRevision: "y" },
      { updateStrategy: { type: "OnDelete" } },
    ),
    "healthy",
  ],
  ["a DaemonSet that is rolled out", daemons(scaled), "healthy"],
  ["a DaemonSet that updates", daemons({ ...scaled, updatedNumberScheduled: 1 }), "progressing"],
  ["a DaemonSet of which one is unavailable", daemons({ ...scaled, numberAvailable: 1 }), "progressing"],
  [
    "a DaemonSet that is updated by hand",
    daemons({ ...scaled, updatedNumberScheduled: 1 }, "OnDelete"),
    "healthy",
    "healthy",
    "progressing",
  ],
  [
    "a ReplicaSet that cannot make pods",
    object("apps/v1", "ReplicaSet", {
      spec: { replicas: 1 },
      status: { observedGeneration: 1, conditions: [condition("ReplicaFailure", "True")] },
    }),
    "degraded",
    "degraded",
    "progressing",
  ],
  ["a pod that is ready", pod({ phase: "Running", conditions: [condition("Ready", "True")] }), "healthy"],
  [
    "a pod that crashes in a loop",
    pod({ phase: "Running", containerStatuses: [waiting("CrashLoopBackOff")] }),
    "degraded",
  ],
  [
    "a pod without its image",
    pod({ phase: "Pending", containerStatuses: [waiting("ImagePullBackOff")] }),
    "degraded",
    "degraded",
    "progressing",
  ],
  [
    "a pod whose first container has no image",
    pod({ phase: "Pending", initContainerStatuses: [waiting("ErrImagePull")] }),
    "degraded",
    "progressing",
    "progressing",
  ],
  [
    "a pod that waits for a node",
    pod({ phase: "Pending", conditions: [condition("PodScheduled", "False", "Unschedulable")] }),
    "progressing",
    "progressing",
    "degraded",
  ],
  ["a pod that failed", pod({ phase: "Failed" }, "Never"), "degraded", "degraded", "healthy"],
  ["a pod that ended well", pod({ phase: "Succeeded" }, "Never"), "healthy"],
  ["a pod that runs once", pod({ phase: "Running" }, "Never"), "progressing"],
  ["a pod nobody has seen", pod({}), "unknown", "unknown", "progressing"],
  ["a Job that runs", job(), "progressing", "progressing", "healthy"],
  ["a Job that is complete", job(condition("Complete", "True")), "healthy"],
  ["a Job that failed", job(condition("Failed", "True")), "degraded"],
  ["a Job that is suspended", job(condition("Suspended", "True")), "suspended", "suspended", "healthy"],
  ["a Job that was suspended once", job(condition("Suspended", "False")), "progressing", "healthy", "healthy"],
  ["a CronJob", object("batch/v1", "CronJob", { spec: {} }), "healthy"],
  [
    "a CronJob that is suspended",
    object("batch/v1", "CronJob", { spec: { suspend: true } }),
    "suspended",
    "healthy",
    "healthy",
  ],
  ["a claim that is bound", object("v1", "PersistentVolumeClaim", { status: { phase: "Bound" } }), "healthy"],
  [
    "a claim that lost its volume",
    object("v1", "PersistentVolumeClaim", { status: { phase: "Lost" } }),
    "degraded",
    "degraded",
    "progressing",
  ],
  [
    "a claim that waits for its first consumer",
    object("v1", "PersistentVolumeClaim", { spec: {}, status: { phase: "Pending" } }),
    "healthy",
    "progressing",
    "progressing",
  ],
  [
    "a claim that is being provisioned",
    object(
      "v1",
      "PersistentVolumeClaim",
      { spec: {}, status: { phase: "Pending" } },
      { annotations: { "volume.kubernetes.io/storage-provisioner": "x" } },
    ),
    "progressing",
  ],
  [
    "a load balancer without an address",
    object("v1", "Service", { spec: { type: "LoadBalancer", clusterIP: "10.0.0.1" }, status: { loadBalancer: {} } }),
    "progressing",
    "progressing",
    "healthy",
  ],
  [
    "a load balancer",
    object("v1", "Service", {
      spec: { type: "LoadBalancer", clusterIP: "10.0.0.1" },
      status: { loadBalancer: { ingress: [{ ip: "1" }] } },
    }),
    "healthy",
  ],
  [
    "an Ingress without an address",
    object("networking.k8s.io/v1", "Ingress", {}),
    "progressing",
    "progressing",
    "healthy",
  ],
  [
    "an autoscaler without metrics",
    object(
      "autoscaling/v2",
      "HorizontalPodAutoscaler",
      conditions(condition("ScalingActive", "False", "FailedGetResourceMetric")),
    ),
    "degraded",
    "degraded",
    "healthy",
  ],
  [
    "an autoscaler",
    object("autoscaling/v2", "HorizontalPodAutoscaler", conditions(condition("AbleToScale", "True"))),
    "healthy",
  ],
  [
    "an APIService that is down",
    object("apiregistration.k8s.io/v1", "APIService", conditions(condition("Available", "False"))),
    "progressing",
    "progressing",
    "healthy",
  ],
  [
    "a CRD that is established",
    object("apiextensions.k8s.io/v1", "CustomResourceDefinition", conditions(condition("Established", "True"))),
    "healthy",
  ],
  [
    "a CRD that is new",
    object("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}),
    "progressing",
    "healthy",
    "progressing",
  ],
  [
    "a CRD whose names are taken",
    object("apiextensions.k8s.io/v1", "CustomResourceDefinition", conditions(condition("NamesAccepted", "False"))),
    "degraded",
    "healthy",
    "degraded",
  ],
  ["what is being deleted", custom({}, { deletionTimestamp: "2026" }), "progressing"],
  ["a custom resource that says nothing", custom({}), "healthy"],
  [
    "a custom resource that was not seen yet",
    custom({ status: { observedGeneration: 0 } }),
    "progressing",
    "healthy",
    "progressing",
  ],
  ["a custom resource that is ready", custom(conditions(condition("Ready", "True"))), "healthy"],
  [
    "a custom resource that is not ready",
    custom(conditions(condition("Ready", "False"))),
    "progressing",
    "healthy",
    "progressing",
  ],
  [
    "a custom resource of which nothing is known",
    custom(conditions(condition("Ready", "Unknown"))),
    "progressing",
    "healthy",
    "progressing",
  ],
  [
    "a custom resource that stalled",
    custom(conditions(condition("Stalled", "True"), condition("Ready", "True"))),
    "degraded",
    "healthy",
    "degraded",
  ],
  [
    "a custom resource that reconciles",
    custom(conditions(condition("Reconciling", "True"), condition("Ready", "True"))),
    "progressing",
    "healthy",
    "progressing",
  ],
  [
    "a custom resource that is degraded",
    custom(conditions(condition("Degraded", "True"))),
    "degraded",
    "healthy",
    "healthy",
  ],
  [
    "a gateway without a data plane",
    object(
      "gateway.networking.k8s.io/v1",
      "Gateway",
      conditions(condition("Accepted", "True"), condition("Programmed", "False")),
    ),
    "progressing",
    "healthy",
    "healthy",
  ],
  ["a ConfigMap", object("v1", "ConfigMap", { data: {} }), "healthy"],
];

describe.each(CASES)("%s", (_name, manifest, own, argocd = own, kstatus = own) => {
  it(`is ${own}; ${argocd} to Argo CD, ${kstatus} to kstatus`, () => {
    const words = (["trueup", "argocd", "kstatus"] as const).map(
      (dialect) => healthOf({ manifest }, [], dialect).status,
    );
    expect(words).toEqual([own, argocd, kstatus]);
  });
});

describe("as Argo CD", () => {
  const argocd = (manifest: Manifest) => {
    const { status, message = "" } = healthOf({ manifest }, [], "argocd");
    return [status, message];
  };

  it("judges a hook that its own finalizer holds, and nothing else that is being deleted", () => {
    const [done] = [condition("Complete", "True")];
    const held = (finalizer: string): Manifest =>
      object(
        "batch/v1",
        "Job",
        { status: { conditions: [done ?? null] } },
        { deletionTimestamp: "2026", finalizers: [finalizer] },
      );
    expect(argocd(held("argocd.argoproj.io/hook-finalizer"))).toEqual(["healthy", "M"]);
    expect(argocd(held("other"))).toEqual(["progressing", "Pending deletion"]);
  });

  it("reads the conditions of autoscaling/v1 from their annotation only", () => {
    const name = "autoscaling.alpha.kubernetes.io/conditions";
    const scaler = (annotation: string | undefined, apiVersion = "autoscaling/v1"): Manifest =>
      object(apiVersion, "HorizontalPodAutoscaler", conditions(condition("AbleToScale", "True", "R", "by status")), {
        ...(annotation !== undefined && { annotations: { [name]: annotation } }),
      });
    const annotation = JSON.stringify([condition("AbleToScale", "True", "R", "by annotation")]);
    expect(argocd(scaler(undefined))).toEqual(["progressing", "Waiting to Autoscale"]);
    expect(argocd(scaler(annotation))).toEqual(["healthy", "by annotation"]);
    expect(argocd(scaler("{"))).toEqual(["unknown", "its annotation of conditions cannot be read"]);
    expect(argocd(scaler(annotation, "autoscaling/v2"))).toEqual(["healthy", "by status"]);
    expect(argocd(scaler(annotation, "autoscaling/v3"))).toEqual([
      "unknown",
      "unsupported HPA GVK: autoscaling/v3, Kind=HorizontalPodAutoscaler",
    ]);
  });

  it("does not judge a running pod whose restart policy it does not know; a server knows it, and so do we", () => {
    const running = object("v1", "Pod", {
      spec: {},
      status: { phase: "Running", conditions: [condition("Ready", "True")] },
    });
    expect(argocd(running)).toEqual(["unknown", ""]);
    expect(healthOf({ manifest: running }).status).toBe("healthy");
  });
});

describe("as kstatus", () => {
  const kstatus = (manifest: Manifest) => {
    const { status, reason, message } = healthOf({ manifest }, [], "kstatus");
    return [status, reason, message];
  };

  it("waits for a DaemonSet's controller to have set both generations", () => {
    const set = (metadata: Fields, status: Fields): Manifest => ({
      ...object("apps/v1", "DaemonSet", { status: { ...scaled, ...status } }),
      metadata: { name: "a", ...metadata },
    });
    expect(kstatus(set({}, { observedGeneration: 1 }))).toEqual([
      "progressing",
      "NoGeneration",
      "DaemonSet metadata.generation not found",
    ]);
    expect(kstatus(set({ generation: 1 }, {}))).toEqual([
      "progressing",
      "NoObservedGeneration",
      "DaemonSet status.observedGeneration not found",
    ]);
    expect(kstatus(set({ generation: 1 }, { observedGeneration: 1 }))).toEqual([
      "healthy",
      undefined,
      "All replicas scheduled as expected. Replicas: 2",
    ]);
  });

  it("compares generations only where both are there, and takes a Ready that says nothing known for none", () => {
    const bare = { ...custom({ status: { observedGeneration: 3 } }), metadata: { name: "a" } };
    expect(kstatus(bare)).toEqual(["healthy", undefined, "Resource is current"]);
    expect(kstatus(custom({ status: { observedGeneration: 3 } }))).toEqual([
      "progressing",
      "LatestGenerationNotObserved",
      "Widget generation is 1, but latest observed generation is 3",
    ]);
    expect(kstatus(custom(conditions(condition("Ready", "Maybe"))))).toEqual([
      "healthy",
      undefined,
      "Resource is current",
    ]);
    expect(kstatus(custom(conditions(condition("Ready", "Unknown", "Why", "m"))))).toEqual(["progressing", "Why", "m"]);
  });

  it("names numbers in its words", () => {
    expect(kstatus(deployment({ replicas: 1 }))).toEqual(["progressing", "LessReplicas", "Replicas: 1/2"]);
    expect(kstatus(deployment({ ...rolled, updatedReplicas: 1 }))).toEqual([
      "progressing",
      "LessUpdated",
      "Updated: 1/2",
    ]);
    expect(kstatus(deployment({ ...rolled, replicas: 3 }))).toEqual([
      "progressing",
      "ExtraPods",
      "Pending termination: 1",
    ]);
    expect(kstatus(deployment({ ...rolled, availableReplicas: 1 }))).toEqual([
      "progressing",
      "LessAvailable",
      "Available: 1/2",
    ]);
    expect(kstatus(deployment({ ...rolled, readyReplicas: 1 }))).toEqual(["progressing", "LessReady", "Ready: 1/2"]);
  });
});

describe("health", () => {
  it("says why, in words that name numbers", () => {
    expect(healthOf({ manifest: deployment({ ...rolled, updatedReplicas: 1 }) })).toEqual({
      status: "progressing",
      reason: "Updating",
      message: "Waiting for rollout to finish: 1 out of 2 new replicas have been updated...",
    });
    const held = custom({}, { deletionTimestamp: "2026", finalizers: ["a/b", "c/d"] });
    expect(healthOf({ manifest: held }).message).toBe("it is being deleted; held by a/b, c/d");
    expect(
      healthOf({
        manifest: pod(
          { phase: "Failed", containerStatuses: [{ name: "c", state: { terminated: { exitCode: 3 } } }] },
          "Never",
        ),
      }).message,
    ).toBe('container "c" failed with exit code 3');
  });

  it("asks custom checks first; the first that answers decides", () => {
    const answer = { status: "suspended" } as const;
    const checks = [() => undefined, () => answer, () => ({ status: "degraded" }) as const];
    expect(healthOf({ manifest: custom({}) }, checks)).toBe(answer);
    expect(healthOf({ manifest: custom({}) }, [() => undefined])).toEqual({ status: "healthy" });
  });

  it("takes fields of another shape for absent", () => {
    for (const kind of ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"]) {
      for (const dialect of ["trueup", "argocd", "kstatus"] as const) {
        expect(() =>
          healthOf({ manifest: object("apps/v1", kind, { spec: "x", status: [1] }) }, [], dialect),
        ).not.toThrow();
      }
    }
    expect(healthOf({ manifest: custom({ status: { conditions: "none" } }) }).status).toBe("healthy");
  });
});
