import { TrueUpError } from "@trueup/spec";
import { loadOpenPgp } from "./load-openpgp.ts";

export interface PgpSignerOptions {
  /** Armored. Nothing of it is logged or stored. */
  readonly privateKey: string;
  /** Asked for each time, where the key is locked. */
  readonly passphrase?: () => string | Promise<string>;
}

/** Signs commits and tags as `git` does with gpg: what `sign` of a writer's calls takes. Needs the package `openpgp`. */
export function pgpSigner(options: PgpSignerOptions): (payload: Uint8Array) => Promise<string> {
  return async (payload) => {
    const openpgp = await loadOpenPgp();
    const { privateKey: armoredKey, passphrase } = options;
    // What openpgp says may hold parts of the key.
    const key = await openpgp.readPrivateKey({ armoredKey }).catch(() => {
      throw new TrueUpError("INVALID", "privateKey is no armored PGP private key");
    });
    let signingKeys = key;
    if (!key.isDecrypted()) {
      if (passphrase === undefined)
        throw new TrueUpError("INVALID", "privateKey is locked, and there is no passphrase");
      const given = await passphrase();
      signingKeys = await openpgp.decryptKey({ privateKey: key, passphrase: given }).catch(() => {
        throw new TrueUpError("FORBIDDEN", "the passphrase does not open privateKey");
      });
    }
    const message = await openpgp.createMessage({ binary: payload });
    try {
      return await openpgp.sign({ message, signingKeys, detached: true });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new TrueUpError("INVALID", `PGP key ${key.getFingerprint().toUpperCase()} cannot sign: ${why}`);
    }
  };
}
