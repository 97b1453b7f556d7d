import { describe, expect, it } from "vitest";
import { endOfAdvertisement, parseAdvertisement } from "./advertisement.ts";
import { packetLine } from "./pkt-line.ts";
import { failure } from "./testing/failure.ts";

const A = "a".repeat(40);
const B = "b".repeat(40);
const packets = (...lines: string[]): Buffer =>
  Buffer.from(`${lines.map((line) => packetLine(`${line}\n`)).join("")}0000`);

describe("parseAdvertisement", () => {
  it("reads protocol 2", () => {
    expect(
      parseAdvertisement(
        packets("version 2", "ls-refs=unborn", "fetch=shallow filter", "server-option", "object-format=sha1"),
      ),
    ).toEqual({
      version: 2,
      capabilities: new Map([
        ["ls-refs", "unborn"],
        ["fetch", "shallow filter"],
        ["server-option", ""],
        ["object-format", "sha1"],
      ]),
    });
  });

  it("reads protocol 0 and 1: refs, peeled tags, where HEAD points, shallow lines", () => {
    const lines = [
      `${A} HEAD\0side-band-64k symref=HEAD:refs/heads/main shallow object-format=sha1`,
      `${A} refs/heads/main`,
      `${B} refs/tags/v1`,
      `${A} refs/tags/v1^{}`,
      `shallow ${B}`,
    ];
    const expected = {
      version: 0,
      capabilities: new Set(["side-band-64k", "symref=HEAD:refs/heads/main", "shallow", "object-format=sha1"]),
      refs: [
        { name: "HEAD", oid: A, target: "refs/heads/main" },
        { name: "refs/heads/main", oid: A },
        { name: "refs/tags/v1", oid: B, peeled: A },
      ],
    };
    expect(parseAdvertisement(packets(...lines))).toEqual(expected);
    expect(parseAdvertisement(packets("version 1", ...lines))).toEqual(expected);
  });

  it("reads an empty repository", () => {
    expect(parseAdvertisement(packets(`${"0".repeat(40)} capabilities^{}\0report-status delete-refs`))).toEqual({
      version: 0,
      capabilities: new Set(["report-status", "delete-refs"]),
      refs: [],
    });
    expect(parseAdvertisement(packets())).toEqual({ version: 0, capabilities: new Set(), refs: [] });
  });

  it("refuses SHA-256, what is no ref, and the server's ERR", () => {
    const sha256 = { code: "UNSUPPORTED", message: "the repository's object format is sha256, not sha1" };
    expect(() => parseAdvertisement(packets("version 2", "object-format=sha256"))).toThrow(
      expect.objectContaining(sha256),
    );
    expect(() => parseAdvertisement(packets(`${A} HEAD\0object-format=sha256`))).toThrow(
      expect.objectContaining(sha256),
    );
    expect(() => parseAdvertisement(packets("hello there"))).toThrow(expect.objectContaining({ code: "INVALID" }));
    expect(() => parseAdvertisement(packets("ERR go away"))).toThrow(
      failure("UNAVAILABLE", "the server refused: go away"),
    );
  });

  it("is whole, or none", () => {
    const whole = packets("version 2", "fetch=filter");
    for (let at = 0; at < whole.length; at++) {
      expect(endOfAdvertisement(whole.subarray(0, at)), `${at}`).toBeUndefined();
      expect(() => parseAdvertisement(whole.subarray(0, at))).toThrow(expect.objectContaining({ code: "INCOMPLETE" }));
    }
    expect(endOfAdvertisement(Buffer.concat([whole, Buffer.from("0000 and more")]))).toBe(whole.length);
    expect(endOfAdvertisement(Buffer.from("00010000"))).toBe(8);
    expect(() => endOfAdvertisement(Buffer.from("HTTP"))).toThrow(
      failure("INVALID", "the server's answer is no Git protocol at byte 0"),
    );
    expect(() => endOfAdvertisement(Buffer.from("0004zzzz"))).toThrow(
      failure("INVALID", "the server's answer is no Git protocol at byte 4"),
    );
  });
});
