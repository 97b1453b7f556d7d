import { createHash, createPublicKey, verify, type JsonWebKey } from "node:crypto";
import { sshString, SshReader } from "./ssh-wire.ts";

/** PROTOCOL.sshsig of OpenSSH. */
export interface SshSignature {
  /** The public key's blob, as it stands in an `authorized_keys` line. */
  readonly publicKey: Buffer;
  readonly namespace: string;
  readonly reserved: Buffer;
  readonly hash: string;
  readonly algorithm: string;
  readonly signature: Buffer;
}

const ARMOR = /^-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]{1,20000})\n-----END SSH SIGNATURE-----\n?$/;

/** Undefined where it is none. */
export function parseSshSignature(armored: string): SshSignature | undefined {
  const body = ARMOR.exec(armored.replaceAll("\r\n", "\n"))?.[1];
  if (body === undefined) return undefined;
  try {
    const reader = new SshReader(Buffer.from(body, "base64"));
    if (reader.take(6).toString("latin1") !== "SSHSIG" || reader.integer() !== 1) return undefined;
    const publicKey = reader.string();
    const namespace = reader.text();
    const reserved = reader.string();
    const hash = reader.text();
    const inner = new SshReader(reader.string());
    const parsed = { publicKey, namespace, reserved, hash, algorithm: inner.text(), signature: inner.string() };
    return reader.done && inner.done ? parsed : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** `SHA256:…`, as `ssh-keygen -l` prints it. */
export function sshFingerprint(publicKey: Buffer): string {
  return `SHA256:${createHash("sha256").update(publicKey).digest("base64").replace(/=+$/, "")}`;
}

const MIN_RSA_BITS = 2048;
const CURVES: Readonly<Record<string, { name: string; bytes: number; digest: string }>> = {
  "ecdsa-sha2-nistp256": { name: "P-256", bytes: 32, digest: "sha256" },
  "ecdsa-sha2-nistp384": { name: "P-384", bytes: 48, digest: "sha384" },
  "ecdsa-sha2-nistp521": { name: "P-521", bytes: 66, digest: "sha512" },
};

/** Whether the key it names made it over this payload for this namespace. Whose key that is, is another question. */
export function verifySshSignature(given: SshSignature, payload: Uint8Array, namespace: string): boolean {
  if (given.namespace !== namespace || (given.hash !== "sha256" && given.hash !== "sha512")) return false;
  const signed = Buffer.concat([
    Buffer.from("SSHSIG"),
    sshString(given.namespace),
    sshString(given.reserved),
    sshString(given.hash),
    sshString(createHash(given.hash).update(payload).digest()),
  ]);
  try {
    return verifyWithKey(given, signed);
  } catch {
    // A key or a signature that is malformed.
    return false;
  }
}

function verifyWithKey({ publicKey, algorithm, signature }: SshSignature, signed: Buffer): boolean {
  const reader = new SshReader(publicKey);
  const type = reader.text();
  const key = (jwk: JsonWebKey) => createPublicKey({ key: jwk, format: "jwk" });
  const encode = (bytes: Buffer): string => bytes.toString("base64url");
  if (type === "ssh-ed25519") {
    const x = reader.string();
    return (
      algorithm === type &&
      reader.done &&
      verify(null, signed, key({ kty: "OKP", crv: "Ed25519", x: encode(x) }), signature)
    );
  }
  if (type === "ssh-rsa") {
    const [e, n] = [unsigned(reader.string()), unsigned(reader.string())];
    // Not `ssh-rsa` itself, which is SHA-1.
    const digest = algorithm === "rsa-sha2-512" ? "sha512" : algorithm === "rsa-sha2-256" ? "sha256" : undefined;
    if (digest === undefined || !reader.done || n.length * 8 < MIN_RSA_BITS) return false;
    return verify(digest, signed, key({ kty: "RSA", e: encode(e), n: encode(n) }), signature);
  }
  const curve = CURVES[type];
  if (curve === undefined || algorithm !== type) return false;
  reader.string();
  const point = reader.string();
  if (!reader.done || point[0] !== 4 || point.length !== 1 + curve.bytes * 2) return false;
  const jwk = {
    kty: "EC",
    crv: curve.name,
    x: encode(point.subarray(1, 1 + curve.bytes)),
    y: encode(point.subarray(1 + curve.bytes)),
  };
  const parts = new SshReader(signature);
  const rs = Buffer.concat([padded(parts.string(), curve.bytes), padded(parts.string(), curve.bytes)]);
  return parts.done && verify(curve.digest, signed, { key: key(jwk), dsaEncoding: "ieee-p1363" }, rs);
}

/** An integer without the zeros that keep it positive. */
function unsigned(integer: Buffer): Buffer {
  let start = 0;
  while (start < integer.length - 1 && integer[start] === 0) start++;
  return integer.subarray(start);
}

function padded(integer: Buffer, length: number): Buffer {
  const bytes = unsigned(integer);
  if (bytes.length > length) throw new RangeError("too large");
  return Buffer.concat([Buffer.alloc(length - bytes.length), bytes]);
}
