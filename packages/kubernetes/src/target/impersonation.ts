import type { CallContext } from "@trueup/spec";
import type { Resource } from "../api/discovery.ts";
import type { System } from "./system.ts";

const FRESH_MS = 60_000;
const answers = new WeakMap<System, Map<string, { readonly allowed: Promise<boolean>; readonly until: number }>>();

/** Whether the application's own user could have read what our watch saw; asked once a minute for each user, kind and namespace. */
export async function mayRead(
  system: System,
  { group, version, plural: resource }: Resource,
  namespace: string,
  { as, signal }: Pick<CallContext, "as" | "signal">,
): Promise<boolean> {
  if (as === undefined) return true;
  const known = answers.get(system) ?? new Map();
  answers.set(system, known);
  const id = JSON.stringify([as.user, as.groups, group, resource, namespace]);
  const before = known.get(id);
  if (before !== undefined && before.until > performance.now()) return await before.allowed;
  const resourceAttributes = { group, version, resource, verb: "list", ...(namespace !== "" && { namespace }) };
  const asked = system.client.request<{ readonly status?: { readonly allowed?: boolean } }>({
    method: "POST",
    path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    body: { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec: { resourceAttributes } },
    what: `what ${as.user} may read`,
    as,
    signal,
  });
  const allowed = asked.then(({ body }) => body.status?.allowed === true);
  known.set(id, { allowed, until: performance.now() + FRESH_MS });
  allowed.catch(() => known.delete(id));
  return await allowed;
}
