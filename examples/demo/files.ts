// What the demo's repository holds.
const web = (replicas: number): string => `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  labels:
    tier: front
spec:
  replicas: ${replicas}
  template:
    spec:
      containers:
        - name: web
          image: registry.example.org/shop:1.4.2
`;

const settings = `apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  namespace: shop
data:
  currency: EUR
  greeting: Welcome
`;

const robots = `apiVersion: filesystem.trueup.dev/v1
kind: File
metadata:
  name: robots
spec:
  path: public/robots.txt
  content: |
    User-agent: *
    Disallow: /cart
`;

export const FIRST_FILES: Readonly<Record<string, string>> = {
  "deploy/web.yaml": web(2),
  "deploy/settings.yaml": settings,
  "deploy/robots.yaml": robots,
};

export const SCALED = { "deploy/web.yaml": web(5) };
/** A label is text; this one is a number. */
export const BROKEN = { "deploy/web.yaml": web(5).replace("tier: front", "tier: 1") };
export const WITHOUT_SETTINGS = { "deploy/settings.yaml": null };
