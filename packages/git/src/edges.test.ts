import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkHost, guardedLookup, isBlockedAddress } from "./address.ts";
import { defaultCacheDirectory, repositoryDirectory } from "./cache-directory.ts";
import { git, parseLocation } from "./git.ts";
import { parseRetryAfter } from "./retry-after.ts";
import { parsePackedRefs } from "./local-repository.ts";
import { DEFAULT_LIMITS, limitsOf } from "./options.ts";
import { displayUrl, Redactor } from "./redact.ts";
import { followRedirect } from "./http-remote.ts";
import { failure } from "./testing/failure.ts";

const A = "a".repeat(40);
const B = "b".repeat(40);

describe("addresses", () => {
  it.each(["169.254.169.254", "169.254.0.1", "100.100.100.200", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254"])(
    "blocks %s",
    (address) => {
      expect(isBlockedAddress(address)).toBe(true);
    },
  );
  it.each(["127.0.0.1", "10.0.0.1", "169.253.0.1", "8.8.8.8", "::1", "2001:db8::1"])("lets %s be", (address) => {
    expect(isBlockedAddress(address)).toBe(false);
  });
  it("fault 11: refuses a URL that names one", () => {
    for (const host of ["169.254.169.254", "[fe80::1]"])
      expect(() => checkHost(host)).toThrow(failure("FORBIDDEN", "leads to a link-local or metadata address"));
    expect(() => checkHost("git.example.com")).not.toThrow();
    expect(() => checkHost("127.0.0.1")).not.toThrow();
  });
  it("looks names up as dns.lookup does, one or all", async () => {
    const one = await new Promise((resolve) => guardedLookup("localhost", { family: 4 }, (...given) => resolve(given)));
    expect(one).toEqual([null, "127.0.0.1", 4]);
    const all = await new Promise((resolve) =>
      guardedLookup("localhost", { family: 4, all: true }, (...given) => resolve(given)),
    );
    expect(all).toEqual([null, [{ address: "127.0.0.1", family: 4 }]]);
    const [bad] = await new Promise<unknown[]>((resolve) =>
      guardedLookup("169.254.169.254", {}, (...given) => resolve(given)),
    );
    expect(bad).toMatchObject({ code: "FORBIDDEN" });
  });
});

describe("redirects", () => {
  const to = (location: string, from = "http://git.example.com/a.git"): string => followRedirect(from, location);
  const suffix = "/info/refs?service=git-upload-pack";

  it("are followed within a host, and to https", () => {
    expect(to(`/b.git${suffix}`)).toBe("http://git.example.com/b.git");
    expect(to(`https://git.example.com/b.git${suffix}`)).toBe("https://git.example.com/b.git");
    expect(to(`http://user:pass@git.example.com/b${suffix}`)).toBe("http://git.example.com/b");
  });

  it.each([
    [`http://other.example.com/a.git${suffix}`, undefined],
    [`http://git.example.com:8080/a.git${suffix}`, undefined],
    [`http://169.254.169.254${suffix}`, undefined],
    ["file:///etc/passwd", undefined],
    [`ssh://git.example.com/a.git${suffix}`, undefined],
    [`http://git.example.com/a.git${suffix}`, "https://git.example.com/a.git"],
  ])("fault 11: %s is not followed", (location, from) => {
    expect(() => to(location, from)).toThrow(expect.objectContaining({ code: "FORBIDDEN", retryable: false }));
    expect(() => to(location, from)).toThrow(failure("FORBIDDEN", "which is not followed: name that URL instead"));
  });

  it("to what is no repository are not followed", () => {
    expect(() => to("/login")).toThrow(failure("FORBIDDEN", "the server redirects to something that is no repository"));
    expect(() => to("http://[")).toThrow(failure("FORBIDDEN", "the server redirects to nowhere"));
  });
});

describe("parseRetryAfter", () => {
  it("reads seconds and dates, within a day", () => {
    expect(parseRetryAfter(undefined)).toBeUndefined();
    expect(parseRetryAfter("7")).toBe(7000);
    expect(parseRetryAfter("soon")).toBeUndefined();
    expect(parseRetryAfter("")).toBeUndefined();
    expect(parseRetryAfter("999999999")).toBe(86_400_000);
    const now = Date.parse("2026-01-01T00:00:00Z");
    expect(parseRetryAfter("Thu, 01 Jan 2026 00:00:30 GMT", now)).toBe(30_000);
    expect(parseRetryAfter("2026-01-01T00:00:30Z", now)).toBe(30_000);
    expect(parseRetryAfter("Wed, 31 Dec 2025 00:00:00 GMT", now)).toBe(0);
  });
});

describe("redaction", () => {
  it("takes user, password and query off an address", () => {
    expect(displayUrl("https://user:pass@git.example.com/a.git?token=x#y")).toBe("https://git.example.com/a.git");
    expect(displayUrl("git@example.com:a.git")).toBe("example.com:a.git");
    expect(displayUrl("/srv/a.git")).toBe("/srv/a.git");
  });

  it("takes what was sent out of what comes back", () => {
    const redactor = new Redactor();
    redactor.add({ username: "someone", password: "pass word/secret" });
    redactor.add({ headers: { Authorization: "Bearer canary-token" } });
    redactor.add({ headers: { Authorization: `Basic ${Buffer.from("user:other:canary").toString("base64")}` } });
    expect(redactor.redact("x other:canary x user")).toBe("x *** x user");
    const basic = Buffer.from("someone:pass word/secret").toString("base64");
    expect(redactor.redact(`a pass word/secret b pass%20word%2Fsecret c ${basic} d canary-token`)).toBe(
      "a *** b *** c *** d ***",
    );
    expect(redactor.redact("https://x:y@host/a")).toBe("https://***@host/a");
    expect(redactor.redact("someone has access")).toBe("someone has access");
  });
});

describe("limits", () => {
  it("have defaults, and may be set one by one", () => {
    expect(limitsOf()).toEqual(DEFAULT_LIMITS);
    expect(limitsOf({ depth: 3 })).toEqual({ ...DEFAULT_LIMITS, depth: 3 });
  });
  it("refuse what is no limit", () => {
    expect(() => limitsOf({ depth: 0 })).toThrow(failure("INVALID", "limits.depth must be a positive number, not 0"));
    expect(() => limitsOf({ depth: "1" as never })).toThrow(
      failure("INVALID", "limits.depth must be a positive number, not 1"),
    );
    expect(() => limitsOf({ dept: 1 } as never)).toThrow(failure("INVALID", "limits.dept is not a limit"));
  });
});

describe("parsePackedRefs", () => {
  it("reads refs and what tags stand for", () => {
    const text = `# pack-refs with: peeled fully-peeled sorted \n${A} refs/heads/main\n${B} refs/tags/v1\n^${A}\n\nnonsense\n`;
    expect([...parsePackedRefs(text).values()]).toEqual([
      { name: "refs/heads/main", oid: A },
      { name: "refs/tags/v1", oid: B, peeled: A },
    ]);
    expect(parsePackedRefs(`^${A}\n`).size).toBe(0);
  });
});

describe("cache directories", () => {
  it("are where the system keeps such things", () => {
    expect(defaultCacheDirectory({ XDG_CACHE_HOME: "/x" }, "linux")).toBe(join("/x", "trueup", "git"));
    expect(defaultCacheDirectory({}, "linux")).toBe(join(homedir(), ".cache", "trueup", "git"));
    expect(defaultCacheDirectory({}, "darwin")).toBe(join(homedir(), "Library", "Caches", "trueup", "git"));
    expect(defaultCacheDirectory({ LOCALAPPDATA: "/l" }, "win32")).toBe(join("/l", "trueup", "cache", "git"));
    expect(defaultCacheDirectory({ LOCALAPPDATA: "/l" }, "linux")).toBe(join(homedir(), ".cache", "trueup", "git"));
    expect(defaultCacheDirectory({}, "win32")).toBe(join(homedir(), ".cache", "trueup", "git"));
  });
  it("are one per repository", () => {
    expect(repositoryDirectory("/c", "https://git.example.com/team/de ploy.git")).toMatch(
      /^\/c\/de-ploy-[0-9a-f]{16}$/,
    );
    expect(repositoryDirectory("/c", "https://h/me/me.github.io.git")).toMatch(/^\/c\/me\.github\.io-[0-9a-f]{16}$/);
    expect(repositoryDirectory("/c", `https://h/${"x".repeat(50)}`)).toMatch(/^\/c\/x{40}-[0-9a-f]{16}$/);
    expect(repositoryDirectory("/c", "https://h/a b_ü.c/")).toMatch(/^\/c\/-[0-9a-f]{16}$/);
    expect(repositoryDirectory("/c", "https://a/x")).not.toBe(repositoryDirectory("/c", "https://b/x"));
  });
});

describe("parseLocation", () => {
  it.each([
    ["/srv/a.git", "/srv/a.git"],
    ["a/b", "a/b"],
    ["./a:b", "./a:b"],
    ["c://a", "c://a"],
    ["file:///srv/a%20b", "/srv/a b"],
    ["FILE:///srv/a", "/srv/a"],
    ["https://h/a", undefined],
    ["HTTP://h/a", undefined],
    ["ssh://h/a", undefined],
    ["git@h:a", undefined],
  ])("%s is at %s", (url, path) => {
    expect(parseLocation(url)).toBe(path);
  });

  it.each([
    ["", "INVALID", "url is empty"],
    ["https://", "INVALID", "url is not a valid URL"],
    ["http://[", "INVALID", "url is not a valid URL"],
    ["ftp://h/a", "UNSUPPORTED", "url: ftp: is not supported"],
    ["git+x-1.0://h/a", "UNSUPPORTED", "url: git+x-1.0: is not supported"],
  ] as const)("%j is refused", (url, code, message) => {
    expect(() => parseLocation(url)).toThrow(failure(code, message));
  });
});

describe("git()", () => {
  it("refuses addresses it cannot follow", () => {
    expect(() => git({ url: "" })).toThrow(failure("INVALID", "url is empty"));
    expect(() => git({ url: "https://" })).toThrow(failure("INVALID", "url is not a valid URL"));
    expect(() => git({ url: "ftp://a/b" })).toThrow(failure("UNSUPPORTED", "url: ftp: is not supported"));
    expect(() => git({ url: "a", ref: { tag: "a b" } })).toThrow(expect.objectContaining({ code: "INVALID" }));
    expect(() => git({ url: "a", limits: { depth: -1 } })).toThrow(expect.objectContaining({ code: "INVALID" }));
  });
  it("is named after its address, without user and password", () => {
    expect(git({ url: "https://user:pass@git.example.com/a.git" }).name).toBe("https://git.example.com/a.git");
    expect(git({ url: "/srv/a.git" }).name).toBe("/srv/a.git");
    expect(git({ url: "/srv/a.git", name: "deploy" }).name).toBe("deploy");
  });
  it("does nothing after it was closed", async () => {
    const source = git({ url: "/nowhere" });
    await source.close?.();
    await expect(source.resolve()).rejects.toMatchObject({ code: "INVALID", message: "/nowhere was closed" });
  });
  it("says where there is no repository", async () => {
    await expect(git({ url: "/nowhere" }).resolve()).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: "/nowhere is no Git repository",
    });
  });
});
