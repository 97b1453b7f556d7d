import { describe, expect, it } from "vitest";
import { packetLine } from "./pkt-line.ts";
import {
  checkAdvertisement,
  fetchRequestV1,
  fetchRequestV2,
  lsRefsRequest,
  parseFetchV1,
  parseFetchV2,
  parseLsRefs,
  refsOfAdvertisement,
} from "./upload-pack.ts";
import { failure } from "./testing/failure.ts";

const A = "a".repeat(40);
const B = "b".repeat(40);
const lines = (...given: string[]): Buffer =>
  Buffer.from(given.map((line) => (/^000[012]$/.test(line) ? line : packetLine(line))).join(""), "latin1");
const band = (number: number, data: string): string => String.fromCharCode(number) + data;
const code = (code: string): unknown => expect.objectContaining({ code });

describe("ls-refs", () => {
  it("asks for prefixes", () => {
    expect(lsRefsRequest(["refs/heads/main", "HEAD"])).toBe(
      "0014command=ls-refs\n0011agent=trueup\n0017object-format=sha1\n00010009peel\n000csymrefs\n001fref-prefix refs/heads/main\n0014ref-prefix HEAD\n0000",
    );
  });

  it("reads refs, symbolic ones and tags", () => {
    const answer = lines(
      `${A} HEAD symref-target:refs/heads/main\n`,
      `${A} refs/heads/main\n`,
      `${B} refs/tags/v1 peeled:${A}\n`,
      "unborn refs/heads/x\n",
      "0000",
    );
    expect(parseLsRefs(answer)).toEqual([
      { name: "HEAD", oid: A, target: "refs/heads/main" },
      { name: "refs/heads/main", oid: A },
      { name: "refs/tags/v1", oid: B, peeled: A },
    ]);
    expect(parseLsRefs(lines("0000"))).toEqual([]);
  });

  it("fault 8: a listing that ends before its flush is INCOMPLETE, at every byte", () => {
    const answer = lines(`${A} HEAD\n`, `${A} refs/heads/main\n`, "0000");
    for (let at = 0; at < answer.length; at++)
      expect(() => parseLsRefs(answer.subarray(0, at)), `${at}`).toThrow(code("INCOMPLETE"));
  });

  it("refuses what is no ref, and what follows the end", () => {
    for (const line of ["x HEAD", A, `${A} `, `${A} a peeled:x`]) {
      expect(() => parseLsRefs(lines(line, "0000")), line).toThrow(
        failure("INVALID", "the server's list of refs holds a line that is no ref"),
      );
    }
    expect(() => parseLsRefs(lines("0000", "0000"))).toThrow(
      failure("INVALID", "the server's answer goes on after its end"),
    );
    expect(() => parseLsRefs(lines("0001", "0000"))).toThrow(code("INVALID"));
  });

  it("gives the server's own error, made harmless", () => {
    expect(() => parseLsRefs(lines("ERR access\x1b[31m denied\n\n to you"))).toThrow(
      expect.objectContaining({ code: "UNAVAILABLE", message: "the server refused: access [31m denied to you" }),
    );
    expect(() => parseLsRefs(lines(`ERR ${"x".repeat(300)}`))).toThrow(
      failure("UNAVAILABLE", `the server refused: ${"x".repeat(200)}`),
    );
    expect(() => parseLsRefs(lines(`ERR upload-pack: not our ref ${A}`))).toThrow(code("STALE"));
  });
});

describe("an advertisement", () => {
  it("gives refs with what they peel to", () => {
    const refs = new Map([
      ["HEAD", A],
      ["refs/tags/v1", B],
      ["refs/tags/v1^{}", A],
    ]);
    expect(refsOfAdvertisement(refs, new Map([["HEAD", "refs/heads/main"]]))).toEqual([
      { name: "HEAD", oid: A, target: "refs/heads/main" },
      { name: "refs/tags/v1", oid: B, peeled: A },
    ]);
    expect(() => refsOfAdvertisement(new Map([["HEAD", "x"]]), new Map())).toThrow(code("INVALID"));
  });

  it("fault 8: must be closed by its own flush, at every byte", () => {
    for (const answer of [
      lines("# service=git-upload-pack\n", "0000", `${A} HEAD\0caps\n`, `${A} refs/heads/main\n`, "0000"),
      lines("version 2\n", "ls-refs=unborn\n", "0000"),
      lines("# service=git-upload-pack\n", "0000", "version 2\n", "fetch\n", "0000"),
    ]) {
      expect(() => checkAdvertisement(answer)).not.toThrow();
      for (let at = 0; at < answer.length; at++) {
        expect(() => checkAdvertisement(answer.subarray(0, at)), `${at}`).toThrow(code("INCOMPLETE"));
      }
      expect(() => checkAdvertisement(Buffer.concat([answer, lines("x")]))).toThrow(code("INVALID"));
    }
    expect(() => checkAdvertisement(lines("0000"))).not.toThrow();
    expect(() => checkAdvertisement(lines("# service=x\n", "y", "0000", "0000"))).toThrow(
      failure("INVALID", "the server's answer is no Git advertisement"),
    );
    expect(() => checkAdvertisement(lines("ERR no"))).toThrow(failure("UNAVAILABLE", "the server refused: no"));
  });
});

describe("fetch, protocol 2", () => {
  it("asks for what differs", () => {
    expect(fetchRequestV2({ want: [A], have: [B], depth: 1 })).toBe(
      `0012command=fetch\n0011agent=trueup\n0017object-format=sha1\n0001000ethin-pack\n000eofs-delta\n0010no-progress\n0035shallow ${B}\n000ddeepen 1\n0032want ${A}\n0032have ${B}\n0009done\n0000`,
    );
    expect(fetchRequestV2({ want: [A], have: [], filter: "tree:0" })).toContain("0012filter tree:0\n0032want");
    expect(fetchRequestV2({ want: [A], have: [] })).not.toMatch(/deepen|shallow|filter/);
  });

  const answer = (): Buffer =>
    lines(
      "shallow-info\n",
      `shallow ${A}\n`,
      `unshallow ${B}\n`,
      "0001",
      "packfile\n",
      band(2, "progress"),
      band(1, "PA"),
      band(1, "CK"),
      "0000",
    );

  it("reads the pack out of the side band", () => {
    const { pack, shallow } = parseFetchV2(answer());
    expect(pack.toString()).toBe("PACK");
    expect(shallow).toEqual([A]);
    expect(parseFetchV2(lines("packfile\n", band(1, "x"), "0000"))).toEqual({ pack: Buffer.from("x"), shallow: [] });
    expect(parseFetchV2(lines("acknowledgments\n", `shallow ${A}\n`, "0001", "packfile\n", "0000")).shallow).toEqual(
      [],
    );
  });

  it("fault 2: is INCOMPLETE when cut at any byte", () => {
    const whole = answer();
    for (let at = 0; at < whole.length; at++)
      expect(() => parseFetchV2(answer().subarray(0, at)), `${at}`).toThrow(code("INCOMPLETE"));
  });

  it("refuses an answer without a pack, with an error, or that goes on", () => {
    expect(() => parseFetchV2(lines("shallow-info\n", "0000"))).toThrow(
      failure("INCOMPLETE", "the server ended its answer before the pack"),
    );
    expect(() => parseFetchV2(lines("packfile\n", band(3, "out of memory\n"), "0000"))).toThrow(
      failure("UNAVAILABLE", "the server refused: out of memory"),
    );
    expect(() => parseFetchV2(lines("packfile\n", "", "0000"))).toThrow(
      failure("INVALID", "the server's answer has no side band"),
    );
    expect(() => parseFetchV2(lines("packfile\n", "0001", "0000"))).toThrow(
      failure("INVALID", "the server's answer has no side band"),
    );
    expect(() => parseFetchV2(Buffer.concat([answer(), lines("x")]))).toThrow(
      failure("INVALID", "the server's answer goes on after its end"),
    );
  });
});

describe("fetch, protocol 0", () => {
  const capabilities = new Set(["side-band-64k", "shallow", "thin-pack", "multi_ack_detailed", "other"]);

  it("asks with what the server offers", () => {
    expect(fetchRequestV1({ want: [A, B], have: [B], depth: 2 }, capabilities)).toBe(
      [
        packetLine(`want ${A} side-band-64k thin-pack multi_ack_detailed agent=trueup\n`),
        packetLine(`want ${B}\n`),
        packetLine(`shallow ${B}\n`),
        "000ddeepen 2\n",
        "0000",
        packetLine(`have ${B}\n`),
        "0009done\n",
      ].join(""),
    );
    const all = ["no-done", "no-progress", "ofs-delta", "shallow", "multi_ack_detailed", "thin-pack", "side-band-64k"];
    expect(fetchRequestV1({ want: [A], have: [] }, new Set(all))).toBe(
      [
        packetLine(`want ${A} side-band-64k thin-pack ofs-delta no-progress multi_ack_detailed agent=trueup\n`),
        "0000",
        "0009done\n",
      ].join(""),
    );
    const lacks = (name: string): Error =>
      expect.objectContaining({ code: "UNSUPPORTED", message: `the server does not offer ${name}` }) as Error;
    expect(() => fetchRequestV1({ want: [A], have: [], depth: 1 }, new Set(["side-band-64k"]))).toThrow(
      lacks("shallow"),
    );
    expect(() => fetchRequestV1({ want: [A], have: [] }, new Set())).toThrow(lacks("side-band-64k"));
    expect(fetchRequestV1({ want: [A], have: [] }, new Set(["side-band-64k"]))).not.toContain("deepen");
  });

  it("reads shallow commits, acknowledgements and the pack", () => {
    const request = { want: [A], have: [B], depth: 1 };
    const answer = lines(
      `shallow ${A}\n`,
      "0000",
      `ACK ${B} common\n`,
      `ACK ${B} ready\n`,
      "NAK\n",
      band(1, "PACK"),
      "0000",
    );
    expect(parseFetchV1(answer, request)).toEqual({ pack: Buffer.from("PACK"), shallow: [A] });
    const final = lines(`ACK ${B}\n`, band(1, "PACK"), "0000");
    expect(parseFetchV1(final, { want: [A], have: [B] }).pack.toString()).toBe("PACK");
    expect(() => parseFetchV1(lines("hello", "0000"), { want: [A], have: [] })).toThrow(
      failure("INVALID", "the server's answer is no Git protocol"),
    );
  });
});
