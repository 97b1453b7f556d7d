/**
 * Kinds outside any namespace, by API version: those of Kubernetes 1.21, which is what kustomize 5.7 knows.
 * Everything else counts as inside one.
 */
const CLUSTER_SCOPED: ReadonlySet<string> = new Set(
  [
    ["admissionregistration.k8s.io", "v1 v1beta1", "MutatingWebhookConfiguration ValidatingWebhookConfiguration"],
    ["apiextensions.k8s.io", "v1 v1beta1", "CustomResourceDefinition"],
    ["apiregistration.k8s.io", "v1 v1beta1", "APIService"],
    ["certificates.k8s.io", "v1 v1beta1", "CertificateSigningRequest"],
    ["flowcontrol.apiserver.k8s.io", "v1beta1", "FlowSchema PriorityLevelConfiguration"],
    ["networking.k8s.io", "v1 v1beta1", "IngressClass"],
    ["node.k8s.io", "v1 v1beta1", "RuntimeClass"],
    ["policy", "v1beta1", "PodSecurityPolicy"],
    ["rbac.authorization.k8s.io", "v1 v1beta1", "ClusterRole ClusterRoleBinding"],
    ["scheduling.k8s.io", "v1 v1beta1", "PriorityClass"],
    ["storage.k8s.io", "v1 v1beta1", "CSIDriver CSINode StorageClass VolumeAttachment"],
    ["", "v1", "ComponentStatus Namespace Node NodeProxyOptions PersistentVolume"],
  ].flatMap(([group = "", versions = "", kinds = ""]) =>
    versions
      .split(" ")
      .flatMap((version) => kinds.split(" ").map((kind) => `${group === "" ? "" : `${group}/`}${version} ${kind}`)),
  ),
);

const KINDS: ReadonlySet<string> = new Set([...CLUSTER_SCOPED].map((known) => known.slice(known.indexOf(" ") + 1)));

/** Most are told by their kind alone, without a text to put together. */
export const isClusterScoped = (apiVersion: string, kind: string): boolean =>
  KINDS.has(kind) && CLUSTER_SCOPED.has(`${apiVersion} ${kind}`);
