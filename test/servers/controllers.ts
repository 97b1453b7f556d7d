import { fileURLToPath } from "node:url";
import type { Program } from "./binaries.ts";
import { created, type Request } from "./request.ts";

export interface ControllersInput {
  readonly start: (program: Program, args: readonly string[]) => unknown;
  readonly file: (name: string) => string;
  readonly kubeconfig: string;
  readonly request: Request;
}

/** The servers that make things happen in a cluster. kwok plays the kubelet of one big node: see stages.yaml. */
export async function startControllers({ start, file, kubeconfig, request }: ControllersInput): Promise<void> {
  start("kube-controller-manager", [
    `--kubeconfig=${kubeconfig}`,
    `--service-account-private-key-file=${file("sa.key")}`,
    "--leader-elect=false",
    "--secure-port=0",
    "--use-service-account-credentials=false",
  ]);
  start("kube-scheduler", [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    "--leader-elect=false",
    "--secure-port=0",
  ]);
  start("kwok", [
    `--kubeconfig=${kubeconfig}`,
    "--manage-all-nodes=true",
    "--server-address=127.0.0.1:0",
    "--cidr=10.64.0.0/16", // of pods; services have 10.0.0.0/24
    "--node-lease-duration-seconds=40", // without a lease the node is taken for dead after a minute
    `--config=${fileURLToPath(new URL("stages.yaml", import.meta.url))}`,
  ]);
  const room = { cpu: "1k", memory: "1Ti", pods: "10k" };
  await created(request, "/api/v1/nodes", {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "node-1", labels: { "kubernetes.io/hostname": "node-1", "kubernetes.io/os": "linux" } },
    status: { allocatable: room, capacity: room },
  });
}
