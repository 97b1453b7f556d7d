import { TrueUpError } from "@trueup/spec";
import type { Key, KeyID, PartialConfig, Signature, SignaturePacket } from "openpgp";
import { loadOpenPgp, type OpenPgp } from "./load-openpgp.ts";

/** Who signed, or why that does not count. */
export type PgpVerdict = { readonly signer: string; readonly fingerprint: string } | { readonly refused: string };

export interface PgpVerifier {
  verify(armored: string, payload: Uint8Array): Promise<PgpVerdict>;
}

const BEGIN_KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END_KEY = "-----END PGP PUBLIC KEY BLOCK-----";
const END_SIGNATURE = "-----END PGP SIGNATURE-----";
/** A signature by an RSA key of 16,384 bits is a sixth of it. */
const MAX_SIGNATURE = 20_000;

/**
 * The armored blocks of public keys in a text. Throws `INVALID` where there is none, or a private key: that is nobody's to hand
 * out for verifying.
 */
export function publicKeyBlocks(text: string): readonly string[] {
  if (text.includes("BEGIN PGP PRIVATE KEY BLOCK"))
    throw new TrueUpError("INVALID", "verify.pgpKeys holds a private key");
  const blocks = text.split(BEGIN_KEY).slice(1);
  const whole = blocks.map((rest) => BEGIN_KEY + rest.slice(0, rest.indexOf(END_KEY)) + END_KEY);
  if (blocks.some((rest) => !rest.includes(END_KEY)))
    throw new TrueUpError("INVALID", "verify.pgpKeys holds a public key that is cut short");
  if (blocks.length === 0) throw new TrueUpError("INVALID", "verify.pgpKeys holds no armored public key");
  return whole;
}

/** Loads openpgp and reads the keys. Throws `INVALID` for a block that is no key, `UNSUPPORTED` where openpgp is not installed. */
export async function pgpVerifier(blocks: readonly string[]): Promise<PgpVerifier> {
  const openpgp = await loadOpenPgp();
  const keys: Key[] = [];
  for (const [index, armoredKeys] of blocks.entries()) {
    try {
      keys.push(...(await openpgp.readKeys({ armoredKeys })));
    } catch (error) {
      throw new TrueUpError("INVALID", `verify.pgpKeys, block ${index + 1}: is no PGP public key`, { cause: error });
    }
  }
  const { hash } = openpgp.enums;
  const strong: ReadonlySet<number> = new Set([hash.sha256, hash.sha384, hash.sha512, hash.sha3_256, hash.sha3_512]);
  const weak = new Set(
    Object.values(hash)
      .filter((value) => typeof value !== "string")
      .filter((value) => !strong.has(value)),
  );
  const config: PartialConfig = {
    rejectHashAlgorithms: weak,
    rejectMessageHashAlgorithms: weak,
    // gpg puts a new self-signature in place of the old when a key is prolonged. The key is valid now, which is asked first.
    allowInsecureVerificationWithReformattedKeys: true,
  };

  return {
    async verify(armored, payload) {
      const signature = await readOne(openpgp, armored);
      if (signature === undefined) return { refused: "its signature is damaged" };
      const [packet] = signature.packets as unknown as [SignaturePacket];
      const id = packet.issuerKeyID;
      const shown = id.toHex().toUpperCase();
      if (packet.signatureType !== openpgp.enums.signature.binary)
        return { refused: `its signature by PGP key ${shown} is not over the bytes as they are` };
      if (packet.hashAlgorithm === null || !strong.has(packet.hashAlgorithm))
        return { refused: `its signature by PGP key ${shown} is made with a weak hash` };
      let refused = `PGP key ${shown} is not an allowed signer`;
      // The id is eight bytes of a hash: two keys may share it.
      for (const key of keys.filter((key) => key.getKeys(id).length > 0)) {
        const verdict = await verifyWith(openpgp, key, signature, payload, config);
        if (!("refused" in verdict)) return verdict;
        refused = verdict.refused;
      }
      return { refused };
    },
  };
}

/** Undefined where it is not one signature and nothing else: of two, one could be anybody's. */
async function readOne(openpgp: OpenPgp, armored: string): Promise<Signature | undefined> {
  // What stands behind the end would be passed over.
  if (
    armored.length > MAX_SIGNATURE ||
    armored.indexOf(END_SIGNATURE) !== armored.trimEnd().length - END_SIGNATURE.length
  )
    return undefined;
  try {
    const signature = await openpgp.readSignature({ armoredSignature: armored });
    const [packet] = signature.packets;
    return signature.packets.length === 1 && packet instanceof openpgp.SignaturePacket ? signature : undefined;
  } catch {
    return undefined;
  }
}

async function verifyWith(
  openpgp: OpenPgp,
  key: Key,
  signature: Signature,
  payload: Uint8Array,
  config: PartialConfig,
): Promise<PgpVerdict> {
  const fingerprint = key.getFingerprint().toUpperCase();
  const [id] = signature.getSigningKeyIDs();
  const now = new Date();
  const whole = { ...openpgp.config, ...config };
  // A key that is revoked or expired by now counts for nothing, as `git verify-commit` has it: when something was signed is what
  // the key's holder says, and the holder may no longer be its owner.
  if (await isRevoked(openpgp, key, id, now)) return { refused: `PGP key ${fingerprint} is revoked` };
  try {
    await key.getSigningKey(id, now, undefined, whole);
  } catch (error) {
    return { refused: `PGP key ${fingerprint} may not sign: ${messageOf(error)}` };
  }
  try {
    const message = await openpgp.createMessage({ binary: payload });
    const verificationKeys = key;
    const result = await openpgp.verify({ message, signature, verificationKeys, format: "binary", date: now, config });
    await result.signatures[0]?.verified;
    const { user } = await key.getPrimaryUser(now, undefined, whole);
    return { signer: user.userID?.userID ?? fingerprint, fingerprint };
  } catch (error) {
    return { refused: `its signature by PGP key ${fingerprint} is wrong: ${messageOf(error)}` };
  }
}

/** The key, or the subkey that signed. However weak the hash of a revocation: whoever forges one only locks out. */
async function isRevoked(openpgp: OpenPgp, key: Key, id: KeyID | undefined, now: Date): Promise<boolean> {
  const config = { ...openpgp.config, rejectHashAlgorithms: new Set<never>() };
  if (await key.isRevoked(undefined, undefined, now, config)) return true;
  for (const subkey of key.getSubkeys(id)) {
    // No binding signature named: any revocation counts.
    if (await subkey.isRevoked(undefined as never, key.keyPacket, now, config)) return true;
  }
  return false;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
