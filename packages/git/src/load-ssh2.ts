import { TrueUpError } from "@trueup/spec";
import type * as Ssh2 from "ssh2";

/** The library for ssh, which embedders who use it install. Throws `UNSUPPORTED` where it is not there. */
export async function loadSsh2(): Promise<Pick<typeof Ssh2, "Client" | "utils">> {
  try {
    const { default: ssh2 } = await import("ssh2");
    return ssh2;
  } catch (error) {
    throw new TrueUpError("UNSUPPORTED", "ssh addresses and keys need the package ssh2, which is not installed", {
      cause: error,
    });
  }
}
