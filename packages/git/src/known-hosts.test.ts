import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  hostKeyAlgorithms,
  hostName,
  judgeHostKey,
  keyTypeOf,
  knownHostLine,
  linesFor,
  matchesPattern,
  parseKnownHosts,
} from "./known-hosts.ts";
import { sshString } from "./ssh-wire.ts";

const key = (type: string, content: string): Buffer => Buffer.concat([sshString(type), sshString(content)]);
const A = key("ssh-ed25519", "a");
const B = key("ssh-ed25519", "b");
const R = key("ssh-rsa", "r");
const line = (hosts: string, of: Buffer): string => `${hosts} ${keyTypeOf(of)} ${of.toString("base64")}`;
const hashed = (name: string, salt = "01234567890123456789"): string =>
  `|1|${Buffer.from(salt).toString("base64")}|${createHmac("sha1", salt).update(name).digest("base64")}`;

/** Numbers of the lines that count for a host. */
const lines = (text: string, host: string, port = 22): number[] =>
  linesFor(parseKnownHosts(text), host, port).map(({ line }) => line);
const judge = (text: string, shown: Buffer, host = "git.example.com", port = 22) =>
  judgeHostKey(linesFor(parseKnownHosts(text), host, port), shown);

describe("parseKnownHosts", () => {
  it("reads hosts, types, keys and markers, and passes over comments", () => {
    const text = `# a comment\r\n\n  ${line("one,two", A)} a comment\n@revoked\t${line("*", B)}\n@cert-authority ${line("*.example.com", R)}\n`;
    expect(parseKnownHosts(text)).toEqual([
      { line: 3, hosts: "one,two", type: "ssh-ed25519", key: A },
      { line: 4, hosts: "*", type: "ssh-ed25519", key: B, marker: "revoked" },
      { line: 5, hosts: "*.example.com", type: "ssh-rsa", key: R, marker: "cert-authority" },
    ]);
    expect(parseKnownHosts("")).toEqual([]);
  });

  it.each([
    ["one", "needs hosts, a type of key and a key"],
    ["one ssh-rsa", "needs hosts, a type of key and a key"],
    [`@trusted ${line("one", A)}`, "unknown marker"],
    ["one 1024 35 1234", "keys of protocol 1 are not supported"],
    [`one ssh-rsa ${A.toString("base64")}`, "the key is no ssh-rsa key"],
    ["one ssh-ed25519 AAAA", "the key is no ssh-ed25519 key"],
    ["one ssh-ed25519 !!!", "the key is no ssh-ed25519 key"],
    [`one ssh-ed25519 x${A.toString("base64")}===`, "the key is no ssh-ed25519 key"],
    [line("|1|abc|def", A), "the hash of the host is none"],
    [line("|2|MDEyMzQ1Njc4OTAxMjM0NTY3ODk=|MDEyMzQ1Njc4OTAxMjM0NTY3ODk=", A), "the hash of the host is none"],
    [line("x".repeat(1001), A), "a host's name is too long"],
  ])("refuses %j", (text, message) => {
    expect(() => parseKnownHosts(`\n${text}`)).toThrow(
      expect.objectContaining({ code: "INVALID", message: `knownHosts: line 2: ${message}` }),
    );
  });

  it("takes a name of 1000 characters, and 100,000 lines, not more", () => {
    expect(parseKnownHosts(line(`a,${"x".repeat(1000)}`, A)).length).toBe(1);
    expect(parseKnownHosts("\n".repeat(99_999))).toEqual([]);
    expect(() => parseKnownHosts("\n".repeat(100_000))).toThrow(
      expect.objectContaining({ code: "LIMIT", message: "knownHosts holds over 100000 lines" }),
    );
  });
});

describe("linesFor", () => {
  const text = [
    line("git.example.com,10.0.0.1", A), // 1
    line("*.example.com,!bad.example.com", A), // 2
    line("[git.example.com]:2222", B), // 3
    line(hashed("secret.example.com"), A), // 4
    line(hashed("[secret.example.com]:2222"), B), // 5
    line("ho?t", A), // 6
    line("!*", A), // 7
    line("GIT.Other.org", A), // 8
  ].join("\n");

  it("finds names, patterns, hashes", () => {
    expect(lines(text, "git.example.com")).toEqual([1, 2]);
    expect(lines(text, "GIT.example.COM")).toEqual([1, 2]);
    expect(lines(text, "git.other.org")).toEqual([8]);
    expect(lines(text, "10.0.0.1")).toEqual([1]);
    expect(lines(text, "10.0.0.11")).toEqual([]);
    expect(lines(text, "a.example.com")).toEqual([2]);
    expect(lines(text, "bad.example.com")).toEqual([]);
    expect(lines(text, "example.com")).toEqual([]);
    expect(lines(text, "secret.example.com")).toEqual([2, 4]);
    expect(lines(text, "host")).toEqual([6]);
    expect(lines(text, "hoot")).toEqual([6]);
    expect(lines(text, "hot")).toEqual([]);
  });

  it("takes a line for the port, or else one without a port", () => {
    expect(lines(text, "git.example.com", 2222)).toEqual([3]);
    expect(lines(text, "git.example.com", 2223)).toEqual([1, 2]);
    expect(lines(text, "secret.example.com", 2222)).toEqual([5]);
    // What is revoked for the port does not hide what is known without one.
    expect(lines(`@revoked ${line("[h]:23", A)}\n${line("h", B)}`, "h", 23)).toEqual([1, 2]);
    expect(lines(line("[h]:22", A), "h")).toEqual([]);
  });
});

describe("judgeHostKey", () => {
  it("knows a key, another key, and nothing", () => {
    expect(judge(line("git.example.com", A), A)).toEqual({ status: "known" });
    expect(judge(`${line("git.example.com", B)}\n${line("git.example.com", A)}`, A)).toEqual({ status: "known" });
    expect(judge(line("git.example.com", B), A)).toEqual({
      status: "changed",
      lines: [{ line: 1, hosts: "git.example.com", type: "ssh-ed25519", key: B }],
    });
    expect(judge(line("other", A), A)).toEqual({ status: "unknown" });
    expect(judge("", A)).toEqual({ status: "unknown" });
  });

  it("a revoked key is revoked though a line knows it; another key is not", () => {
    expect(judge(`${line("*", A)}\n@revoked ${line("*", A)}`, A)).toEqual({ status: "revoked", line: 2 });
    expect(judge(`${line("*", A)}\n@revoked ${line("*", B)}`, A)).toEqual({ status: "known" });
    expect(judge(`@revoked ${line("other", A)}`, A)).toEqual({ status: "unknown" });
    expect(judge(`@revoked ${line("*", B)}`, A)).toEqual({ status: "unknown" });
  });

  it("an authority's key is no host's key", () => {
    expect(judge(`@cert-authority ${line("*", A)}`, A)).toEqual({ status: "authority", line: 1 });
    expect(judge(`@cert-authority ${line("*", A)}\n${line("*", A)}`, A)).toEqual({ status: "known" });
    expect(judge(`@cert-authority ${line("*", A)}\n${line("*", B)}`, A)).toMatchObject({ status: "changed" });
  });
});

describe("hostKeyAlgorithms", () => {
  const all = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
  ];
  it("asks for what is known, and never for SHA-1", () => {
    expect(hostKeyAlgorithms([])).toEqual(all);
    expect(hostKeyAlgorithms(parseKnownHosts(line("h", A)))).toEqual(["ssh-ed25519"]);
    expect(hostKeyAlgorithms(parseKnownHosts(line("h", R)))).toEqual(["rsa-sha2-512", "rsa-sha2-256"]);
    expect(hostKeyAlgorithms(parseKnownHosts(`${line("h", R)}\n${line("h", A)}`))).toEqual([
      "ssh-ed25519",
      "rsa-sha2-512",
      "rsa-sha2-256",
    ]);
    expect(hostKeyAlgorithms(parseKnownHosts(`@revoked ${line("h", A)}`))).toEqual(all);
    expect(hostKeyAlgorithms(parseKnownHosts(line("h", key("ssh-dss", "d"))))).toEqual([]);
  });
});

describe("names and lines", () => {
  it("are as OpenSSH writes them", () => {
    expect(hostName("Git.Example.com", 22)).toBe("git.example.com");
    expect(hostName("::1", 2222)).toBe("[::1]:2222");
    expect(knownHostLine("Host", 2222, A)).toBe(line("[host]:2222", A));
    expect(parseKnownHosts(knownHostLine("host", 22, A))).toEqual([
      { line: 1, hosts: "host", type: "ssh-ed25519", key: A },
    ]);
    expect(keyTypeOf(Buffer.from("x"))).toBeUndefined();
  });
});

describe("matchesPattern", () => {
  it.each([
    ["", "", true],
    ["", "a", false],
    ["*", "", true],
    ["*", "abc", true],
    ["**", "abc", true],
    ["a*", "abc", true],
    ["a*c", "abc", true],
    ["a*c", "abcd", false],
    ["*c*", "abcd", true],
    ["?", "", false],
    ["?", "a", true],
    ["a?", "a", false],
    ["*.b.*.d", "a.b.c.d", true],
    ["*.b.*.d", "a.b.b.c", false],
    ["*ab", "aab", true],
    ["*aab", "aaab", true],
    ["a.c", "abc", false],
    ["[a]", "a", false],
  ])("%j and %j: %s", (pattern, name, expected) => {
    expect(matchesPattern(pattern, name)).toBe(expected);
  });
  it("takes no longer for many stars", () => {
    const start = performance.now();
    expect(matchesPattern(`${"*a".repeat(500)}b`, "a".repeat(1000))).toBe(false);
    expect(performance.now() - start).toBeLessThan(500);
  });
});
