import { describe, expect, it } from "vitest";
import { hostOf, parseGitmodules, submoduleUrl } from "./gitmodules.ts";
import { failure } from "./testing/failure.ts";

describe("parseGitmodules", () => {
  it("reads sections as git does", () => {
    const text = [
      "# about",
      '[submodule "one"]',
      "\tpath = deploy/base ; where",
      "\turl = https://git.example.com/base.git # what",
      "\tupdate = !rm -rf /",
      '[submodule "two \\"2\\""]',
      '  PATH="with space; and # more"',
      "  url=../two.git\r",
      "[core]",
      "  path = not/this",
      '[submodule "one"]',
      "  url = https://git.example.com/newer.git",
      '[submodule "without a path"]',
      "  url = x",
      "path",
      '[Submodule "three"]',
      'path = "back\\\\slash"',
      "url = y ; # not this",
    ].join("\n");
    expect(parseGitmodules(text)).toEqual([
      { path: "deploy/base", url: "https://git.example.com/newer.git" },
      { path: "with space; and # more", url: "../two.git" },
      { path: "back\\slash", url: "y" },
    ]);
    expect(parseGitmodules("path = a\nurl = b\n")).toEqual([]);
    expect(parseGitmodules("")).toEqual([]);
  });
});

describe("submoduleUrl", () => {
  it.each([
    ["https://h/a/b.git", "https://other/c", "https://other/c"],
    ["https://h/a/b.git", "../c.git", "https://h/a/c.git"],
    ["https://h/a/b.git/", "./c", "https://h/a/b.git/c"],
    ["https://h/a/b.git", "../../c/d", "https://h/c/d"],
    ["https://h/a/b.git?x#y", "./../c", "https://h/a/c"],
    ["git@h:team/b.git", "../c.git", "git@h:team/c.git"],
    ["git@h:b.git", "../c.git", "git@h:c.git"],
    ["ssh://git@h:22/a/b", "../c", "ssh://git@h:22/a/c"],
    ["/srv/git/b", "../c", "/srv/git/c"],
    ["file:///srv/git/b", "../c", "file:///srv/git/c"],
  ])("%s and %s", (parent, url, expected) => {
    expect(submoduleUrl(parent, url)).toBe(expected);
  });

  it.each([
    ["https://h/b.git", "../../c"],
    ["ssh://h/b", "../../c"],
    ["git@h:b", "../../c"],
    ["b", "../../c"],
    ["/b", "../c"],
    ["b", "../c"],
    ["ssh://git@h:22/b", "../../c"],
  ])("%s: %s leads out of the host", (parent, url) => {
    expect(() => submoduleUrl(parent, url)).toThrow(failure("INVALID", `${JSON.stringify(url)} leads out of the host`));
  });

  it("refuses what is no address", () => {
    expect(() => submoduleUrl("https://h/a/b", "./c/../../d")).toThrow(failure("INVALID", "is no address"));
    expect(() => submoduleUrl("https://h/a/b", "../")).toThrow(
      expect.objectContaining({ code: "INVALID", message: '"../" is no address' }),
    );
  });
});

describe("hostOf", () => {
  it.each([
    ["https://Git.Example.com/a", "git.example.com"],
    ["https://u:p@h:8443/a", "h:8443"],
    ["https://h:443/a", "h"],
    ["git@Host:a/b", "host"],
    ["ssh://git@h:2222/a", "h:2222"],
    ["ssh://git@h:22/a", "h"],
    ["/srv/git/a", "file:"],
    ["file:///srv/git/a", "file:"],
    ["FILE:///srv/git/a", "file:"],
    ["/srv/git/ftp://a", "file:"],
    ["", "file:"],
  ])("%s", (url, host) => expect(hostOf(url)).toBe(host));

  it("knows no other protocols", () => {
    expect(() => hostOf("ext::sh -c true")).toThrow(failure("UNSUPPORTED", "ext: is not supported"));
    const unsupported = { code: "UNSUPPORTED", message: "git: is not supported" };
    expect(() => hostOf("Git://h/a")).toThrow(expect.objectContaining(unsupported));
    const invalid = { code: "INVALID", message: "the submodule's URL is not a valid URL" };
    expect(() => hostOf("http://[")).toThrow(expect.objectContaining(invalid));
  });
});
