import type { ListStrategy } from "./schema.ts";

/**
 * Which lists of the kinds of Kubernetes 1.21 merge, and by which fields: `field:Type`, `field:Type[key+key]` for a list that merges,
 * `[]` for one of scalars. Types without such a list below them are left out.
 */
const FIELDS: Readonly<Record<string, string>> = {
  ObjectMeta: "finalizers:[] ownerReferences:[uid]",
  MetadataOnly: "metadata:ObjectMeta",
  Conditions: "conditions:[type]",
  WithStatus: "metadata:ObjectMeta status:Conditions",
  ComponentStatus: "metadata:ObjectMeta conditions:[type]",
  Workload: "metadata:ObjectMeta spec:WorkloadSpec status:Conditions",
  WorkloadSpec: "template:PodTemplateSpec",
  StatefulSet: "metadata:ObjectMeta spec:StatefulSetSpec status:Conditions",
  StatefulSetSpec: "template:PodTemplateSpec volumeClaimTemplates:WithStatus",
  CronJob: "metadata:ObjectMeta spec:CronJobSpec",
  CronJobSpec: "jobTemplate:JobTemplateSpec",
  JobTemplateSpec: "metadata:ObjectMeta spec:WorkloadSpec",
  PodTemplate: "metadata:ObjectMeta template:PodTemplateSpec",
  PodTemplateSpec: "metadata:ObjectMeta spec:PodSpec",
  Pod: "metadata:ObjectMeta spec:PodSpec status:PodStatus",
  PodSpec:
    "containers:Container[name] initContainers:Container[name] ephemeralContainers:EphemeralContainer[name] hostAliases:[ip] " +
    "imagePullSecrets:[name] topologySpreadConstraints:[topologyKey+whenUnsatisfiable] volumes:Volume[name]",
  PodStatus: "conditions:[type] podIPs:[ip]",
  Container: "env:[name] ports:[containerPort+protocol] volumeDevices:[devicePath] volumeMounts:[mountPath]",
  EphemeralContainer: "env:[name] volumeDevices:[devicePath] volumeMounts:[mountPath]",
  Volume: "ephemeral:EphemeralVolumeSource",
  EphemeralVolumeSource: "volumeClaimTemplate:MetadataOnly",
  Service: "metadata:ObjectMeta spec:ServiceSpec status:Conditions",
  ServiceSpec: "ports:[port+protocol]",
  ServiceAccount: "metadata:ObjectMeta secrets:[name]",
  Node: "metadata:ObjectMeta spec:NodeSpec status:NodeStatus",
  NodeSpec: "podCIDRs:[]",
  NodeStatus: "addresses:[type] conditions:[type]",
  CSINode: "metadata:ObjectMeta spec:CSINodeSpec",
  CSINodeSpec: "drivers:[name]",
  Webhooks: "metadata:ObjectMeta webhooks:[name]",
  Kustomization: "configMapGenerator:[name] secretGenerator:[name]",
};

/** Kinds by their type, per group and versions; each has a list kind too, unless its name ends in `!`. */
const GROUPS: readonly (readonly [group: string, versions: string, type: string, kinds: string])[] = [
  ["", "v1", "MetadataOnly", "Binding! ConfigMap Endpoints Event LimitRange PersistentVolume ResourceQuota Secret"],
  ["", "v1", "WithStatus", "Namespace PersistentVolumeClaim"],
  ["", "v1", "Workload", "ReplicationController"],
  ["", "v1", "ComponentStatus", "ComponentStatus"],
  ["", "v1", "Node", "Node"],
  ["", "v1", "Pod", "Pod"],
  ["", "v1", "PodTemplate", "PodTemplate"],
  ["", "v1", "Service", "Service"],
  ["", "v1", "ServiceAccount", "ServiceAccount"],
  [
    "admissionregistration.k8s.io",
    "v1 v1beta1",
    "Webhooks",
    "MutatingWebhookConfiguration ValidatingWebhookConfiguration",
  ],
  ["apiextensions.k8s.io", "v1 v1beta1", "MetadataOnly", "CustomResourceDefinition"],
  ["apiregistration.k8s.io", "v1 v1beta1", "WithStatus", "APIService"],
  ["apps", "v1", "MetadataOnly", "ControllerRevision"],
  ["apps", "v1", "Workload", "DaemonSet Deployment ReplicaSet"],
  ["apps", "v1", "StatefulSet", "StatefulSet"],
  ["authentication.k8s.io", "v1", "MetadataOnly", "TokenRequest! TokenReview!"],
  ["authentication.k8s.io", "v1beta1", "MetadataOnly", "TokenReview!"],
  [
    "authorization.k8s.io",
    "v1 v1beta1",
    "MetadataOnly",
    "LocalSubjectAccessReview! SelfSubjectAccessReview! SelfSubjectRulesReview! SubjectAccessReview!",
  ],
  ["autoscaling", "v1", "MetadataOnly", "HorizontalPodAutoscaler Scale!"],
  ["autoscaling", "v2beta1 v2beta2", "MetadataOnly", "HorizontalPodAutoscaler"],
  ["batch", "v1", "Workload", "Job"],
  ["batch", "v1 v1beta1", "CronJob", "CronJob"],
  ["certificates.k8s.io", "v1 v1beta1", "MetadataOnly", "CertificateSigningRequest"],
  ["coordination.k8s.io", "v1 v1beta1", "MetadataOnly", "Lease"],
  ["discovery.k8s.io", "v1 v1beta1", "MetadataOnly", "EndpointSlice"],
  ["events.k8s.io", "v1 v1beta1", "MetadataOnly", "Event"],
  ["extensions", "v1beta1", "MetadataOnly", "Ingress"],
  ["flowcontrol.apiserver.k8s.io", "v1beta1", "MetadataOnly", "FlowSchema PriorityLevelConfiguration"],
  ["kustomize.config.k8s.io", "v1beta1", "Kustomization", "Kustomization!"],
  ["networking.k8s.io", "v1", "MetadataOnly", "Ingress IngressClass NetworkPolicy"],
  ["networking.k8s.io", "v1beta1", "MetadataOnly", "Ingress IngressClass"],
  ["node.k8s.io", "v1 v1beta1", "MetadataOnly", "RuntimeClass"],
  ["policy", "v1 v1beta1", "WithStatus", "PodDisruptionBudget"],
  ["policy", "v1beta1", "MetadataOnly", "Eviction! PodSecurityPolicy"],
  ["rbac.authorization.k8s.io", "v1 v1beta1", "MetadataOnly", "ClusterRole ClusterRoleBinding Role RoleBinding"],
  ["scheduling.k8s.io", "v1 v1beta1", "MetadataOnly", "PriorityClass"],
  ["storage.k8s.io", "v1 v1beta1", "MetadataOnly", "CSIDriver StorageClass VolumeAttachment"],
  ["storage.k8s.io", "v1 v1beta1", "CSINode", "CSINode"],
  ["storage.k8s.io", "v1beta1", "MetadataOnly", "CSIStorageCapacity"],
];

export interface TypeField {
  /** `""`: nothing below it merges. */
  readonly type: string;
  readonly list: ListStrategy | undefined;
}

function parseFields(source: string): Readonly<Record<string, TypeField>> {
  return Object.fromEntries(
    source.split(" ").map((field) => {
      const [name = "", rest = ""] = field.split(":");
      const bracket = rest.indexOf("[");
      if (bracket === -1) return [name, { type: rest, list: undefined }];
      const keys = rest.slice(bracket + 1, -1);
      return [
        name,
        { type: rest.slice(0, bracket), list: { strategy: "merge", keys: keys === "" ? [] : keys.split("+") } },
      ];
    }),
  );
}

export const TYPES: Readonly<Record<string, Readonly<Record<string, TypeField>>>> = Object.fromEntries(
  Object.entries(FIELDS).map(([type, fields]) => [type, parseFields(fields)]),
);

/** The type of `apiVersion kind`; that of a list kind is its items' with `List` behind it. */
export const KINDS: ReadonlyMap<string, string> = new Map(
  GROUPS.flatMap(([group, versions, type, kinds]) =>
    versions.split(" ").flatMap((version) =>
      kinds.split(" ").flatMap((entry): [string, string][] => {
        const apiVersion = group === "" ? version : `${group}/${version}`;
        const kind = entry.replace("!", "");
        const own: [string, string] = [`${apiVersion} ${kind}`, type];
        return kind === entry ? [own, [`${apiVersion} ${kind}List`, `${type}List`]] : [own];
      }),
    ),
  ),
);
