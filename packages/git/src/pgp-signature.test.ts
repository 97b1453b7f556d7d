import * as openpgp from "openpgp";
import { beforeAll, describe, expect, it } from "vitest";
import { commitData, tagData } from "./object.ts";
import { pgpVerifier, publicKeyBlocks } from "./pgp-signature.ts";
import { pgpSigner } from "./pgp-signer.ts";
import { createVerifier } from "./verify.ts";
import { failure } from "./testing/failure.ts";

interface Pair {
  readonly public: string;
  readonly private: string;
  readonly fingerprint: string;
}

const payload = Buffer.from("tree x\r\n\nüber \xff", "latin1");
const DAY = 86_400_000;
const ago = (days: number): Date => new Date(Math.floor(Date.now() / 1000) * 1000 - days * DAY);

async function pair(options: Partial<openpgp.KeyOptions> = {}): Promise<Pair> {
  const made = await openpgp.generateKey({
    type: "ecc",
    curve: "ed25519Legacy",
    userIDs: [{ name: "Ann", email: "ann@example.com" }],
    ...options,
    format: "object",
  });
  return {
    public: made.publicKey.armor(),
    private: made.privateKey.armor(),
    fingerprint: made.publicKey.getFingerprint().toUpperCase(),
  };
}

type SignOptions = Partial<Omit<openpgp.SignOptions, "message" | "signingKeys">> & {
  readonly text?: string;
  readonly data?: Uint8Array;
};

async function signed(key: Pair, { text, data = payload, ...options }: SignOptions = {}): Promise<string> {
  const signingKeys = await openpgp.readPrivateKey({ armoredKey: key.private });
  const message =
    text === undefined ? await openpgp.createMessage({ binary: data }) : await openpgp.createMessage({ text });
  return (await openpgp.sign({ ...options, message, signingKeys, detached: true, format: "armored" })) as string;
}

async function verdict(keys: string, armored: string, data: Uint8Array = payload): Promise<unknown> {
  return await (await pgpVerifier(publicKeyBlocks(keys))).verify(armored, data);
}

describe("PGP signatures", { timeout: 60_000 }, () => {
  let ann: Pair;
  let bob: Pair;
  let id: string;
  beforeAll(async () => {
    ann = await pair();
    bob = await pair({ userIDs: [{ name: "Bob", email: "bob@example.com" }] });
    id = ann.fingerprint.slice(-16);
  });

  it("are by one of the keys, over these bytes and no others", async () => {
    const armored = await signed(ann);
    const by = { signer: "Ann <ann@example.com>", fingerprint: ann.fingerprint };
    expect(await verdict(ann.public, armored)).toEqual(by);
    expect(await verdict(`${bob.public}\nthe other:\n${ann.public}`, armored)).toEqual(by);
    expect(await verdict(ann.public, armored.replaceAll("\n", "\r\n"))).toEqual(by);
    expect(await verdict(bob.public, armored)).toEqual({ refused: `PGP key ${id} is not an allowed signer` });
    for (const other of ["something else", payload.toString("latin1").replace("\r\n", "\n")]) {
      expect(await verdict(ann.public, armored, Buffer.from(other, "latin1"))).toEqual({
        refused: `its signature by PGP key ${ann.fingerprint} is wrong: Signed digest did not match`,
      });
    }
  });

  it("are made with RSA of 2,048 bits and more, and with subkeys", async () => {
    const rsa = await pair({ type: "rsa", rsaBits: 2048, subkeys: [{ sign: true }] });
    const armored = await signed(rsa);
    expect(armored).not.toContain(rsa.fingerprint);
    expect(await verdict(rsa.public, armored)).toEqual({
      signer: "Ann <ann@example.com>",
      fingerprint: rsa.fingerprint,
    });
    const config = { minRSABits: 1024 };
    const small = await pair({ type: "rsa", rsaBits: 1024, config });
    expect(await verdict(small.public, await signed(small, { config }))).toEqual({
      refused: expect.stringMatching(
        new RegExp(`^PGP key ${small.fingerprint} may not sign: .*RSA keys shorter than 2047 bits`),
      ) as string,
    });
  });

  it("are refused whole where a byte is changed, cut off, or added", async () => {
    const armored = await signed(ann);
    const binary = (await openpgp.readSignature({ armoredSignature: armored })).write() as Uint8Array;
    const armor = async (bytes: Uint8Array): Promise<string> => openpgp.armor(openpgp.enums.armor.signature, bytes);
    const verifier = await pgpVerifier(publicKeyBlocks(ann.public));
    expect(await verifier.verify(await armor(binary), payload)).toHaveProperty("signer");
    // The unhashed part holds a key's id twice: what is not signed may change what is looked for, never what is found.
    for (let at = 0; at < binary.length; at += 1) {
      const changed = Uint8Array.from(binary);
      changed[at] = ~(changed[at] ?? 0) & 0xff;
      const found = await verifier.verify(await armor(changed), payload);
      if (!("refused" in found)) expect(found.fingerprint, `byte ${at}`).toBe(ann.fingerprint);
      else expect(found.refused).not.toBe("");
    }
    for (const text of [
      armored.slice(0, -10),
      `${armored}x`,
      `x${armored}`,
      armored + armored,
      armored.replaceAll("SIGNATURE", "MESSAGE"),
      "-----BEGIN PGP SIGNATURE-----\nx\n-----END PGP SIGNATURE-----\n",
      `-----BEGIN PGP SIGNATURE-----\n\n${"A".repeat(20_000)}\n-----END PGP SIGNATURE-----\n`,
      await armor(Buffer.concat([binary, binary])),
      await armor(new Uint8Array()),
    ]) {
      expect(await verifier.verify(text, payload)).toEqual({ refused: "its signature is damaged" });
    }
  });

  it("are not made with weak hashes, nor over text whose line ends may vary", async () => {
    const { sha1, ripemd, sha224, sha256, sha384, sha512 } = openpgp.enums.hash;
    const rsa = await pair({ type: "rsa", rsaBits: 2048 });
    const using = async (preferredHashAlgorithm: openpgp.enums.hash): Promise<unknown> => {
      const armoredKey = rsa.private;
      const key = await openpgp.readPrivateKey({ armoredKey });
      // By hand: openpgp itself makes none.
      const message = await openpgp.createMessage({ binary: payload });
      const packet = new openpgp.SignaturePacket();
      Object.assign(packet, {
        version: 4,
        signatureType: openpgp.enums.signature.binary,
        publicKeyAlgorithm: key.keyPacket.algorithm,
        hashAlgorithm: preferredHashAlgorithm,
        rawNotations: [],
      });
      Object.assign(packet, { issuerKeyID: key.getKeyID(), issuerKeyVersion: 4 });
      const [literal] = (message as unknown as { packets: unknown[] }).packets;
      const sign = packet.sign.bind(packet) as (...given: unknown[]) => Promise<void>;
      await sign(key.keyPacket, literal, new Date(), true, {
        ...openpgp.config,
        nonDeterministicSignaturesViaNotation: false,
      });
      const list = new openpgp.PacketList<openpgp.SignaturePacket>();
      list.push(packet);
      return await verdict(rsa.public, new openpgp.Signature(list).armor());
    };
    for (const strong of [sha256, sha384, sha512]) expect(await using(strong)).toHaveProperty("signer");
    for (const weak of [sha1, ripemd, sha224]) {
      expect(await using(weak)).toEqual({
        refused: `its signature by PGP key ${rsa.fingerprint.slice(-16)} is made with a weak hash`,
      });
    }
    expect(await verdict(ann.public, await signed(ann, { text: "a\n" }), Buffer.from("a\n"))).toEqual({
      refused: `its signature by PGP key ${id} is not over the bytes as they are`,
    });
  });

  it("do not count by a key that vouches for itself with a weak hash", async () => {
    const { sha224, sha256 } = openpgp.enums.hash;
    const by = async (preferredHashAlgorithm: openpgp.enums.hash): Promise<unknown> => {
      const key = await pair({ type: "rsa", rsaBits: 2048, config: { preferredHashAlgorithm } });
      const config = { preferredHashAlgorithm: openpgp.enums.hash.sha512 };
      return [key.fingerprint, await verdict(key.public, await signed(key, { config }))];
    };
    const [strong, taken] = (await by(sha256)) as [string, object];
    expect(taken).toEqual({ signer: "Ann <ann@example.com>", fingerprint: strong });
    const [weak, refused] = (await by(sha224)) as [string, { refused: string }];
    expect(refused.refused).toMatch(new RegExp(`^PGP key ${weak} may not sign: .*Insecure hash algorithm: SHA224`));
  });

  it("do not count by a key that is expired or revoked by now, nor before the key was there", async () => {
    const expired = await pair({ date: ago(10), keyExpirationTime: (5 * DAY) / 1000 });
    expect(await verdict(expired.public, await signed(expired, { date: ago(9) }))).toEqual({
      refused: `PGP key ${expired.fingerprint} may not sign: Primary key is expired`,
    });

    const privateKey = await openpgp.readPrivateKey({ armoredKey: ann.private });
    const armored = await signed(ann);
    for (const flag of [
      openpgp.enums.reasonForRevocation.keyCompromised,
      openpgp.enums.reasonForRevocation.keyRetired,
    ]) {
      const { publicKey } = await openpgp.revokeKey({
        key: privateKey,
        reasonForRevocation: { flag, string: "" },
        format: "object",
      });
      expect(await verdict(publicKey.armor(), armored)).toEqual({ refused: `PGP key ${ann.fingerprint} is revoked` });
    }

    const old = await pair({ date: ago(10) });
    const early = await signed(old, { date: ago(9) });
    expect(await verdict(old.public, early)).toHaveProperty("signer");
    const later = await signed(ann, { date: new Date(Date.now() + DAY) });
    expect(await verdict(ann.public, later)).toEqual({
      refused: `its signature by PGP key ${ann.fingerprint} is wrong: Signature creation time is in the future`,
    });
  });

  it("do not count by a subkey that is revoked, nor by one that is for encryption", async () => {
    const key = await openpgp.readPrivateKey({ armoredKey: (await pair({ subkeys: [{ sign: true }] })).private });
    const whole: Pair = {
      public: key.toPublic().armor(),
      private: key.armor(),
      fingerprint: key.getFingerprint().toUpperCase(),
    };
    const armored = await signed(whole);
    expect(await verdict(whole.public, armored)).toHaveProperty("signer");
    const [subkey] = key.subkeys;
    key.subkeys[0] = (await subkey?.revoke(key.keyPacket as openpgp.SecretKeyPacket)) as openpgp.Subkey;
    expect(await verdict(key.toPublic().armor(), armored)).toEqual({
      refused: `PGP key ${whole.fingerprint} is revoked`,
    });
  });

  it("refuses keys that are none, or private", async () => {
    expect(() => publicKeyBlocks(`${ann.public}\n${ann.private}`)).toThrow(
      failure("INVALID", "verify.pgpKeys holds a private key"),
    );
    expect(() => publicKeyBlocks("keys")).toThrow(failure("INVALID", "verify.pgpKeys holds no armored public key"));
    expect(() => publicKeyBlocks(ann.public.slice(0, -40))).toThrow(
      failure("INVALID", "verify.pgpKeys holds a public key that is cut short"),
    );
    const broken = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxxxx\n-----END PGP PUBLIC KEY BLOCK-----\n";
    await expect(verdict(ann.public + broken, "")).rejects.toMatchObject({
      code: "INVALID",
      message: "verify.pgpKeys, block 2: is no PGP public key",
    });
    expect(publicKeyBlocks(`Ann's:\n${ann.public}\nBob's:\n${bob.public}`)).toEqual([
      ann.public.trim(),
      bob.public.trim(),
    ]);
  });

  describe("of commits and tags", () => {
    const person = { name: "Ann", email: "ann@example.com", time: 1_700_000_000_000 };
    const content = { tree: "a".repeat(40), parents: [], author: person, committer: person, message: "über\n" };
    const tag = { object: "c".repeat(40), tag: "v1", tagger: person, message: "first" };

    it("are made by pgpSigner and verified by createVerifier", async () => {
      const sign = pgpSigner({ privateKey: ann.private });
      const { commit, tag: ofTag } = createVerifier({ pgpKeys: ann.public });
      const by = { by: "pgp", signer: "Ann <ann@example.com>", fingerprint: ann.fingerprint };
      const data = commitData(content, await sign(commitData(content)));
      expect(await commit("id", data)).toEqual({ ...by, object: "commit" });
      const changed = Buffer.from(data.toString().replace("über", "uber"));
      await expect(commit("id", changed)).rejects.toMatchObject({
        code: "UNVERIFIED",
        message: `commit id: its signature by PGP key ${ann.fingerprint} is wrong: Signed digest did not match`,
      });
      const tagged = tagData(tag, await sign(tagData(tag)));
      expect(await ofTag("id", tagged, "v1", tag.object)).toEqual({ ...by, object: "tag" });
      await expect(ofTag("id", tagged, "v2", tag.object)).rejects.toThrow(
        failure("UNVERIFIED", "its signature is for tag v1"),
      );
      const ssh = commitData(content, "-----BEGIN SSH SIGNATURE-----\nx\n-----END SSH SIGNATURE-----");
      await expect(commit("id", ssh)).rejects.toThrow(
        failure("UNVERIFIED", "commit id: is signed with an SSH key, and none is allowed"),
      );
    });

    it("a locked key asks for its passphrase, and says nothing of either", async () => {
      const locked = await pair({ passphrase: "correct horse" });
      let asked = 0;
      const open = pgpSigner({ privateKey: locked.private, passphrase: () => (asked++, "correct horse") });
      expect(await verdict(locked.public, await open(payload))).toHaveProperty("fingerprint", locked.fingerprint);
      await open(payload);
      expect(asked).toBe(2);
      await expect(pgpSigner({ privateKey: locked.private })(payload)).rejects.toMatchObject({
        code: "INVALID",
        message: "privateKey is locked, and there is no passphrase",
      });
      await expect(
        pgpSigner({ privateKey: locked.private, passphrase: async () => "wrong" })(payload),
      ).rejects.toMatchObject({ code: "FORBIDDEN", message: "the passphrase does not open privateKey" });
      await expect(pgpSigner({ privateKey: "nonsense" })(payload)).rejects.toMatchObject({
        code: "INVALID",
        message: "privateKey is no armored PGP private key",
      });
      const expired = await pair({ date: ago(10), keyExpirationTime: 60 });
      await expect(pgpSigner({ privateKey: expired.private })(payload)).rejects.toMatchObject({
        code: "INVALID",
        message: expect.stringMatching(new RegExp(`^PGP key ${expired.fingerprint} cannot sign: .*expired`)) as string,
      });
    });
  });
});
