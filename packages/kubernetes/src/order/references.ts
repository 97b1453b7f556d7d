import { groupOf, isObject, type Json, type JsonObject, type Manifest } from "@trueup/spec";
import { at, listAt, textAt } from "../health/object.ts";

/** Another object that one names, in its own namespace unless `namespace` says otherwise. */
export interface Reference {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  /** `""`: outside namespaces. Default: the namespace of the one that names it. */
  readonly namespace?: string;
}

/** What an object needs to be there before it is of use: what a pod mounts and runs as, its classes, what a binding binds. */
export function referencesOf(manifest: Manifest): readonly Reference[] {
  const object = manifest as unknown as JsonObject;
  const pod = podSpecOf(manifest, object);
  return [...(pod === undefined ? [] : podReferences(pod)), ...kindReferences(manifest, object)].filter(
    ({ name }) => name !== "",
  );
}

export function podSpecOf({ kind }: Manifest, object: JsonObject): JsonObject | undefined {
  const spec =
    kind === "Pod"
      ? at(object, "spec")
      : kind === "CronJob"
        ? at(object, "spec", "jobTemplate", "spec", "template", "spec")
        : at(object, "spec", "template", "spec");
  return isObject(spec) && Array.isArray(spec["containers"]) ? spec : undefined;
}

function podReferences(pod: JsonObject): Reference[] {
  const core = (kind: string, name: string): Reference => ({ group: "", kind, name });
  const found: Reference[] = [
    core("ServiceAccount", textAt(pod, "serviceAccountName")),
    { group: "scheduling.k8s.io", kind: "PriorityClass", name: textAt(pod, "priorityClassName"), namespace: "" },
    { group: "node.k8s.io", kind: "RuntimeClass", name: textAt(pod, "runtimeClassName"), namespace: "" },
  ];
  for (const secret of listAt(pod, "imagePullSecrets")) found.push(core("Secret", textAt(secret, "name")));
  for (const volume of listAt(pod, "volumes")) {
    for (const source of [volume, ...listAt(volume, "projected", "sources")]) {
      found.push(core("ConfigMap", textAt(source, "configMap", "name")));
      found.push(
        core("Secret", textAt(source, "secret", "secretName")),
        core("Secret", textAt(source, "secret", "name")),
      );
      found.push(core("PersistentVolumeClaim", textAt(source, "persistentVolumeClaim", "claimName")));
    }
  }
  for (const container of [...listAt(pod, "initContainers"), ...listAt(pod, "containers")]) {
    for (const from of listAt(container, "envFrom")) {
      found.push(
        core("ConfigMap", textAt(from, "configMapRef", "name")),
        core("Secret", textAt(from, "secretRef", "name")),
      );
    }
    for (const { valueFrom } of listAt(container, "env")) {
      found.push(core("ConfigMap", textAt(valueFrom, "configMapKeyRef", "name")));
      found.push(core("Secret", textAt(valueFrom, "secretKeyRef", "name")));
    }
  }
  return found;
}

function kindReferences({ kind, apiVersion }: Manifest, object: JsonObject): Reference[] {
  const group = groupOf(apiVersion);
  const storage = (name: string): Reference => ({ group: "storage.k8s.io", kind: "StorageClass", name, namespace: "" });
  switch (`${group}/${kind}`) {
    case "rbac.authorization.k8s.io/RoleBinding":
    case "rbac.authorization.k8s.io/ClusterRoleBinding":
      return [roleOf(object), ...subjectsOf(object)];
    case "/PersistentVolumeClaim":
      return [storage(textAt(object, "spec", "storageClassName"))];
    case "/PersistentVolume":
      return [storage(textAt(object, "spec", "storageClassName"))];
    case "apps/StatefulSet":
      return [
        { group: "", kind: "Service", name: textAt(object, "spec", "serviceName") },
        ...listAt(object, "spec", "volumeClaimTemplates").map((claim) =>
          storage(textAt(claim, "spec", "storageClassName")),
        ),
      ];
    case "networking.k8s.io/Ingress":
      return [
        {
          group: "networking.k8s.io",
          kind: "IngressClass",
          name: textAt(object, "spec", "ingressClassName"),
          namespace: "",
        },
        ...listAt(object, "spec", "tls").map((tls): Reference => ({
          group: "",
          kind: "Secret",
          name: textAt(tls, "secretName"),
        })),
      ];
    case "autoscaling/HorizontalPodAutoscaler": {
      const target = at(object, "spec", "scaleTargetRef");
      return [
        { group: groupOf(textAt(target, "apiVersion")), kind: textAt(target, "kind"), name: textAt(target, "name") },
      ];
    }
    case "gateway.networking.k8s.io/Gateway":
      return [{ group, kind: "GatewayClass", name: textAt(object, "spec", "gatewayClassName"), namespace: "" }];
    case "apiregistration.k8s.io/APIService":
      return [serviceOf(at(object, "spec", "service"))];
    case "admissionregistration.k8s.io/ValidatingWebhookConfiguration":
    case "admissionregistration.k8s.io/MutatingWebhookConfiguration":
      return listAt(object, "webhooks").map((webhook) => serviceOf(at(webhook, "clientConfig", "service")));
    default:
      return [];
  }
}

const serviceOf = (service: Json | undefined): Reference => ({
  group: "",
  kind: "Service",
  name: textAt(service, "name"),
  namespace: textAt(service, "namespace"),
});

function roleOf(object: JsonObject): Reference {
  const kind = textAt(object, "roleRef", "kind");
  const role = { group: "rbac.authorization.k8s.io", kind, name: textAt(object, "roleRef", "name") };
  return kind === "ClusterRole" ? { ...role, namespace: "" } : role;
}

const subjectsOf = (object: JsonObject): Reference[] =>
  listAt(object, "subjects")
    .filter((subject) => textAt(subject, "kind") === "ServiceAccount")
    .map((subject): Reference => {
      const namespace = textAt(subject, "namespace");
      return {
        group: "",
        kind: "ServiceAccount",
        name: textAt(subject, "name"),
        ...(namespace !== "" && { namespace }),
      };
    });
