/** Builds all that tests start (README.md), so that no build competes with tests for the processor. Says why where it cannot. */
import { binaries } from "./binaries.ts";

const found = await binaries([
  "etcd",
  "kube-apiserver",
  "kubectl",
  "kube-controller-manager",
  "kube-scheduler",
  "kwok",
]);
console.log(found.status === "found" ? Object.values(found.paths).join("\n") : found.reason);
