/** A base and an overlay for each of two environments, as Flux and Argo CD users have them. */
export const files: Readonly<Record<string, string>> = {
  "base/kustomization.yaml": "resources: [web.yaml]\nconfigMapGenerator:\n- name: settings\n  literals: [level=info]\n",
  "base/web.yaml": `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  template:
    spec:
      containers:
      - name: web
        image: registry.example/web:1.0
        envFrom:
        - configMapRef: { name: settings }
`,
  "staging/kustomization.yaml": "resources: [../base]\nnamespace: staging\n",
  "production/kustomization.yaml": `resources: [../base]
namespace: production
replicas:
- { name: web, count: 5 }
images:
- { name: registry.example/web, newTag: "1.1" }
configMapGenerator:
- name: settings
  behavior: merge
  literals: [level=warn]
`,
};
