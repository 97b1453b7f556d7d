import { TrueUpError, type Origin } from "@trueup/spec";
import { struct, text, type Decoder } from "../go/decode.ts";
import { Resource } from "../resource.ts";
import { appendField, map, scalar, text as textNode } from "../yaml/node.ts";

export interface IamArgs {
  cloud?: string;
  kubernetesService?: { name?: string; namespace?: string };
  serviceAccount?: { name?: string; projectId?: string };
}
export const iamArgs: Decoder<IamArgs> = struct({
  cloud: text,
  kubernetesService: struct({ name: text, namespace: text }),
  serviceAccount: struct({ name: text, projectId: text }),
});

/** A service account bound to one of Google Cloud. */
export function generateIamPolicy(
  { cloud = "", kubernetesService = {}, serviceAccount = {} }: IamArgs,
  origin: Origin,
): Resource {
  if (cloud !== "gke") throw new TrueUpError("INVALID", `cloud provider ${cloud} not supported yet`, { origin });
  const account = `${serviceAccount.name ?? ""}@${serviceAccount.projectId ?? ""}.iam.gserviceaccount.com`;
  const metadata = map([
    scalar("annotations"),
    map([scalar("iam.gke.io/gcp-service-account"), textNode(account)]),
    scalar("name"),
    textNode(kubernetesService.name ?? ""),
  ]);
  if (kubernetesService.namespace) appendField(metadata, scalar("namespace"), textNode(kubernetesService.namespace));
  return new Resource(
    map([
      scalar("apiVersion"),
      textNode("v1"),
      scalar("kind"),
      textNode("ServiceAccount"),
      scalar("metadata"),
      metadata,
    ]),
    origin,
  );
}
