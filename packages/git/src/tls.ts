import type { AgentOptions } from "node:https";

/** PEM. Nothing of it is logged or stored. */
export interface TlsOptions {
  /** Authorities that are trusted instead of Node's. */
  readonly ca?: string | Uint8Array;
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  readonly passphrase?: string;
}

/** For Node. Absent ones left out: it takes `undefined` for a value. */
export function tlsOf(tls: TlsOptions = {}): AgentOptions {
  const bytes = (value: string | Uint8Array): string | Buffer =>
    typeof value === "string" ? value : Buffer.from(value);
  return {
    ...(tls.ca !== undefined && { ca: bytes(tls.ca) }),
    ...(tls.cert !== undefined && { cert: bytes(tls.cert) }),
    ...(tls.key !== undefined && { key: bytes(tls.key) }),
    ...(tls.passphrase !== undefined && { passphrase: tls.passphrase }),
  };
}
