import { TrueUpError, type Verification } from "@trueup/spec";
import { findSigner, parseAllowedSigners, type AllowedSigner } from "./allowed-signers.ts";
import { parseCommit, parseTag, taggerTime } from "./object.ts";
import type { ListedRef } from "./ref.ts";
import { parseSshSignature, sshFingerprint, verifySshSignature } from "./ssh-signature.ts";

export interface VerifyOptions {
  /** An allowed signers file's text (ssh-keygen(1)): who may sign, with which key. */
  readonly allowedSigners: string;
  /** What must be signed: the commit, the annotated tag that was followed to it, or both. Default `commit`. */
  readonly mode?: "commit" | "tag" | "both";
}

export interface Verifier {
  readonly mode: "commit" | "tag" | "both";
  /** Throws `UNVERIFIED`. */
  commit(id: string, data: Buffer): Verification;
  /** `name` is the tag that was followed, `commit` what it led to. Throws `UNVERIFIED`. */
  tag(id: string, data: Buffer, name: string, commit: string): Verification;
}

const NAMESPACE = "git";
const TAGS = "refs/tags/";
const BEGIN_SSH = "-----BEGIN SSH SIGNATURE-----";

/** Throws `INVALID` for a file of signers that is none, or empty: then nothing could ever be verified. */
export function createVerifier(options: VerifyOptions): Verifier {
  const signers = parseAllowedSigners(options.allowedSigners);
  if (signers.length === 0) throw new TrueUpError("INVALID", "verify.allowedSigners names nobody");
  const mode = options.mode ?? "commit";
  if (mode !== "commit" && mode !== "tag" && mode !== "both") {
    throw new TrueUpError("INVALID", `verify.mode must be commit, tag or both, not ${String(mode)}`);
  }
  return {
    mode,
    commit(id, data) {
      const { payload, signature } = splitCommit(data);
      return check(signers, `commit ${id}`, "commit", payload, signature, parseCommit(id, data).time);
    },
    tag(id, data, name, commit) {
      const at = data.indexOf(`\n${BEGIN_SSH}`);
      const payload = at === -1 ? data : data.subarray(0, at + 1);
      const signature = at === -1 ? undefined : data.toString("latin1", at + 1);
      const verified = check(signers, `tag ${name}`, "tag", payload, signature, taggerTime(data));
      // A signed tag may not be shown under another's name, nor for another commit.
      const tag = parseTag(id, payload);
      if (tag.tag !== name || tag.object !== commit) {
        throw new TrueUpError("UNVERIFIED", `tag ${name}: its signature is for tag ${tag.tag} of ${tag.object}`);
      }
      return verified;
    },
  };
}

function check(
  signers: readonly AllowedSigner[],
  what: string,
  object: "commit" | "tag",
  payload: Uint8Array,
  armored: string | undefined,
  time: number,
): Verification {
  if (armored === undefined) throw new TrueUpError("UNVERIFIED", `${what}: is not signed`);
  if (!armored.startsWith(BEGIN_SSH))
    throw new TrueUpError("UNVERIFIED", `${what}: is signed, but not with an SSH key`);
  const signature = parseSshSignature(armored);
  if (signature === undefined) throw new TrueUpError("UNVERIFIED", `${what}: its signature is damaged`);
  const fingerprint = sshFingerprint(signature.publicKey);
  if (!verifySshSignature(signature, payload, NAMESPACE)) {
    throw new TrueUpError("UNVERIFIED", `${what}: its signature by ${fingerprint} is wrong`);
  }
  const signer = findSigner(signers, signature.publicKey, NAMESPACE, time);
  if (signer === undefined) throw new TrueUpError("UNVERIFIED", `${what}: ${fingerprint} is not an allowed signer`);
  return { by: "ssh", signer: signer.principals, object, fingerprint };
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
  const verified = verifier.mode === "tag" ? undefined : verifier.commit(commit, await from.read(commit));
  if (verifier.mode === "commit" && verified !== undefined) return verified;
  if (ref?.startsWith(TAGS) !== true)
    throw new TrueUpError("UNVERIFIED", `${ref ?? commit} is no tag, and a signed tag is asked for`);
  const name = ref.slice(TAGS.length);
  const tag = (await from.list(ref)).find((listed) => listed.name === ref);
  if (tag?.peeled === undefined)
    throw new TrueUpError("UNVERIFIED", `tag ${name}: is not annotated, and so not signed`);
  return verifier.tag(tag.oid, await from.read(tag.oid), name, commit);
}
