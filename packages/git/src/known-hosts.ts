import { createHmac, timingSafeEqual } from "node:crypto";
import { TrueUpError } from "@trueup/spec";
import { SSH_PORT } from "./ssh-address.ts";
import { SshReader } from "./ssh-wire.ts";

/** A line of a known hosts file: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT. */
export interface KnownHost {
  /** Counted from 1. */
  readonly line: number;
  readonly marker?: "revoked" | "cert-authority";
  /** Patterns, or one hash. */
  readonly hosts: string;
  readonly type: string;
  /** The public key's blob. */
  readonly key: Buffer;
}

export type HostKeyVerdict =
  | { readonly status: "known" }
  /** No line names the host. */
  | { readonly status: "unknown" }
  /** Lines name the host, with other keys. */
  | { readonly status: "changed"; readonly lines: readonly KnownHost[] }
  | { readonly status: "revoked"; readonly line: number }
  /** Only a certificate authority vouches for the host. */
  | { readonly status: "authority"; readonly line: number };

const MAX_LINES = 100_000;
const MAX_PATTERN = 1000;

/** Throws `INVALID` with the number of a line that is none. */
export function parseKnownHosts(text: string): readonly KnownHost[] {
  const lines = text.split(/\r?\n/);
  if (lines.length > MAX_LINES) throw new TrueUpError("LIMIT", `knownHosts holds over ${MAX_LINES} lines`);
  return lines.flatMap((line, index) => {
    const trimmed = line.trim();
    return trimmed === "" || trimmed.startsWith("#") ? [] : [parseLine(trimmed, index + 1)];
  });
}

function parseLine(text: string, line: number): KnownHost {
  const bad = (what: string): TrueUpError => new TrueUpError("INVALID", `knownHosts: line ${line}: ${what}`);
  const fields = text.split(/[ \t]+/);
  const marker = fields[0]?.startsWith("@") ? fields.shift() : undefined;
  if (marker !== undefined && marker !== "@revoked" && marker !== "@cert-authority") throw bad("unknown marker");
  const [hosts = "", type = "", encoded = ""] = fields;
  if (type === "" || encoded === "") throw bad("needs hosts, a type of key and a key");
  if (/^\d+$/.test(type)) throw bad("keys of protocol 1 are not supported");
  if (hosts.startsWith("|") && parseHash(hosts) === undefined) throw bad("the hash of the host is none");
  if (hosts.split(",").some((pattern) => pattern.length > MAX_PATTERN)) throw bad("a host's name is too long");
  const key = /^[A-Za-z0-9+/]+={0,2}$/.test(encoded) ? Buffer.from(encoded, "base64") : Buffer.alloc(0);
  if (keyTypeOf(key) !== type) throw bad(`the key is no ${type} key`);
  return { line, hosts, type, key, ...(marker !== undefined && { marker: marker.slice(1) as "revoked" }) };
}

/** What the key's own first field says it is; undefined for bytes that are no key. */
export function keyTypeOf(key: Buffer): string | undefined {
  try {
    return new SshReader(key).text();
  } catch {
    return undefined;
  }
}

/** How a host is written in such a file. */
export function hostName(host: string, port: number): string {
  const name = host.toLowerCase();
  return port === SSH_PORT ? name : `[${name}]:${port}`;
}

/** What is known of a host. As in OpenSSH, a line without a port counts for another port where no line names that one. */
export function linesFor(known: readonly KnownHost[], host: string, port: number): readonly KnownHost[] {
  const exact = known.filter(({ hosts }) => matchesHost(hosts, hostName(host, port)));
  if (port === SSH_PORT || exact.some(({ marker }) => marker === undefined)) return exact;
  return [...exact, ...known.filter(({ hosts }) => matchesHost(hosts, hostName(host, SSH_PORT)))];
}

/** `lines` are those for the host. A revoked key is so wherever else it stands. */
export function judgeHostKey(lines: readonly KnownHost[], key: Buffer): HostKeyVerdict {
  const revoked = lines.find((line) => line.marker === "revoked" && line.key.equals(key));
  if (revoked !== undefined) return { status: "revoked", line: revoked.line };
  const plain = lines.filter(({ marker }) => marker === undefined);
  if (plain.some((line) => line.key.equals(key))) return { status: "known" };
  if (plain.length > 0) return { status: "changed", lines: plain };
  const authority = lines.find(({ marker }) => marker === "cert-authority");
  return authority === undefined ? { status: "unknown" } : { status: "authority", line: authority.line };
}

/** RSA keys sign with SHA-2 only. */
const DEFAULT_ALGORITHMS = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
];

/** What to ask the server for: kinds of key that are known, as it shows one only. All kinds where none is. */
export function hostKeyAlgorithms(lines: readonly KnownHost[]): readonly string[] {
  const types = new Set(lines.filter(({ marker }) => marker === undefined).map(({ type }) => type));
  if (types.size === 0) return DEFAULT_ALGORITHMS;
  return DEFAULT_ALGORITHMS.filter((name) => types.has(name.startsWith("rsa-") ? "ssh-rsa" : name));
}

/** The line that makes a host known. */
export function knownHostLine(host: string, port: number, key: Buffer): string {
  return `${hostName(host, port)} ${keyTypeOf(key) ?? ""} ${key.toString("base64")}`;
}

function parseHash(hosts: string): { salt: Buffer; hash: Buffer } | undefined {
  const [, salt = "", hash = ""] = /^\|1\|([A-Za-z0-9+/]{27}=)\|([A-Za-z0-9+/]{27}=)$/.exec(hosts) ?? [];
  return salt === "" ? undefined : { salt: Buffer.from(salt, "base64"), hash: Buffer.from(hash, "base64") };
}

function matchesHost(hosts: string, name: string): boolean {
  const hashed = parseHash(hosts);
  if (hashed !== undefined) return timingSafeEqual(createHmac("sha1", hashed.salt).update(name).digest(), hashed.hash);
  let matched = false;
  for (const pattern of hosts.toLowerCase().split(",")) {
    if (pattern.startsWith("!")) {
      if (matchesPattern(pattern.slice(1), name)) return false;
    } else if (matchesPattern(pattern, name)) {
      matched = true;
    }
  }
  return matched;
}

/** `*` and `?`. Goes back to the last `*` only: no pattern takes longer than its length times the name's. */
export function matchesPattern(pattern: string, name: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let i = 0; i < name.length;) {
    if (pattern[at] === "*") {
      star = at++;
      resume = i;
    } else if (pattern[at] === "?" || pattern[at] === name[i]) {
      at++;
      i++;
    } else if (star !== -1) {
      at = star + 1;
      i = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}
