import { TrueUpError, type Live, type Health, type Logger, type ObjectSelector } from "@trueup/spec";
import type { Connection } from "../connect/connection.ts";
import type { Fetch } from "../connect/fetch.ts";
import type { KubeconfigOptions } from "../connect/kubeconfig.ts";
import type { HealthCheck } from "../health/check.ts";

export type Propagation = "foreground" | "background" | "orphan";

export interface KubernetesOptions extends KubeconfigOptions {
  /** Default `kubernetes`. Stands in keys and marks: it must stay the same. */
  readonly name?: string;
  /** Instead of a kubeconfig: a server and credentials of the embedder's own. */
  readonly connection?: Connection;
  /** Sends requests. Default: HTTP/2 sessions of our own. */
  readonly fetch?: Fetch;
  /** For objects that name none. Default: the context's, else `default`. */
  readonly namespace?: string;
  /** What may be touched, checked before any call. Default: everything. */
  readonly allow?: readonly ObjectSelector[];
  /** Watch these namespaces only, and never list a whole cluster. Default: the cluster; where that is forbidden, the namespaces in use. */
  readonly namespaces?: readonly string[];
  /** Default `trueup`. */
  readonly fieldManager?: string;
  /** Managers whose fields become ours before an apply, beside kubectl's: those of a tool that we take over from. */
  readonly takeOverFrom?: readonly string[];
  /** Where another manager holds a field that we declare. Default `force`: taken over, and told. */
  readonly conflicts?: "force" | "fail";
  /** What becomes of dependents on a delete. Default `background`. */
  readonly propagation?: Propagation;
  /** Custom health checks, asked before the built-in ones; the first that answers decides. */
  readonly health?: readonly HealthCheck[];
  /** What `identity()` answers. Default: the uid of the namespace kube-system; where that may not be read, a digest of the server's address. */
  readonly identity?: string;
  /** Default `trueup`. */
  readonly userAgent?: string;
  /** Milliseconds a request may take. Default 60,000. */
  readonly timeoutMs?: number;
  /** Milliseconds of silence after which a watch is taken for dead; a server says something every minute. Default 90,000. */
  readonly silenceMs?: number;
  readonly logger?: Logger;
}

/** What is used when nothing is said. */
export interface Settings {
  readonly name: string;
  readonly namespace: string;
  readonly allow: readonly ObjectSelector[] | undefined;
  readonly namespaces: readonly string[] | undefined;
  readonly fieldManager: string;
  readonly managers: ReadonlySet<string>;
  readonly conflicts: "force" | "fail";
  readonly propagation: Propagation;
  readonly identity: string | undefined;
  readonly silenceMs: number;
  readonly health: (live: Live) => Health;
  readonly logger: Logger | undefined;
}

/** What kubectl calls itself where it writes an object as a whole. Not `kubectl-rollout`, `-label`, `-annotate`, `-scale`: those add to it. */
const KUBECTL = [
  "kubectl",
  "kubectl-client-side-apply",
  "kubectl-create",
  "kubectl-edit",
  "kubectl-replace",
  "kubectl-patch",
];
/** Fields of objects that were made before anybody tracked fields. */
const BEFORE = "before-first-apply";

export function managersToMigrate({
  fieldManager = "trueup",
  takeOverFrom = [],
}: KubernetesOptions): ReadonlySet<string> {
  return new Set([...KUBECTL, BEFORE, fieldManager, ...takeOverFrom]);
}

/** Throws `INVALID` naming the option. */
export function checkOptions(options: KubernetesOptions): void {
  const { fieldManager = "trueup", silenceMs = 90_000, timeoutMs = 60_000, name = "kubernetes" } = options;
  const refuse = (option: string, wanted: string, value: unknown): never => {
    throw new TrueUpError("INVALID", `kubernetes: ${option} must be ${wanted}, not ${JSON.stringify(value)}`);
  };
  if (name === "") refuse("name", "a name", name);
  if (fieldManager === "" || Buffer.byteLength(fieldManager) > 128)
    refuse("fieldManager", "1 to 128 bytes", fieldManager);
  for (const [option, value] of Object.entries({ silenceMs, timeoutMs })) {
    if (!Number.isFinite(value) || value < 100) refuse(option, "at least 100 ms", value);
  }
}
