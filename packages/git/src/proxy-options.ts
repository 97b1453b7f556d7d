import { TrueUpError } from "@trueup/spec";
import type { TlsOptions } from "./tls.ts";

export interface ProxyOptions {
  /**
   * `http://[user:password@]host[:port]` or `https://…` (CONNECT), `socks5://…` (names are looked up here) or `socks5h://…` (by the
   * proxy). Ports by default: 80, 443, 1080.
   */
  readonly url: string;
  /**
   * What is reached without it, separated by commas: a host with all below it (`example.com`, `.example.com`, `*.example.com`), an IP
   * address, a range (`10.0.0.0/8`), each with a port where it counts for one only (`example.com:8443`, `[::1]:8443`), or `*`.
   */
  readonly noProxy?: string;
  /** For `https:` proxies: authorities that are trusted instead of Node's, a client certificate. */
  readonly tls?: TlsOptions;
}

const PROTOCOLS = { "http:": 80, "https:": 443, "socks5:": 1080, "socks5h:": 1080 } as const;

export interface Proxy {
  readonly protocol: keyof typeof PROTOCOLS;
  readonly host: string;
  readonly port: number;
  readonly credentials?: { readonly username: string; readonly password: string };
  readonly tls: TlsOptions;
}

/** Throws `INVALID`, without the credentials that may stand in the URL. */
export function parseProxy({ url, tls = {} }: ProxyOptions): Proxy {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || parsed.hostname === "") throw new TrueUpError("INVALID", "proxy: is not a valid URL");
  const protocol = parsed.protocol as keyof typeof PROTOCOLS;
  if (!Object.hasOwn(PROTOCOLS, protocol))
    throw new TrueUpError("INVALID", `proxy: ${parsed.protocol} is none of ${Object.keys(PROTOCOLS).join(" ")}`);
  const credentials = { username: decode(parsed.username), password: decode(parsed.password) };
  return {
    protocol,
    host: parsed.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: parsed.port === "" ? PROTOCOLS[protocol] : Number(parsed.port),
    tls,
    ...(parsed.username !== "" && { credentials }),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new TrueUpError("INVALID", "proxy: is not a valid URL");
  }
}
