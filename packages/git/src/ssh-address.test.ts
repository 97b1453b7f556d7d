import { describe, expect, it } from "vitest";
import { git } from "./git.ts";
import { parseSshAddress, remoteCommand } from "./ssh-address.ts";

describe("parseSshAddress", () => {
  it.each([
    ["ssh://git@example.com/team/repo.git", { user: "git", host: "example.com", port: 22, path: "/team/repo.git" }],
    ["ssh://example.com/repo", { user: "git", host: "example.com", port: 22, path: "/repo" }],
    ["SSH://me@example.com:2222/repo", { user: "me", host: "example.com", port: 2222, path: "/repo" }],
    ["ssh://me%40x@[::1]:22/a%20b", { user: "me@x", host: "::1", port: 22, path: "/a b" }],
    ["ssh://git@example.com/~me/repo", { user: "git", host: "example.com", port: 22, path: "~me/repo" }],
    ["git@example.com:team/repo.git", { user: "git", host: "example.com", port: 22, path: "team/repo.git" }],
    ["git@example.com:/srv/repo", { user: "git", host: "example.com", port: 22, path: "/srv/repo" }],
    ["git@example.com:22/repo", { user: "git", host: "example.com", port: 22, path: "22/repo" }],
    ["git@[::1]:repo", { user: "git", host: "::1", port: 22, path: "repo" }],
    ["git@example.com:a:b@c", { user: "git", host: "example.com", port: 22, path: "a:b@c" }],
  ])("%s", (url, address) => {
    expect(parseSshAddress(url)).toEqual(address);
  });

  it.each([
    "/srv/repo",
    "./a@b:c",
    "repo",
    "C:\\repo",
    "host:path",
    "https://git@example.com/a:b",
    "a/b@c:d",
    "file:///a",
    "@host:path",
    "a@:b",
  ])("%s is none", (url) => {
    expect(parseSshAddress(url)).toBeUndefined();
  });

  it.each([
    ["ssh://git:canary-pass@example.com/repo", "url: a password has no place in an ssh address: use a key"],
    ["ssh:example.com", "url is not a valid URL"],
    ["ssh://git@example.com:99999/x", "url is not a valid URL"],
    ["ssh://git@example.com/%zz", "url is not a valid URL"],
    ["ssh://git@example.com", "url: an ssh address needs a host and a path"],
    ["ssh://git@example.com/", "url: an ssh address needs a host and a path"],
    ["ssh:///repo", "url: an ssh address needs a host and a path"],
    ["git@example.com:", "url: an ssh address needs a host and a path"],
    ["ssh://git@example.com/repo?x=1", "url: an ssh address has no query and no fragment"],
    ["ssh://git@example.com/repo#x", "url: an ssh address has no query and no fragment"],
    ["ssh://git@example.com/re%0apo", "url: an ssh address has no control characters"],
    ["git@example.com:a\nb", "url: an ssh address has no control characters"],
    ["git@example.com:--upload-pack=x", "url: the path of an ssh address does not begin with a dash"],
  ])("%j is refused", (url, message) => {
    expect(() => parseSshAddress(url)).toThrow(expect.objectContaining({ code: "INVALID", message }));
    expect(() => git({ url })).toThrow(message);
  });

  it("names a source without the user", () => {
    expect(git({ url: "git@example.com:team/repo.git" }).name).toBe("example.com:team/repo.git");
    expect(git({ url: "ssh://git@example.com:22/a" }).name).toBe("ssh://example.com:22/a");
  });
});

describe("remoteCommand", () => {
  it("leaves nothing to the server's shell", () => {
    expect(remoteCommand("git-upload-pack", "/a b")).toBe("git-upload-pack '/a b'");
    expect(remoteCommand("git-upload-pack", "a'; rm -rf ~ '!")).toBe(
      String.raw`git-upload-pack 'a'\''; rm -rf ~ '\'''\!''`,
    );
  });
});
