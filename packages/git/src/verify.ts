import { TrueUpError, type Verification } from "@trueup/spec";
import { findSigner, parseAllowedSigners } from "./allowed-signers.ts";
import { parseCommit, parseTag, taggerTime } from "./object.ts";
import { pgpVerifier, publicKeyBlocks, type PgpVerifier } from "./pgp-signature.ts";
import type { ListedRef } from "./ref.ts";
import { parseSshSignature, sshFingerprint, verifySshSignature } from "./ssh-signature.ts";

export interface VerifyOptions {
  /** An allowed signers file's text (ssh-keygen(1)): who may sign, with which SSH key. */
  readonly allowedSigners?: string;
  /** Armored public keys of who may sign with PGP, one block after the other. Needs the package `openpgp`. */
  readonly pgpKeys?: string;
  /** What must be signed: the commit, the annotated tag that was followed to it, or both. Default `commit`. */
  readonly mode?: "commit" | "tag" | "both";
}

export interface Verifier {
  readonly mode: "commit" | "tag" | "both";
  /** Throws `UNVERIFIED`. */
  commit(id: string, data: Buffer): Promise<Verification>;
  /** `name` is the tag that was followed, `commit` what it led to. Throws `UNVERIFIED`. */
  tag(id: string, data: Buffer, name: string, commit: string): Promise<Verification>;
}

const NAMESPACE = "git";
const TAGS = "refs/tags/";
const BEGIN_SSH = "-----BEGIN SSH SIGNATURE-----";
const BEGIN_PGP = "-----BEGIN PGP SIGNATURE-----";

/** What is to be verified. */
interface Signed {
  /** For messages. */
  readonly what: string;
  readonly object: "commit" | "tag";
  readonly payload: Uint8Array;
  readonly armored: string | undefined;
  /** When the object says it was made; milliseconds since the epoch. */
  readonly time: number;
}

/** Throws `INVALID` for signers that are none: then nothing could ever be verified. */
export function createVerifier(options: VerifyOptions): Verifier {
  const { allowedSigners, pgpKeys } = options;
  if (allowedSigners === undefined && pgpKeys === undefined)
    throw new TrueUpError("INVALID", "verify needs allowedSigners or pgpKeys");
  const signers = allowedSigners === undefined ? undefined : parseAllowedSigners(allowedSigners);
  if (signers?.length === 0) throw new TrueUpError("INVALID", "verify.allowedSigners names nobody");
  const blocks = pgpKeys === undefined ? undefined : publicKeyBlocks(pgpKeys);
  let pgp: Promise<PgpVerifier> | undefined;
  const mode = options.mode ?? "commit";
  if (mode !== "commit" && mode !== "tag" && mode !== "both") {
    throw new TrueUpError("INVALID", `verify.mode must be commit, tag or both, not ${String(mode)}`);
  }

  async function check({ what, object, payload, armored, time }: Signed): Promise<Verification> {
    const unverified = (why: string): TrueUpError => new TrueUpError("UNVERIFIED", `${what}: ${why}`);
    // Whatever the signature is, keys that are none are told of at once.
    const keys = blocks && (await (pgp ??= pgpVerifier(blocks)));
    if (armored === undefined) throw unverified("is not signed");
    if (armored.startsWith(BEGIN_PGP)) {
      if (keys === undefined) throw unverified("is signed with a PGP key, and none is allowed");
      const verdict = await keys.verify(armored, payload);
      if ("refused" in verdict) throw unverified(verdict.refused);
      return { by: "pgp", object, ...verdict };
    }
    if (!armored.startsWith(BEGIN_SSH)) throw unverified("is signed, but neither with an SSH nor with a PGP key");
    if (signers === undefined) throw unverified("is signed with an SSH key, and none is allowed");
    const signature = parseSshSignature(armored);
    if (signature === undefined) throw unverified("its signature is damaged");
    const fingerprint = sshFingerprint(signature.publicKey);
    if (!verifySshSignature(signature, payload, NAMESPACE)) {
      throw unverified(`its signature by ${fingerprint} is wrong`);
    }
    const signer = findSigner(signers, signature.publicKey, NAMESPACE, time);
    if (signer === undefined) throw unverified(`${fingerprint} is not an allowed signer`);
    return { by: "ssh", signer: signer.principals, object, fingerprint };
  }

  return {
    mode,
    async commit(id, data) {
      const { payload, signature } = splitCommit(data);
      const { time } = parseCommit(id, data);
      return await check({ what: `commit ${id}`, object: "commit", payload, armored: signature, time });
    },
    async tag(id, data, name, commit) {
      const { payload, signature } = splitTag(data);
      const time = taggerTime(data);
      const verified = await check({ what: `tag ${name}`, object: "tag", payload, armored: signature, time });
      // A signed tag may not be shown under another's name, nor for another commit.
      const tag = parseTag(id, payload);
      if (tag.tag !== name || tag.object !== commit) {
        throw new TrueUpError("UNVERIFIED", `tag ${name}: its signature is for tag ${tag.tag} of ${tag.object}`);
      }
      return verified;
    },
  };
}

/** A tag's signature stands at the end of its message. */
function splitTag(data: Buffer): { payload: Buffer; signature?: string } {
  const starts = [BEGIN_SSH, BEGIN_PGP].map((begin) => data.indexOf(`\n${begin}`)).filter((at) => at !== -1);
  if (starts.length === 0) return { payload: data };
  const at = Math.min(...starts) + 1;
  return { payload: data.subarray(0, at), signature: data.toString("latin1", at) };
}

/** The signature, and the commit's bytes without it, exactly: a decoded and encoded text could be another one. */
export function splitCommit(data: Buffer): { payload: Buffer; signature?: string } {
  const parts: Buffer[] = [];
  let signature: string | undefined;
  let position = 0;
  for (;;) {
    const end = data.indexOf(0x0a, position);
    // An empty line ends the header.
    if (end === -1 || end === position) break;
    let next = end + 1;
    while (data[next] === 0x20) next = data.indexOf(0x0a, next) + 1 || data.length;
    const line = data.subarray(position, next);
    const name = line.toString("latin1", 0, line.indexOf(0x20));
    if (name === "gpgsig") signature = line.toString("latin1", 7).replaceAll("\n ", "\n");
    else if (name !== "gpgsig-sha256") parts.push(line);
    position = next;
  }
  const payload = Buffer.concat([...parts, data.subarray(position)]);
  return signature === undefined ? { payload } : { payload, signature };
}

/** Where the objects and tags of a revision are. */
export interface VerifiedFrom {
  /** The object's bytes, fetched where they are not here. */
  read(id: string): Promise<Buffer>;
  list(ref: string): Promise<readonly ListedRef[]>;
}

/** Verifies what the mode asks for. Throws `UNVERIFIED`. */
export async function verifyRevision(
  verifier: Verifier,
  from: VerifiedFrom,
  commit: string,
  ref: string | undefined,
): Promise<Verification> {
  const verified = verifier.mode === "tag" ? undefined : await verifier.commit(commit, await from.read(commit));
  if (verifier.mode === "commit" && verified !== undefined) return verified;
  if (ref?.startsWith(TAGS) !== true)
    throw new TrueUpError("UNVERIFIED", `${ref ?? commit} is no tag, and a signed tag is asked for`);
  const name = ref.slice(TAGS.length);
  const tag = (await from.list(ref)).find((listed) => listed.name === ref);
  if (tag?.peeled === undefined)
    throw new TrueUpError("UNVERIFIED", `tag ${name}: is not annotated, and so not signed`);
  return await verifier.tag(tag.oid, await from.read(tag.oid), name, commit);
}
