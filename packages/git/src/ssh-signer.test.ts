import { generateKeyPairSync } from "node:crypto";
import ssh2 from "ssh2";
import { describe, expect, it } from "vitest";
import { parseSshSignature, sshFingerprint, verifySshSignature } from "./ssh-signature.ts";
import { sshSigner } from "./ssh-signer.ts";
import { newKey } from "./testing/ssh-key.ts";

const { utils } = ssh2;
const payload = Buffer.from("what is signed\r\n\xff", "latin1");

describe("sshSigner", () => {
  it.each([
    ["ed25519", newKey()],
    ["ecdsa 256", utils.generateKeyPairSync("ecdsa", { bits: 256 })],
    ["ecdsa 384", utils.generateKeyPairSync("ecdsa", { bits: 384 })],
    ["ecdsa 521", utils.generateKeyPairSync("ecdsa", { bits: 521 })],
    ["rsa", utils.generateKeyPairSync("rsa", { bits: 2048 })],
  ])("signs with %s, in the form that is verified", async (_, pair) => {
    const key = utils.parseKey(pair.public);
    if (key instanceof Error) throw key;
    // Often enough for integers that begin with zeros, or would be negative.
    for (let i = 0; i < 8; i++) {
      const data = Buffer.concat([payload, Buffer.from([i])]);
      const armored = await sshSigner({ privateKey: i % 2 === 0 ? pair.private : Buffer.from(pair.private) })(data);
      expect(armored).toMatch(
        /^-----BEGIN SSH SIGNATURE-----\n(?:[A-Za-z0-9+/]{70}\n)+[A-Za-z0-9+/=]{1,70}\n-----END SSH SIGNATURE-----\n$/,
      );
      const parsed = parseSshSignature(armored);
      if (parsed === undefined) throw new Error("cannot be parsed");
      expect(verifySshSignature(parsed, data, "git")).toBe(true);
      expect(verifySshSignature(parsed, payload, "git")).toBe(false);
      expect(sshFingerprint(parsed.publicKey)).toBe(sshFingerprint(key.getPublicSSH()));
      expect(parsed).toMatchObject({ namespace: "git", hash: "sha512", reserved: Buffer.alloc(0) });
    }
  });

  it("asks for the passphrase of a locked key, and shows nothing of either", async () => {
    const locked = newKey("correct horse");
    let asked = 0;
    const sign = sshSigner({ privateKey: locked.private, passphrase: async () => (asked++, "correct horse") });
    expect(parseSshSignature(await sign(payload))).toBeDefined();
    await sign(payload);
    expect(asked).toBe(2);
    const refused = {
      code: "INVALID",
      message: "privateKey is no SSH private key, or its passphrase is missing or wrong",
    };
    await expect(sshSigner({ privateKey: locked.private })(payload)).rejects.toMatchObject(refused);
    const wrong = sshSigner({ privateKey: locked.private, passphrase: () => "wrong" });
    await expect(wrong(payload)).rejects.toMatchObject(refused);
    await expect(sshSigner({ privateKey: "nonsense" })(payload)).rejects.toMatchObject(refused);
    await expect(sshSigner({ privateKey: locked.public })(payload)).rejects.toMatchObject(refused);
  });

  it("does not sign with DSA", async () => {
    const { privateKey } = generateKeyPairSync("dsa", { modulusLength: 1024, divisorLength: 160 });
    const pem = privateKey.export({ type: "pkcs8", format: "pem" });
    await expect(sshSigner({ privateKey: pem })(payload)).rejects.toMatchObject({ name: "TrueUpError" });
  });
});
