import { createHash, sign } from "node:crypto";
import { TrueUpError } from "@trueup/spec";
import { loadSsh2 } from "./load-ssh2.ts";
import { sshString } from "./ssh-wire.ts";

export interface SshSignerOptions {
  /** As OpenSSH or PEM writes it: ed25519, ecdsa, or rsa. Nothing of it is logged or stored. */
  readonly privateKey: string | Uint8Array;
  /** Asked for each time, where the key is locked. */
  readonly passphrase?: () => string | Promise<string>;
}

const NAMESPACE = "git";
const HASH = "sha512";
/** Of a private key: what names its algorithm in a signature, and the digest that goes with it. */
const ALGORITHMS: Readonly<Record<string, { readonly name: string; readonly digest: string | null }>> = {
  "ssh-ed25519": { name: "ssh-ed25519", digest: null },
  "ssh-rsa": { name: "rsa-sha2-512", digest: "sha512" },
  "ecdsa-sha2-nistp256": { name: "ecdsa-sha2-nistp256", digest: "sha256" },
  "ecdsa-sha2-nistp384": { name: "ecdsa-sha2-nistp384", digest: "sha384" },
  "ecdsa-sha2-nistp521": { name: "ecdsa-sha2-nistp521", digest: "sha512" },
};

/** Signs commits and tags as `git` does with `ssh-keygen -Y sign`: what `sign` of a writer's calls takes. Needs the package `ssh2`. */
export function sshSigner(options: SshSignerOptions): (payload: Uint8Array) => Promise<string> {
  return async (payload) => {
    const { utils } = await loadSsh2();
    const given = options.privateKey;
    const key = utils.parseKey(typeof given === "string" ? given : Buffer.from(given), await options.passphrase?.());
    // What it says may quote what it was given.
    if (key instanceof Error || !key.isPrivateKey())
      throw new TrueUpError("INVALID", "privateKey is no SSH private key, or its passphrase is missing or wrong");
    const algorithm = ALGORITHMS[key.type];
    if (algorithm === undefined) throw new TrueUpError("UNSUPPORTED", `${key.type} keys do not sign`);
    const head = [sshString(NAMESPACE), sshString(""), sshString(HASH)];
    const digest = createHash(HASH).update(payload).digest();
    const made = sign(algorithm.digest, Buffer.concat([Buffer.from("SSHSIG"), ...head, sshString(digest)]), {
      key: key.getPrivatePEM(),
      dsaEncoding: "ieee-p1363",
    });
    const half = made.length / 2;
    const signature = key.type.startsWith("ecdsa-")
      ? Buffer.concat([integer(made.subarray(0, half)), integer(made.subarray(half))])
      : made;
    const whole = Buffer.concat([
      Buffer.from("SSHSIG\0\0\0\x01"),
      sshString(key.getPublicSSH()),
      ...head,
      sshString(Buffer.concat([sshString(algorithm.name), sshString(signature)])),
    ]);
    const lines = whole.toString("base64").match(/.{1,70}/g) ?? [];
    return ["-----BEGIN SSH SIGNATURE-----", ...lines, "-----END SSH SIGNATURE-----", ""].join("\n");
  };
}

/** RFC 4251 section 5: no zeros in front, but one where it would be negative otherwise. */
function integer(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const short = bytes.subarray(start);
  return sshString((short[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), short]) : short);
}
