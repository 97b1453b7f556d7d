// What the demo's repository holds.

/** A small image that does nothing, so that a real cluster can run it. */
const web = (namespace: string, replicas: number): string => `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: ${namespace}
  labels:
    tier: front
spec:
  replicas: ${replicas}
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
        - name: web
          image: registry.k8s.io/pause:3.10
`;

const settings = (namespace: string): string => `apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  namespace: ${namespace}
data:
  currency: EUR
  greeting: Welcome
`;

const robots = (namespace: string): string => `apiVersion: v1
kind: ConfigMap
metadata:
  name: robots
  namespace: ${namespace}
data:
  robots.txt: |
    User-agent: *
    Disallow: /cart
`;

type Files = Readonly<Record<string, string | null>>;

export const firstFiles = (namespace: string): Readonly<Record<string, string>> => ({
  "deploy/web.yaml": web(namespace, 2),
  "deploy/settings.yaml": settings(namespace),
  "deploy/robots.yaml": robots(namespace),
});

export const scaled = (namespace: string): Files => ({ "deploy/web.yaml": web(namespace, 5) });
/** A label is text; this one is a number. */
export const broken = (namespace: string): Files => ({
  "deploy/web.yaml": web(namespace, 5).replace("tier: front", "tier: 1"),
});
export const WITHOUT_SETTINGS: Files = { "deploy/settings.yaml": null };
