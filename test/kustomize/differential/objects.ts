import { raw, type Value } from "./print.ts";
import type { Random } from "./random.ts";

export type Obj = { readonly [key: string]: Value | undefined };

export const NAMES = ["web", "db", "cache", "api", "web-1", "job"] as const;
export const NAMESPACES = ["prod", "dev", "default"] as const;
const IMAGES = [
  "nginx",
  "nginx:1.25",
  "gcr.io/a/b:v1",
  "localhost:5000/x",
  "redis@sha256:24a0c4b4a4c0eb97a1aabb8e29f18e917d05abfe1b7a7c07857230879ce7d3d3",
  "nginx:1.7.9@sha256:24a0c4",
];

/** Texts that one reader or another takes for something else. */
const ODD = [
  "010",
  "0x1F",
  "1e3",
  "1.10",
  ".5",
  "+1",
  "-0",
  "1_000",
  "0o17",
  "0b11",
  "12345678901234567890",
  "9007199254740993",
  "1.0",
  "yes",
  "no",
  "on",
  "Off",
  "y",
  "N",
  "true",
  "False",
  "NULL",
  "~",
  "null",
  "2001-01-01",
  "2001-12-14t21:59:43.10-05:00",
  "2001-12-14 21:59:43",
  "1:30",
  "1:30:00",
  "<<",
  "=",
  "!!str 5",
  '!!int "7"',
  "!!float 3",
  "'quoted'",
  '"double"',
  "'123'",
  '"true"',
  "08",
  "0.1e-7",
  "1e21",
  "100000000000000000000",
  "123456789.5",
  "a:b",
  "é",
  '"\\u2028 \\u00e9"',
] as const;

export const odd = (random: Random): Value => raw(random.pick(ODD));

const TEXTS = [
  "plain",
  "two words",
  "line one\nline two\n",
  "line one\nline two",
  "trailing space ",
  "  leading",
  "colon: inside",
  "hash # inside",
  "a very long text that has to be folded because it goes on and on beyond eighty columns, with words that could break anywhere in it",
  "tab\there",
  "emoji \u{1f600} and é",
  "quote \" and ' both",
  "$(VAR_ONE) and $$(VAR_ONE)",
  "",
  "123",
  "true",
  "*star",
  "&anchor",
  "{json: 1}",
  "[x]",
  "@at",
  "%percent",
  "key=value",
  "-dash",
  "? question",
  "| pipe",
  "> greater",
] as const;

export const someText = (random: Random): Value => (random.chance(0.8) ? random.pick(TEXTS) : odd(random));

const KEYS = ["app", "tier", "a.b/c", "example.com/long-key", "x", "KEY_1", "config.yaml"] as const;

export function texts(random: Random, most = 3): Obj | undefined {
  const entries = random.some(KEYS, 0.3).slice(0, most);
  if (entries.length === 0) return random.chance(0.05) ? {} : undefined;
  return Object.fromEntries(entries.map((key) => [key, someText(random)]));
}

const labels = (random: Random): Obj | undefined => {
  const entries = random.some(["app", "tier", "env"], 0.5);
  return entries.length === 0 ? undefined : Object.fromEntries(entries.map((key) => [key, random.pick(NAMES)]));
};

function metadata(random: Random, name: string, namespaced = true): Obj {
  return {
    name,
    namespace: namespaced && random.chance(0.3) ? random.pick(NAMESPACES) : undefined,
    labels: labels(random),
    annotations: random.chance(0.3) ? texts(random) : undefined,
  };
}

function container(random: Random, name: string): Obj {
  return {
    name,
    image: random.chance(0.95) ? random.pick(IMAGES) : undefined,
    command: random.chance(0.2) ? ["run", "--flag", "$(VAR_ONE)"] : undefined,
    args: random.chance(0.2) ? ["$(VAR_TWO)", someText(random)] : undefined,
    env: random.chance(0.5)
      ? random.times(3, (i) => {
          const kind = random.below(4);
          const key = `ENV_${i}`;
          if (kind === 0) return { name: key, valueFrom: { configMapKeyRef: { name: random.pick(NAMES), key: "x" } } };
          if (kind === 1)
            return { name: key, valueFrom: { secretKeyRef: { name: random.pick(NAMES), key: "x", optional: true } } };
          return { name: key, value: someText(random) };
        })
      : undefined,
    envFrom: random.chance(0.2)
      ? [{ configMapRef: { name: random.pick(NAMES) } }, { secretRef: { name: random.pick(NAMES) } }]
      : undefined,
    ports: random.chance(0.5)
      ? random.times(3, (i) => ({
          containerPort: random.chance(0.9) ? 80 + i : random.pick([80, 81]),
          protocol: random.chance(0.5) ? random.pick(["TCP", "UDP"]) : undefined,
          name: random.chance(0.3) ? `p${i}` : undefined,
        }))
      : undefined,
    volumeMounts: random.chance(0.3)
      ? [
          { name: "data", mountPath: "/data" },
          { name: "etc", mountPath: "/etc/x", subPath: "x" },
        ]
      : undefined,
    resources: random.chance(0.2)
      ? { limits: { cpu: random.pick([raw("1"), "500m", raw("0.5")]), memory: "1Gi" } }
      : undefined,
  };
}

function podSpec(random: Random): Obj {
  return {
    serviceAccountName: random.chance(0.3) ? random.pick(NAMES) : undefined,
    containers: random.times(2, (i) => container(random, ["main", "side"][i] ?? "x"), 1),
    initContainers: random.chance(0.15) ? [container(random, "init")] : undefined,
    volumes: random.chance(0.4)
      ? [
          { name: "data", configMap: { name: random.pick(NAMES) } },
          { name: "etc", secret: { secretName: random.pick(NAMES) } },
          ...(random.chance(0.3) ? [{ name: "pvc", persistentVolumeClaim: { claimName: random.pick(NAMES) } }] : []),
          ...(random.chance(0.3)
            ? [
                {
                  name: "all",
                  projected: {
                    sources: [{ configMap: { name: random.pick(NAMES) } }, { secret: { name: random.pick(NAMES) } }],
                  },
                },
              ]
            : []),
        ]
      : undefined,
    imagePullSecrets: random.chance(0.2) ? [{ name: random.pick(NAMES) }] : undefined,
    tolerations: random.chance(0.1) ? [{ key: "a", operator: "Exists" }] : undefined,
    topologySpreadConstraints: random.chance(0.1)
      ? [
          {
            topologyKey: "zone",
            whenUnsatisfiable: "DoNotSchedule",
            maxSkew: 1,
            labelSelector: { matchLabels: { app: "web" } },
          },
        ]
      : undefined,
    affinity: random.chance(0.1)
      ? {
          podAntiAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 100, podAffinityTerm: { topologyKey: "host", labelSelector: { matchLabels: { app: "web" } } } },
            ],
          },
        }
      : undefined,
    hostAliases: random.chance(0.1) ? [{ ip: "127.0.0.1", hostnames: ["a"] }] : undefined,
    nodeSelector: random.chance(0.1) ? { disk: someText(random) } : undefined,
  };
}

const template = (random: Random): Obj => ({
  metadata: random.chance(0.8)
    ? { labels: labels(random), annotations: random.chance(0.2) ? texts(random) : undefined }
    : undefined,
  spec: podSpec(random),
});

const workload =
  (apiVersion: string, kind: string) =>
  (random: Random, name: string): Obj => ({
    apiVersion,
    kind,
    metadata: metadata(random, name),
    spec: {
      replicas: random.chance(0.5) ? random.pick([raw("1"), raw("3"), raw("'2'")]) : undefined,
      selector: random.chance(0.8) ? { matchLabels: labels(random) ?? { app: "web" } } : undefined,
      template: template(random),
      strategy:
        kind === "Deployment" && random.chance(0.2)
          ? { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } }
          : undefined,
      serviceName: kind === "StatefulSet" ? random.pick(NAMES) : undefined,
      volumeClaimTemplates:
        kind === "StatefulSet" && random.chance(0.5)
          ? [
              {
                metadata: { name: "data" },
                spec: { storageClassName: random.pick(NAMES), resources: { requests: { storage: "1Gi" } } },
              },
            ]
          : undefined,
    },
  });

const subject = (random: Random): Obj => ({
  kind: random.pick(["ServiceAccount", "User", "ServiceAccount"]),
  name: random.pick([...NAMES, "default"]),
  namespace: random.chance(0.5) ? random.pick(NAMESPACES) : undefined,
});

const binding =
  (kind: string, roleKind: string) =>
  (random: Random, name: string): Obj => ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind,
    metadata: metadata(random, name, kind === "RoleBinding"),
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: roleKind, name: random.pick(NAMES) },
    subjects: random.times(3, () => subject(random), 1),
  });

const role =
  (kind: string) =>
  (random: Random, name: string): Obj => ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind,
    metadata: metadata(random, name, kind === "Role"),
    rules: [
      {
        apiGroups: [""],
        resources: [random.pick(["configmaps", "secrets"])],
        verbs: ["get"],
        resourceNames: random.chance(0.5) ? [random.pick(NAMES)] : undefined,
      },
    ],
  });

/** Objects of all the kinds that kustomize treats in some way of its own, and of some that it does not know. */
export const MAKERS: readonly ((random: Random, name: string) => Obj)[] = [
  workload("apps/v1", "Deployment"),
  workload("apps/v1", "Deployment"),
  workload("apps/v1", "StatefulSet"),
  workload("apps/v1", "DaemonSet"),
  workload("apps/v1", "ReplicaSet"),
  (random, name) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: metadata(random, name), data: texts(random) }),
  (random, name) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: metadata(random, name),
    data: texts(random),
    immutable: random.chance(0.3) ? true : undefined,
  }),
  (random, name) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: metadata(random, name),
    type: "Opaque",
    data: random.chance(0.5) ? { a: "YQ==" } : undefined,
    stringData: random.chance(0.5) ? texts(random) : undefined,
  }),
  (random, name) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: metadata(random, name),
    spec: {
      selector: random.chance(0.7) ? labels(random) : undefined,
      ports: random.times(
        3,
        (i) => ({
          port: 80 + i,
          protocol: random.chance(0.5) ? "TCP" : undefined,
          targetPort: random.pick([raw("8080"), "http"]),
          name: `p${i}`,
        }),
        1,
      ),
      type: random.chance(0.2) ? "LoadBalancer" : undefined,
    },
  }),
  (random, name) => ({
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: metadata(random, name),
    secrets: random.chance(0.3) ? [{ name: random.pick(NAMES) }] : undefined,
    imagePullSecrets: random.chance(0.3) ? [{ name: random.pick(NAMES) }] : undefined,
  }),
  (random, name) => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: metadata(random, random.chance(0.5) ? random.pick(NAMESPACES) : name, false),
  }),
  role("Role"),
  role("ClusterRole"),
  binding("RoleBinding", "Role"),
  binding("RoleBinding", "ClusterRole"),
  binding("ClusterRoleBinding", "ClusterRole"),
  (random, name) => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: metadata(random, name),
    spec: {
      ingressClassName: random.chance(0.3) ? random.pick(NAMES) : undefined,
      tls: random.chance(0.3) ? [{ secretName: random.pick(NAMES), hosts: ["a.example"] }] : undefined,
      rules: [
        {
          host: "a.example",
          http: {
            paths: [
              {
                path: "/",
                pathType: "Prefix",
                backend: { service: { name: random.pick(NAMES), port: { number: 80 } } },
              },
            ],
          },
        },
      ],
    },
  }),
  (random, name) => ({
    apiVersion: random.pick(["autoscaling/v2", "autoscaling/v1"]),
    kind: "HorizontalPodAutoscaler",
    metadata: metadata(random, name),
    spec: {
      scaleTargetRef: {
        apiVersion: "apps/v1",
        kind: random.pick(["Deployment", "StatefulSet"]),
        name: random.pick(NAMES),
      },
      maxReplicas: 3,
    },
  }),
  (random, name) => ({
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: metadata(random, name),
    spec: { minAvailable: 1, selector: { matchLabels: labels(random) } },
  }),
  (random, name) => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: metadata(random, name),
    spec: {
      podSelector: { matchLabels: labels(random) },
      ingress: [{ from: [{ podSelector: { matchLabels: { app: "web" } } }, { namespaceSelector: {} }] }],
    },
  }),
  (random, name) => ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: metadata(random, name),
    spec: { storageClassName: random.pick(NAMES), volumeName: random.chance(0.3) ? random.pick(NAMES) : undefined },
  }),
  (random, name) => ({
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: metadata(random, name, false),
    spec: {
      capacity: { storage: "1Gi" },
      claimRef: random.chance(0.3)
        ? { kind: "PersistentVolumeClaim", name: random.pick(NAMES), namespace: random.pick(NAMESPACES) }
        : undefined,
    },
  }),
  (random, name) => ({
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: metadata(random, name, false),
    provisioner: "x",
  }),
  (random, name) => ({
    apiVersion: "scheduling.k8s.io/v1",
    kind: "PriorityClass",
    metadata: metadata(random, name, false),
    value: random.pick([raw("1000000"), raw("1e3")]),
  }),
  (random, name) => ({
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: metadata(random, name),
    spec: {
      schedule: "*/5 * * * *",
      jobTemplate: {
        metadata: random.chance(0.3) ? { labels: labels(random) } : undefined,
        spec: { template: template(random) },
      },
    },
  }),
  (random, name) => ({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: metadata(random, name),
    spec: { backoffLimit: 2, template: template(random) },
  }),
  (random, name) => ({ apiVersion: "v1", kind: "Pod", metadata: metadata(random, name), spec: podSpec(random) }),
  (random, name) => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: metadata(random, `${name}s.example.com`, false),
    spec: {
      group: "example.com",
      names: { kind: "Widget", plural: `${name}s` },
      conversion: random.chance(0.3)
        ? { webhook: { clientConfig: { service: { name: random.pick(NAMES), namespace: "default" } } } }
        : undefined,
    },
  }),
  (random, name) => ({
    apiVersion: "example.com/v1",
    kind: "Widget",
    metadata: metadata(random, name),
    spec: {
      size: odd(random),
      containers: random.chance(0.3) ? [{ name: "x", image: random.pick(IMAGES) }] : undefined,
      list: [1, odd(random), { a: someText(random) }],
      ref: { name: random.pick(NAMES) },
    },
  }),
  (random, name) => ({
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: random.pick(["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"]),
    metadata: metadata(random, name, false),
    webhooks: [
      {
        name: "a.example.com",
        clientConfig: { service: { name: random.pick(NAMES), namespace: random.pick(NAMESPACES), path: "/x" } },
      },
    ],
  }),
  (random, name) => ({
    apiVersion: "apiregistration.k8s.io/v1",
    kind: "APIService",
    metadata: metadata(random, `v1.${name}`, false),
    spec: { group: "a", version: "v1", service: { name: random.pick(NAMES), namespace: random.pick(NAMESPACES) } },
  }),
];
