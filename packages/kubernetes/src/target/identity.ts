import { createHash } from "node:crypto";
import { isTrueUpError, TrueUpError, type Capabilities, type Manifest } from "@trueup/spec";
import { apiVersionOf } from "../api/path.ts";
import type { System } from "./system.ts";

/** The uid of the namespace kube-system, which every cluster has and none shares; a digest of the address where it may not be read. */
export async function identityOf({ client, settings }: System): Promise<string> {
  if (settings.identity !== undefined) return settings.identity;
  try {
    const { body } = await client.request<Manifest>({
      path: "/api/v1/namespaces/kube-system",
      what: "what cluster this is",
    });
    const { uid } = body.metadata;
    if (typeof uid === "string" && uid !== "") return uid;
    throw new TrueUpError("INCOMPLETE", "the namespace kube-system has no uid");
  } catch (error) {
    if (!isTrueUpError(error) || (error.code !== "FORBIDDEN" && error.code !== "NOT_FOUND")) throw error;
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
