import { randomBytes } from "node:crypto";
import { created, type Request } from "./request.ts";

export interface User {
  readonly name: string;
  readonly token: string;
  /** Path of a kubeconfig that acts as this user. */
  readonly kubeconfig: string;
}

export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

export interface UserOptions {
  /** One of `KubernetesOptions.users`. Default: a fresh one without groups. */
  readonly name?: string;
  /** What it may do, beside what every authenticated user may. Default: nothing. */
  readonly rules?: readonly PolicyRule[];
  /** Where it may do that. Default: everywhere, and outside namespaces. */
  readonly namespace?: string;
}

export const ADMIN = "admin";
const SPARE = 16;

/** The API server reads its tokens once, at the start: a few users are there in advance, with rights bound later. */
export function createTokens(named: Readonly<Record<string, readonly string[]>>): {
  readonly tokens: ReadonlyMap<string, string>;
  /** `--token-auth-file`: token, name, uid, groups. */
  readonly csv: string;
  readonly spare: string[];
} {
  const spare = Array.from({ length: SPARE }, (_, index) => `user-${index + 1}`);
  const groups = { [ADMIN]: ["system:masters"], ...named, ...Object.fromEntries(spare.map((name) => [name, []])) };
  const tokens = new Map(Object.keys(groups).map((name) => [name, randomBytes(16).toString("hex")]));
  const lines = Object.entries(groups).map(([name, of]) => `${tokens.get(name)},${name},${name},"${of.join(",")}"\n`);
  return { tokens, csv: lines.join(""), spare };
}

let bindings = 0;

/** Binds the rules and waits until the API server knows of it. */
export async function grant(
  request: Request,
  name: string,
  rules: readonly PolicyRule[],
  namespace?: string,
): Promise<void> {
  const [first] = rules;
  if (first === undefined) return;
  const apiVersion = "rbac.authorization.k8s.io/v1";
  const path = `/apis/${apiVersion}${namespace === undefined ? "" : `/namespaces/${namespace}`}`;
  const role = namespace === undefined ? "ClusterRole" : "Role";
  const metadata = { name: `test-${name}-${++bindings}` };
  const bound = {
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: role, name: metadata.name },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name }],
  };
  await created(request, `${path}/${role.toLowerCase()}s`, { apiVersion, kind: role, metadata, rules });
  await created(request, `${path}/${role.toLowerCase()}bindings`, {
    apiVersion,
    kind: `${role}Binding`,
    metadata,
    ...bound,
  });

  const resourceAttributes = {
    group: first.apiGroups[0],
    resource: first.resources[0],
    verb: first.verbs[0],
    name: first.resourceNames?.[0],
    namespace,
  };
  const review = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    spec: { user: name, resourceAttributes },
  };
  const reviews = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
  for (let tries = 0; tries < 500; tries++) {
    const answer = await created<{ status: { allowed: boolean } }>(request, reviews, review);
    if (answer.status.allowed) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`the rules bound to ${name} do not take effect: ${JSON.stringify(rules)}`);
}
