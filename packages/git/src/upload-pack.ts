import { TrueUpError } from "@trueup/spec";
import { OID } from "./oid.ts";
import { DELIMITER, FLUSH, PacketReader, packetLine, packetText, serverError } from "./pkt-line.ts";
import type { ListedRef } from "./ref.ts";

/** What goes to and comes from `git-upload-pack`: gitprotocol-v2(5), and gitprotocol-pack(5) for servers that know no better. */

const AGENT = "trueup";

export interface FetchRequest {
  readonly want: readonly string[];
  /** Commits whose trees are here whole: the server sends what differs from them. Their ancestors are not here. */
  readonly have: readonly string[];
  /** Commits to send from each branch's tip. Absent: all. */
  readonly depth?: number;
  /** Leaves out trees and files (history alone), or files. Only where the server offers it. */
  readonly filter?: "tree:0" | "blob:none";
  /** Of the answer, at most, where that is less than `limits.packBytes`. */
  readonly bytes?: number;
}

export interface FetchAnswer {
  readonly pack: Buffer;
  /** Commits whose parents were left out. */
  readonly shallow: readonly string[];
}

/** Protocol 2: the refs whose names begin with one of the prefixes. */
export function lsRefsRequest(prefixes: readonly string[]): string {
  return [
    packetLine("command=ls-refs\n"),
    packetLine(`agent=${AGENT}\n`),
    packetLine("object-format=sha1\n"),
    DELIMITER,
    packetLine("peel\n"),
    packetLine("symrefs\n"),
    ...prefixes.map((prefix) => packetLine(`ref-prefix ${prefix}\n`)),
    FLUSH,
  ].join("");
}

/** Throws `INCOMPLETE` unless the listing is closed by its flush and nothing follows. */
export function parseLsRefs(answer: Buffer): ListedRef[] {
  const reader = new PacketReader(answer);
  const refs: ListedRef[] = [];
  for (const packet of reader.untilFlush()) {
    const line = packetText(packet);
    const [oid = "", name = "", ...attributes] = line.split(" ");
    if (oid === "unborn") continue;
    if (!OID.test(oid) || name === "")
      throw new TrueUpError("INVALID", "the server's list of refs holds a line that is no ref");
    const attribute = (key: string): string | undefined =>
      attributes.find((attribute) => attribute.startsWith(key))?.slice(key.length);
    const peeled = attribute("peeled:");
    const target = attribute("symref-target:");
    if (peeled !== undefined && !OID.test(peeled)) {
      throw new TrueUpError("INVALID", "the server's list of refs holds a line that is no ref");
    }
    refs.push({ name, oid, ...(peeled !== undefined && { peeled }), ...(target !== undefined && { target }) });
  }
  requireEnd(reader);
  return refs;
}

/** The refs of a protocol 0 or 1 advertisement, as isomorphic-git gives them. */
export function refsOfAdvertisement(
  refs: ReadonlyMap<string, string>,
  symrefs: ReadonlyMap<string, string>,
): ListedRef[] {
  const listed: ListedRef[] = [];
  for (const [name, oid] of refs) {
    if (!OID.test(oid)) throw new TrueUpError("INVALID", "the server's list of refs holds a line that is no ref");
    if (name.endsWith("^{}")) continue;
    const peeled = refs.get(`${name}^{}`);
    const target = symrefs.get(name);
    listed.push({ name, oid, ...(peeled !== undefined && { peeled }), ...(target !== undefined && { target }) });
  }
  return listed;
}

/** Throws `INCOMPLETE` where an advertisement (`info/refs`) was cut short, which isomorphic-git takes for the end. */
export function checkAdvertisement(answer: Buffer): void {
  const reader = new PacketReader(answer);
  const first = reader.next();
  if (first !== "flush" && packetText(first).startsWith("# service=")) {
    if (reader.next() !== "flush") throw new TrueUpError("INVALID", "the server's answer is no Git advertisement");
    reader.untilFlush();
  } else if (first !== "flush") {
    reader.untilFlush();
  }
  requireEnd(reader);
}

export function fetchRequestV2(request: FetchRequest): string {
  return [
    packetLine("command=fetch\n"),
    packetLine(`agent=${AGENT}\n`),
    packetLine("object-format=sha1\n"),
    DELIMITER,
    packetLine("thin-pack\n"),
    packetLine("ofs-delta\n"),
    packetLine("no-progress\n"),
    ...(request.filter === undefined ? [] : [packetLine(`filter ${request.filter}\n`)]),
    ...request.have.map((oid) => packetLine(`shallow ${oid}\n`)),
    ...(request.depth === undefined ? [] : [packetLine(`deepen ${request.depth}\n`)]),
    ...request.want.map((oid) => packetLine(`want ${oid}\n`)),
    ...request.have.map((oid) => packetLine(`have ${oid}\n`)),
    packetLine("done\n"),
    FLUSH,
  ].join("");
}

export function parseFetchV2(answer: Buffer): FetchAnswer {
  const reader = new PacketReader(answer);
  const shallow: string[] = [];
  for (;;) {
    const section = packetText(reader.next());
    if (section === "packfile") break;
    for (let packet = reader.next(); packet !== "delimiter"; packet = reader.next()) {
      if (packet === "flush") throw new TrueUpError("INCOMPLETE", "the server ended its answer before the pack");
      const line = packetText(packet);
      if (section === "shallow-info" && line.startsWith("shallow ")) shallow.push(line.slice(8));
    }
  }
  const pack = demultiplex(reader);
  requireEnd(reader);
  return { pack, shallow };
}

/** multi_ack_detailed is named because Azure DevOps insists on it; we end the talk at once all the same. */
const WANTED_CAPABILITIES = ["side-band-64k", "thin-pack", "ofs-delta", "no-progress", "multi_ack_detailed"];

/** Protocol 0 and 1. Throws `UNSUPPORTED` where the server cannot send a shallow history in a side band. */
export function fetchRequestV1(request: FetchRequest, capabilities: ReadonlySet<string>): string {
  for (const needed of ["side-band-64k", ...(request.depth === undefined ? [] : ["shallow"])]) {
    if (!capabilities.has(needed)) throw new TrueUpError("UNSUPPORTED", `the server does not offer ${needed}`);
  }
  const offered = WANTED_CAPABILITIES.filter((name) => capabilities.has(name));
  const [first, ...others] = request.want;
  return [
    packetLine(`want ${first} ${[...offered, `agent=${AGENT}`].join(" ")}\n`),
    ...others.map((oid) => packetLine(`want ${oid}\n`)),
    ...request.have.map((oid) => packetLine(`shallow ${oid}\n`)),
    ...(request.depth === undefined ? [] : [packetLine(`deepen ${request.depth}\n`)]),
    FLUSH,
    ...request.have.map((oid) => packetLine(`have ${oid}\n`)),
    packetLine("done\n"),
  ].join("");
}

export function parseFetchV1(answer: Buffer, request: FetchRequest): FetchAnswer {
  const reader = new PacketReader(answer);
  const shallow: string[] = [];
  if (request.depth !== undefined) {
    for (const packet of reader.untilFlush()) {
      const line = packetText(packet);
      if (line.startsWith("shallow ")) shallow.push(line.slice(8));
    }
  }
  // ACKs for what is common; the last line before the pack is a NAK, or an ACK without a status.
  for (;;) {
    const line = packetText(reader.next());
    if (line === "NAK" || /^ACK [0-9a-f]{40}$/.test(line)) break;
    if (!line.startsWith("ACK ")) throw new TrueUpError("INVALID", "the server's answer is no Git protocol");
  }
  const pack = demultiplex(reader);
  requireEnd(reader);
  return { pack, shallow };
}

const DATA = 1;
const PROGRESS = 2;

/** The pack out of a side band. Written over the answer's own bytes: a pack is large, and a payload never stands before its place. */
export function demultiplex(reader: PacketReader): Buffer {
  const target = reader.rest();
  let length = 0;
  for (let packet = reader.next(); packet !== "flush"; packet = reader.next()) {
    if (typeof packet === "string" || packet.length === 0)
      throw new TrueUpError("INVALID", "the server's answer has no side band");
    if (packet[0] === DATA) {
      packet.copy(target, length, 1);
      length += packet.length - 1;
    } else if (packet[0] !== PROGRESS) {
      throw serverError(packet.subarray(1).toString("utf8"));
    }
  }
  return target.subarray(0, length);
}

export function requireEnd(reader: PacketReader): void {
  if (!reader.done) throw new TrueUpError("INVALID", "the server's answer goes on after its end");
}
