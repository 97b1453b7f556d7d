import type { Application, ApplicationSpec, Declared } from "@trueup/spec";
import { errorAt, throwAll } from "../errors.ts";
import { schemas } from "./schemas.ts";

const own = schemas({ crds: false });

/** The application that a `trueup.dev/v1` `Application` object declares. Throws `INVALID` with all that is wrong: file, line and field. */
export async function parseApplication(declared: Declared): Promise<Application> {
  const { apiVersion, kind, metadata } = declared.manifest;
  if (apiVersion !== "trueup.dev/v1" || kind !== "Application") {
    throw errorAt("INVALID", declared.origin, `not a trueup.dev/v1 Application but a ${apiVersion} ${kind}`);
  }
  throwAll(await own.validate([declared]));
  return { ...(declared.manifest["spec"] as unknown as ApplicationSpec), name: metadata.name };
}
