import { TrueUpError } from "@trueup/spec";
import { FLUSH, PacketReader, packetLine, packetText } from "./pkt-line.ts";
import { demultiplex, requireEnd } from "./upload-pack.ts";

/** What goes to and comes from `git-receive-pack`: gitprotocol-pack(5). */

export const NO_OBJECT: string = "0".repeat(40);

/** Moves a ref, if it still is where it was. `NO_OBJECT` stands for a ref that is not there. */
export interface RefUpdate {
  readonly ref: string;
  readonly from: string;
  readonly to: string;
}

/** The request's beginning; the pack follows. Throws `UNSUPPORTED` where the server would not say what it did. */
export function pushRequest(update: RefUpdate, capabilities: ReadonlySet<string>): string {
  if (!capabilities.has("report-status"))
    throw new TrueUpError("UNSUPPORTED", "the server does not offer report-status");
  const wanted = ["report-status", "side-band-64k"].filter((name) => capabilities.has(name));
  return packetLine(`${update.from} ${update.to} ${update.ref}\0${[...wanted, "agent=trueup"].join(" ")}\n`) + FLUSH;
}

/** Undefined where the ref was moved, or the server's reason not to. Throws `INCOMPLETE` where it did not say so in full. */
export function parsePushReport(answer: Buffer, ref: string, capabilities: ReadonlySet<string>): string | undefined {
  const outer = new PacketReader(answer);
  let report = outer;
  if (capabilities.has("side-band-64k")) {
    report = new PacketReader(demultiplex(outer));
    requireEnd(outer);
  }
  const lines = report.untilFlush().map(packetText);
  const unpack = lines.find((line) => line.startsWith("unpack "));
  if (unpack === undefined) throw new TrueUpError("INVALID", "the server's answer to a push is no report");
  if (unpack !== "unpack ok") return harmless(unpack.slice(7));
  if (lines.includes(`ok ${ref}`)) return undefined;
  const refused = lines.find((line) => line.startsWith(`ng ${ref} `));
  if (refused === undefined)
    throw new TrueUpError("INVALID", "the server's answer to a push does not say what became of the ref");
  return harmless(refused.slice(ref.length + 4));
}

// oxlint-disable-next-line no-control-regex
const harmless = (text: string): string => text.replaceAll(/[\0-\x20\x7f-\x9f]+/g, " ").slice(0, 200);
