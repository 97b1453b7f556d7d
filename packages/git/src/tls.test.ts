import { describe, expect, it } from "vitest";
import { tlsOf, type TlsOptions } from "./tls.ts";

const bytes = new Uint8Array([45, 45, 0, 255]);

describe("tlsOf", () => {
  it.each<[string, TlsOptions | undefined, object]>([
    ["nothing", undefined, {}],
    ["no option", {}, {}],
    ["an authority", { ca: "CA" }, { ca: "CA" }],
    ["a certificate", { cert: "CERT" }, { cert: "CERT" }],
    ["a key", { key: "KEY" }, { key: "KEY" }],
    ["a passphrase", { passphrase: "word" }, { passphrase: "word" }],
    ["what is empty", { ca: "", passphrase: "" }, { ca: "", passphrase: "" }],
    [
      "all",
      { ca: "CA", cert: "CERT", key: "KEY", passphrase: "word" },
      { ca: "CA", cert: "CERT", key: "KEY", passphrase: "word" },
    ],
    [
      "bytes",
      { ca: bytes, cert: bytes, key: bytes },
      { ca: Buffer.from(bytes), cert: Buffer.from(bytes), key: Buffer.from(bytes) },
    ],
  ])("%s", (_, given, expected) => {
    // Strictly: an option that is there and undefined would count for Node.
    expect(tlsOf(given)).toStrictEqual(expected);
  });
});
