import { createHash, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { describe, expect, it } from "vitest";
import { findSigner, parseAllowedSigners } from "./allowed-signers.ts";
import { commitData, tagData } from "./object.ts";
import { parseSshSignature, sshFingerprint, verifySshSignature } from "./ssh-signature.ts";
import { sshString } from "./ssh-wire.ts";
import { createVerifier, splitCommit, type VerifyOptions } from "./verify.ts";
import { failure } from "./testing/failure.ts";

interface Signer {
  readonly blob: Buffer;
  sign(payload: Uint8Array, options?: { namespace?: string; hash?: string; algorithm?: string }): string;
}

const jwk = (key: KeyObject): Record<string, Buffer> =>
  Object.fromEntries(
    Object.entries(key.export({ format: "jwk" })).map(([name, value]) => [
      name,
      Buffer.from(String(value), "base64url"),
    ]),
  );
const positive = (bytes: Buffer): Buffer => ((bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes);

type Kind = "ed25519" | "rsa" | "rsa1024" | "p256" | "p384" | "p521";
const DIGESTS: Readonly<Record<string, string>> = {
  "ssh-rsa": "sha1",
  "rsa-sha2-256": "sha256",
  rsa: "sha512",
  rsa1024: "sha512",
  p256: "sha256",
  p384: "sha384",
  p521: "sha512",
};

/** Signs as `ssh-keygen -Y sign` does. */
function signer(type: Kind): Signer {
  const { publicKey, privateKey } =
    type === "ed25519"
      ? generateKeyPairSync("ed25519")
      : type === "rsa" || type === "rsa1024"
        ? generateKeyPairSync("rsa", { modulusLength: type === "rsa" ? 2048 : 1024 })
        : generateKeyPairSync("ec", { namedCurve: type.replace("p", "P-") });
  const { x = Buffer.alloc(0), y = Buffer.alloc(0), e = Buffer.alloc(0), n = Buffer.alloc(0) } = jwk(publicKey);
  const curve = type.replace("p", "nistp");
  const names = {
    ed25519: "ssh-ed25519",
    rsa: "ssh-rsa",
    rsa1024: "ssh-rsa",
    p256: `ecdsa-sha2-${curve}`,
    p384: `ecdsa-sha2-${curve}`,
    p521: `ecdsa-sha2-${curve}`,
  };
  const parts = {
    ed25519: [x],
    rsa: [positive(e), positive(n)],
    rsa1024: [positive(e), positive(n)],
    p256: [Buffer.from(curve), Buffer.concat([Buffer.from([4]), x, y])],
    p384: [Buffer.from(curve), Buffer.concat([Buffer.from([4]), x, y])],
    p521: [Buffer.from(curve), Buffer.concat([Buffer.from([4]), x, y])],
  }[type];
  const blob = Buffer.concat([sshString(names[type]), ...parts.map(sshString)]);
  return {
    blob,
    sign(
      payload,
      { namespace = "git", hash = "sha512", algorithm = type.startsWith("rsa") ? "rsa-sha2-512" : names[type] } = {},
    ) {
      const digest = createHash(hash === "sha1" ? "sha1" : hash)
        .update(payload)
        .digest();
      const head = [sshString(namespace), sshString(""), sshString(hash)];
      const signed = Buffer.concat([Buffer.from("SSHSIG"), ...head, sshString(digest)]);
      const made = sign(DIGESTS[algorithm] ?? DIGESTS[type] ?? null, signed, {
        key: privateKey,
        dsaEncoding: "ieee-p1363",
      });
      const half = made.length / 2;
      const signature = type.startsWith("p")
        ? Buffer.concat([sshString(positive(made.subarray(0, half))), sshString(positive(made.subarray(half)))])
        : made;
      const whole = Buffer.concat([
        Buffer.from("SSHSIG\0\0\0\x01"),
        sshString(blob),
        ...head,
        sshString(Buffer.concat([sshString(algorithm), sshString(signature)])),
      ]);
      return `-----BEGIN SSH SIGNATURE-----\n${whole.toString("base64").replaceAll(/.{70}/g, "$&\n")}\n-----END SSH SIGNATURE-----\n`;
    },
  };
}

const payload = Buffer.from("what is signed");
const verified = (armored: string, over: Uint8Array = payload): boolean | undefined => {
  const parsed = parseSshSignature(armored);
  return parsed && verifySshSignature(parsed, over, "git");
};

describe("verifySshSignature", () => {
  it.each(["ed25519", "rsa", "p256", "p384", "p521"] as const)("takes %s, over this payload and no other", (type) => {
    const key = signer(type);
    expect(verified(key.sign(payload))).toBe(true);
    expect(verified(key.sign(payload, { hash: "sha256" }))).toBe(true);
    expect(verified(key.sign(payload), Buffer.from("something else"))).toBe(false);
  });

  it("takes RSA with either hash", () => {
    expect(verified(signer("rsa").sign(payload, { algorithm: "rsa-sha2-256" }))).toBe(true);
    expect(verified(signer("rsa").sign(payload, { algorithm: "rsa-sha2-512" }))).toBe(true);
    expect(verified(signer("rsa").sign(payload, { algorithm: "rsa-sha2-384" }))).toBe(false);
  });

  it("refuses weak hashes, keys and algorithms, and other namespaces", () => {
    expect(verified(signer("ed25519").sign(payload, { hash: "sha1" }))).toBe(false);
    expect(verified(signer("ed25519").sign(payload, { namespace: "file" }))).toBe(false);
    expect(verified(signer("ed25519").sign(payload, { algorithm: "rsa-sha2-512" }))).toBe(false);
    expect(verified(signer("rsa").sign(payload, { algorithm: "ssh-rsa" }))).toBe(false);
    expect(verified(signer("rsa1024").sign(payload))).toBe(false);
    expect(verified(signer("p256").sign(payload, { algorithm: "ecdsa-sha2-nistp384" }))).toBe(false);
  });

  it("refuses every change of a byte, and what is cut short", () => {
    const armored = signer("ed25519").sign(payload);
    const bytes = Buffer.from(armored.split("\n").slice(1, -2).join(""), "base64");
    const armor = (changed: Buffer): string =>
      `-----BEGIN SSH SIGNATURE-----\n${changed.toString("base64")}\n-----END SSH SIGNATURE-----\n`;
    expect(verified(armor(bytes))).toBe(true);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = ~(changed[at] ?? 0) & 0xff;
      expect(verified(armor(changed)) ?? false, `byte ${at}`).toBe(false);
      expect(verified(armor(bytes.subarray(0, at))) ?? false, `cut at ${at}`).toBe(false);
    }
    expect(parseSshSignature(armor(Buffer.concat([bytes, Buffer.alloc(1)])))).toBeUndefined();
    expect(parseSshSignature("-----BEGIN PGP SIGNATURE-----\nAAAA\n-----END PGP SIGNATURE-----\n")).toBeUndefined();
  });
});

describe("allowed signers", () => {
  const key = Buffer.from("a key").toString("base64");

  it("reads principals, options and keys", () => {
    const text = `# people\n\nann@example.com,bob@example.com ssh-ed25519 ${key} a comment\n"c d" namespaces="git,file",valid-after="20260101Z",valid-before="202601021030Z" ecdsa-sha2-nistp256 ${key}\n`;
    expect(parseAllowedSigners(text)).toEqual([
      { principals: "ann@example.com,bob@example.com", key },
      {
        principals: "c d",
        key,
        namespaces: ["git", "file"],
        validAfter: Date.parse("2026-01-01T00:00:00Z"),
        validBefore: Date.parse("2026-01-02T10:30:00Z"),
      },
    ]);
  });

  it.each([
    ["ann", "allowed signers, line 1: is not `principals [options] type key`"],
    ["ann ssh-ed25519 !AAAA", "allowed signers, line 1: is not `principals [options] type key`"],
    ["ann ssh-ed25519 AAAA===", "allowed signers, line 1: is not `principals [options] type key`"],
    ["ann ssh-ed25519 AA=A", "allowed signers, line 1: is not `principals [options] type key`"],
    ["ann ssh-ed25519 =", "allowed signers, line 1: is not `principals [options] type key`"],
    ["ann ssh-ed25519 not-base64!", "line 1: is not"],
    [`ann colour="red" ssh-ed25519 ${key}`, "line 1: option colour is not known"],
    [`\nann valid-after="soon" ssh-ed25519 ${key}`, "line 2: valid-after is no time: soon"],
    [`ann valid-before="20261301Z" ssh-ed25519 ${key}`, "line 1: valid-before is no time: 20261301Z"],
    [`ann cert-authority ssh-ed25519 ${key}`, "line 1: certificate authorities are not supported"],
  ])("refuses %j", (text, message) => {
    expect(() => parseAllowedSigners(text)).toThrow(
      failure(message.includes("not supported") ? "UNSUPPORTED" : "INVALID", message),
    );
  });

  it("reads options in quotes or not, in any case, and lines as other systems end them", () => {
    const one = (line: string): object | undefined => parseAllowedSigners(`  ${line}\t\r\n\r\n # \r\n`)[0];
    expect(one(`ann\tNAMESPACES=git  sk-ssh-ed25519@openssh.com ${key}=`)).toEqual({
      principals: "ann",
      key: `${key}=`,
      namespaces: ["git"],
    });
    expect(one(`"ann b","c" namespaces="a,b" ssh-ed25519 ${key}`)).toMatchObject({
      principals: "ann b,c",
      namespaces: ["a", "b"],
    });
    expect(() => parseAllowedSigners(`ann namespaces ssh-ed25519 ${key}`)).not.toThrow();
    expect(one(`ann valid-after=20260102030405Z ssh-ed25519 ${key}`)).toMatchObject({
      validAfter: Date.parse("2026-01-02T03:04:05Z"),
    });
    expect(one(`ann valid-before="202601020304" ssh-ed25519 ${key}`)).toMatchObject({
      validBefore: Date.parse("2026-01-02T03:04:00"),
    });
    for (const time of ["2026010203Z", "20260102Zx", "x20260102", "20260102030405067"])
      expect(() => one(`ann valid-after=${time} ssh-ed25519 ${key}`), time).toThrow(
        failure("INVALID", `allowed signers, line 1: valid-after is no time: ${time}`),
      );
  });

  it("counts for a key, a namespace and a time", () => {
    const blob = Buffer.from("a key");
    const signers = parseAllowedSigners(
      `ann namespaces="git",valid-after="20260101Z",valid-before="20260201Z" ssh-ed25519 ${key}`,
    );
    const time = Date.parse("2026-01-15T00:00:00Z");
    expect(findSigner(signers, blob, "git", time)?.principals).toBe("ann");
    expect(findSigner(signers, blob, "git", Date.parse("2026-01-01T00:00:00Z"))?.principals).toBe("ann");
    expect(findSigner(signers, blob, "git", Date.parse("2026-01-01T00:00:00Z") - 1)).toBeUndefined();
    expect(findSigner(signers, blob, "git", Date.parse("2026-02-01T00:00:00Z"))).toBeUndefined();
    expect(findSigner(signers, blob, "file", time)).toBeUndefined();
    expect(findSigner(signers, Buffer.from("b key"), "git", time)).toBeUndefined();
  });
});

describe("a verifier", () => {
  const ann = signer("ed25519");
  const eve = signer("ed25519");
  const allowedSigners = `ann@example.com ssh-ed25519 ${ann.blob.toString("base64")}`;
  const verifier = (more: Partial<VerifyOptions> = {}) => createVerifier({ allowedSigners, ...more });
  const person = { name: "Ann", email: "ann@example.com", time: 1_700_000_000_000 };
  const content = {
    tree: "a".repeat(40),
    parents: ["b".repeat(40)],
    author: person,
    committer: person,
    message: "über\r\nthe change\n",
  };
  const signed = (by: Signer): Buffer => commitData(content, by.sign(commitData(content)));

  it("says who signed a commit", async () => {
    expect(await verifier().commit("id", signed(ann))).toEqual({
      by: "ssh",
      signer: "ann@example.com",
      object: "commit",
      fingerprint: sshFingerprint(ann.blob),
    });
    expect(sshFingerprint(ann.blob)).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
  });

  it("refuses what is not signed, signed by others, or changed", async () => {
    const refuses = async (data: Buffer, message: string | RegExp): Promise<void> => {
      await expect(verifier().commit("id", data)).rejects.toMatchObject({ code: "UNVERIFIED", retryable: false });
      await expect(verifier().commit("id", data)).rejects.toThrow(message);
    };
    await refuses(commitData(content), "commit id: is not signed");
    await refuses(signed(eve), `commit id: ${sshFingerprint(eve.blob)} is not an allowed signer`);
    await refuses(
      Buffer.from(signed(ann).toString().replace("the change", "the Change")),
      /^commit id: its signature by SHA256:\S+ is wrong$/,
    );
    await refuses(
      Buffer.from(
        signed(ann)
          .toString()
          .replace(`parent ${"b".repeat(40)}\n`, ""),
      ),
      "is wrong",
    );
    await refuses(
      commitData(content, "-----BEGIN PGP SIGNATURE-----\nx\n-----END PGP SIGNATURE-----"),
      "commit id: is signed with a PGP key, and none is allowed",
    );
    await refuses(
      commitData(content, "-----BEGIN SSH SIGNATURE-----\nx\n-----END SSH SIGNATURE-----"),
      "its signature is damaged",
    );
    await refuses(
      commitData(content, "-----BEGIN SIGNED MESSAGE-----\nx\n-----END SIGNED MESSAGE-----"),
      "commit id: is signed, but neither with an SSH nor with a PGP key",
    );
  });

  it("takes a signature out of a commit to the byte", () => {
    const plain = commitData(content);
    expect(splitCommit(plain)).toEqual({ payload: plain });
    expect(splitCommit(signed(ann)).payload).toEqual(plain);
    const twice = Buffer.from(signed(ann).toString().replace("\n\nüber", "\ngpgsig-sha256 x\n y\n\nüber"));
    expect(splitCommit(twice).payload).toEqual(plain);
    expect(splitCommit(Buffer.from("tree x\ngpgsig a\n b"))).toEqual({
      payload: Buffer.from("tree x\n"),
      signature: "a\nb",
    });
  });

  it("a tag's signature counts for its name and commit only", async () => {
    const tag = { object: "c".repeat(40), tag: "v1", tagger: person, message: "first" };
    const data = tagData(tag, ann.sign(tagData(tag)));
    const { tag: verify } = verifier({ mode: "tag" });
    expect(await verify("id", data, "v1", tag.object)).toMatchObject({ signer: "ann@example.com", object: "tag" });
    await expect(verify("id", data, "v2", tag.object)).rejects.toThrow(
      failure("UNVERIFIED", `tag v2: its signature is for tag v1 of ${tag.object}`),
    );
    await expect(verify("id", data, "v1", "d".repeat(40))).rejects.toThrow(
      failure("UNVERIFIED", "its signature is for tag v1"),
    );
    await expect(verify("id", tagData(tag), "v1", tag.object)).rejects.toThrow(
      failure("UNVERIFIED", "tag v1: is not signed"),
    );
    const old = createVerifier({
      mode: "tag",
      allowedSigners: allowedSigners.replace(" ", ' valid-before="20200101Z" '),
    });
    await expect(old.tag("id", data, "v1", tag.object)).rejects.toThrow(
      failure("UNVERIFIED", "is not an allowed signer"),
    );
  });

  it("refuses options by which nothing could be verified", () => {
    expect(() => createVerifier({ allowedSigners: "# nobody\n" })).toThrow(
      failure("INVALID", "verify.allowedSigners names nobody"),
    );
    const needed = { code: "INVALID", message: "verify needs allowedSigners or pgpKeys" };
    expect(() => createVerifier({})).toThrow(expect.objectContaining(needed));
    const pgpKeys = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n";
    for (const options of [{ pgpKeys }, { allowedSigners }, { pgpKeys, allowedSigners }])
      expect(createVerifier(options).mode).toBe("commit");
    expect(() => createVerifier({ pgpKeys: "" })).toThrow(
      failure("INVALID", "verify.pgpKeys holds no armored public key"),
    );
    expect(() => verifier({ mode: "head" as never })).toThrow(
      failure("INVALID", "verify.mode must be commit, tag or both, not head"),
    );
  });
});
