import { TrueUpError } from "@trueup/spec";
import { PacketReader, packetText } from "./pkt-line.ts";
import { refsOfAdvertisement } from "./upload-pack.ts";
import type { ListedRef } from "./ref.ts";

/** What a server says first: gitprotocol-v2(5), and gitprotocol-pack(5) for versions 0 and 1. */
export type Advertisement =
  | { readonly version: 2; readonly capabilities: ReadonlyMap<string, string> }
  | { readonly version: 0; readonly capabilities: ReadonlySet<string>; readonly refs: readonly ListedRef[] };

/** Where an advertisement ends in what has come so far: after its first flush. Undefined while that is not there. */
export function endOfAdvertisement(bytes: Buffer): number | undefined {
  for (let at = 0; at + 4 <= bytes.length;) {
    const digits = bytes.toString("latin1", at, at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits))
      throw new TrueUpError("INVALID", `the server's answer is no Git protocol at byte ${at}`);
    const length = Number.parseInt(digits, 16);
    if (length === 0) return at + 4;
    at += Math.max(length, 4);
  }
  return undefined;
}

/** Throws `INVALID`, `INCOMPLETE`, `UNSUPPORTED` for a repository that is not of SHA-1. */
export function parseAdvertisement(bytes: Buffer): Advertisement {
  const lines = new PacketReader(bytes).untilFlush().map(packetText);
  const advertisement = lines[0] === "version 2" ? parseV2(lines.slice(1)) : parseV0(lines);
  const format =
    advertisement.version === 2
      ? advertisement.capabilities.get("object-format")
      : [...advertisement.capabilities].find((name) => name.startsWith("object-format="))?.slice(14);
  if (format !== undefined && format !== "sha1")
    throw new TrueUpError("UNSUPPORTED", `the repository's object format is ${format}, not sha1`);
  return advertisement;
}

function parseV2(lines: readonly string[]): Advertisement {
  const capabilities = lines.map((line): [string, string] => {
    const equals = line.indexOf("=");
    return equals === -1 ? [line, ""] : [line.slice(0, equals), line.slice(equals + 1)];
  });
  return { version: 2, capabilities: new Map(capabilities) };
}

function parseV0(given: readonly string[]): Advertisement {
  const lines = given[0] === "version 1" ? given.slice(1) : given;
  const [first = "", words = ""] = lines[0]?.split("\0") ?? [];
  const capabilities = new Set(words.split(" ").filter((word) => word !== ""));
  const refs = new Map<string, string>();
  for (const line of [first, ...lines.slice(1)]) {
    // Commits whose parents the server lacks are no refs; an empty repository has one line that stands for none.
    if (line === "" || line.startsWith("shallow ") || line.endsWith(" capabilities^{}")) continue;
    refs.set(line.slice(41), line.slice(0, 40));
  }
  const symrefs = new Map<string, string>();
  for (const word of capabilities) {
    const [, name = "", target = ""] = /^symref=([^:]+):(.+)$/.exec(word) ?? [];
    if (name !== "") symrefs.set(name, target);
  }
  return { version: 0, capabilities, refs: refsOfAdvertisement(refs, symrefs) };
}
