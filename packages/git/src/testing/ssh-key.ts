import ssh2 from "ssh2";

const { utils } = ssh2;

/** A pair of ed25519. One in two hundred that ssh2 makes it cannot read itself: those are made anew. */
export function newKey(passphrase?: string): { private: string; public: string } {
  for (;;) {
    const key = utils.generateKeyPairSync(
      "ed25519",
      passphrase === undefined ? undefined : { passphrase, cipher: "aes256-cbc", rounds: 4 },
    );
    if (!(utils.parseKey(key.private, passphrase) instanceof Error)) return key;
  }
}
