import { TrueUpError } from "@trueup/spec";
import type * as OpenPgpModule from "openpgp";

export type OpenPgp = typeof OpenPgpModule;

/** The library for PGP, which embedders who use it install. Throws `UNSUPPORTED` where it is not there. */
export async function loadOpenPgp(): Promise<OpenPgp> {
  try {
    return await import("openpgp");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new TrueUpError("UNSUPPORTED", "PGP needs the package openpgp, which is not installed", { cause: error });
  }
}
