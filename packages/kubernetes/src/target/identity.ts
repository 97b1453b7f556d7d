import { createHash } from "node:crypto";
import { TrueUpError, type Capabilities, type Manifest } from "@trueup/spec";
import { failureIn } from "../api/failure.ts";
import { apiVersionOf } from "../api/path.ts";
import type { System } from "./system.ts";

/** Asked again after this: behind an address another cluster may stand one day. */
const FRESH_MS = 60_000;
const known = new WeakMap<System, { readonly identity: Promise<string>; readonly until: number }>();

/** The uid of the namespace kube-system, which every cluster has and none shares; a digest of the address where it may not be read. */
export async function identityOf(system: System): Promise<string> {
  if (system.settings.identity !== undefined) return system.settings.identity;
  const before = known.get(system);
  if (before !== undefined && before.until > performance.now()) return await before.identity;
  const identity = ask(system);
  known.set(system, { identity, until: performance.now() + FRESH_MS });
  identity.catch(() => known.delete(system));
  return await identity;
}

async function ask({ client }: System): Promise<string> {
  try {
    const { body } = await client.request<Manifest>({
      path: "/api/v1/namespaces/kube-system",
      what: "what cluster this is",
    });
    const { uid } = body.metadata;
    if (typeof uid === "string" && uid !== "") return uid;
    throw new TrueUpError("INCOMPLETE", "the namespace kube-system has no uid");
  } catch (error) {
    // Who is not known at all (401) learns nothing: by another identity this would be taken for another cluster.
    const status = failureIn(error)?.status;
    if (status !== 403 && status !== 404) throw error;
    return `server-${createHash("sha256").update(client.server).digest("hex").slice(0, 32)}`;
  }
}

export async function capabilitiesOf({ client, discovery }: System): Promise<Capabilities> {
  const [{ resources }, { body }] = await Promise.all([
    discovery.served(),
    client.request<{ readonly gitVersion?: string }>({ path: "/version", what: "the server's version" }),
  ]);
  const apiVersions = new Set(
    resources.flatMap((resource) => [apiVersionOf(resource), `${apiVersionOf(resource)}/${resource.kind}`]),
  );
  return { apiVersions: [...apiVersions].toSorted(), ...(body.gitVersion && { version: body.gitVersion }) };
}
