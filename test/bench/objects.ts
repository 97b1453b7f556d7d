import { memorySource, type MemorySource } from "@trueup/testkit";

/** The file of object `i`, of a typical size (about 600 bytes), in one of a hundred directories. */
export function objectFile(i: number, replicas = 2): readonly [string, string] {
  const name = `app-${i}`;
  const text = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  namespace: team-${i % 100}
  labels:
    app.kubernetes.io/name: ${name}
    app.kubernetes.io/part-of: shop
spec:
  replicas: ${replicas}
  selector:
    matchLabels:
      app.kubernetes.io/name: ${name}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: ${name}
    spec:
      containers:
        - name: main
          image: registry.example.org/${name}:1.0.${i % 10}
          ports:
            - containerPort: 8080
          resources:
            requests:
              cpu: 100m
              memory: 64Mi
`;
  return [`apps/team-${i % 100}/${name}.yaml`, text];
}

export function objectFiles(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => objectFile(i)));
}

export const sourceOf = (count: number): MemorySource => memorySource({ files: objectFiles(count) });
