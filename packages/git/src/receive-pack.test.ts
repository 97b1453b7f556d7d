import { describe, expect, it } from "vitest";
import { packetLine } from "./pkt-line.ts";
import { NO_OBJECT, parsePushReport, pushRequest } from "./receive-pack.ts";
import { failure } from "./testing/failure.ts";

const A = "a".repeat(40);
const plain = new Set(["report-status"]);
const banded = new Set(["report-status", "side-band-64k", "atomic"]);
const ref = "refs/heads/main";
const report = (...lines: string[]): string => `${lines.map((line) => packetLine(`${line}\n`)).join("")}0000`;
const band = (text: string): Buffer => Buffer.from(`${packetLine(`\x02remote words`)}${packetLine(`\x01${text}`)}0000`);

describe("pushRequest", () => {
  it("names the ref, from where to where", () => {
    expect(pushRequest({ ref, from: NO_OBJECT, to: A }, plain)).toBe(
      `${packetLine(`${NO_OBJECT} ${A} ${ref}\0report-status agent=trueup\n`)}0000`,
    );
    expect(pushRequest({ ref, from: A, to: A }, banded)).toContain("\0report-status side-band-64k agent=trueup\n");
    expect(() => pushRequest({ ref, from: A, to: A }, new Set())).toThrow(
      failure("UNSUPPORTED", "the server does not offer report-status"),
    );
  });
});

describe("parsePushReport", () => {
  it("says what became of the ref", () => {
    expect(parsePushReport(Buffer.from(report("unpack ok", `ok ${ref}`)), ref, plain)).toBeUndefined();
    expect(parsePushReport(band(report("unpack ok", `ok ${ref}`)), ref, banded)).toBeUndefined();
    expect(parsePushReport(band(report("unpack ok", `ng ${ref} hook\x1b declined`)), ref, banded)).toBe(
      "hook declined",
    );
    expect(parsePushReport(Buffer.from(report("unpack index-pack failed")), ref, plain)).toBe("index-pack failed");
  });

  it("does not take another ref's word, or half an answer, for it", () => {
    expect(() => parsePushReport(Buffer.from(report("unpack ok", "ok refs/heads/other")), ref, plain)).toThrow(
      failure("INVALID", "does not say what became of the ref"),
    );
    expect(() => parsePushReport(Buffer.from(report(`ok ${ref}`)), ref, plain)).toThrow(
      failure("INVALID", "is no report"),
    );
    const whole = band(report("unpack ok", `ok ${ref}`));
    for (let at = 0; at < whole.length; at++) {
      expect(() => parsePushReport(Buffer.from(whole.subarray(0, at)), ref, banded), `${at}`).toThrow(
        expect.objectContaining({ code: "INCOMPLETE" }),
      );
    }
  });
});
