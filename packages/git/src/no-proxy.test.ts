import { describe, expect, it } from "vitest";
import { bypassesProxy, parseNoProxy, proxyFromEnvironment } from "./no-proxy.ts";

const bypasses = (rules: string, host: string, port = 443): boolean => bypassesProxy(parseNoProxy(rules), host, port);

describe("NO_PROXY", () => {
  it.each([
    ["", "example.com", false],
    [" , ,", "example.com", false],
    ["*", "example.com", true],
    ["*", "10.0.0.1", true],
    ["example.com", "example.com", true],
    ["example.com", "EXAMPLE.com.", true],
    ["Example.COM.", "example.com", true],
    ["example.com", "git.example.com", true],
    ["example.com", "badexample.com", false],
    ["example.com", "example.com.evil.org", false],
    [".example.com", "example.com", true],
    [".example.com", "a.b.example.com", true],
    ["*.example.com", "git.example.com", true],
    ["*.example.com", "other.org", false],
    ["other.org example.com", "example.com", true],
    ["other.org,example.com", "example.com", true],
    ["10.0.0.1", "10.0.0.1", true],
    ["10.0.0.1", "10.0.0.11", false],
    ["10.0.0.0/8", "10.255.0.1", true],
    ["10.0.0.0/8", "11.0.0.1", false],
    ["10.0.0.0/33", "10.0.0.1", false],
    ["10.0.0.0/x", "10.0.0.1", false],
    ["10.0.0.0/8", "example.com", false],
    ["::1", "::1", true],
    ["[::1]", "::1", true],
    ["fd00::/8", "fd12::1", true],
    ["fd00::/8", "fe80::1", false],
    ["fd00::/129", "fd00::", false],
    ["localhost", "127.0.0.1", false],
  ])("%j lets %s be reached without it: %s", (rules, host, expected) => {
    expect(bypasses(rules, host)).toBe(expected);
  });

  it("a port counts where it is named", () => {
    expect(bypasses("example.com:8443", "git.example.com", 8443)).toBe(true);
    expect(bypasses("example.com:8443", "git.example.com", 443)).toBe(false);
    expect(bypasses("10.0.0.1:22", "10.0.0.1", 22)).toBe(true);
    expect(bypasses("10.0.0.1:22", "10.0.0.1", 443)).toBe(false);
    expect(bypasses("[::1]:22", "::1", 22)).toBe(true);
    expect(bypasses("[::1]:22", "::1", 443)).toBe(false);
  });
});

describe("proxyFromEnvironment", () => {
  const https = "https://git.example.com/a";
  it("reads what curl reads", () => {
    expect(proxyFromEnvironment(https, {})).toBeUndefined();
    expect(proxyFromEnvironment(https, { https_proxy: "" })).toBeUndefined();
    expect(proxyFromEnvironment(https, { HTTPS_PROXY: "http://p:3128" })).toEqual({ url: "http://p:3128" });
    expect(proxyFromEnvironment(https, { https_proxy: "http://a", HTTPS_PROXY: "http://b" })).toEqual({
      url: "http://a",
    });
    expect(proxyFromEnvironment(https, { https_proxy: "p:3128" })).toEqual({ url: "http://p:3128" });
    expect(proxyFromEnvironment(https, { http_proxy: "http://a" })).toBeUndefined();
    expect(proxyFromEnvironment(https, { ALL_PROXY: "socks5h://s", NO_PROXY: "x" })).toEqual({
      url: "socks5h://s",
      noProxy: "x",
    });
    expect(
      proxyFromEnvironment(https, { all_proxy: "socks5://t", ALL_PROXY: "socks5://s", no_proxy: "y", NO_PROXY: "x" }),
    ).toEqual({
      url: "socks5://t",
      noProxy: "y",
    });
  });
  it("for http takes no HTTP_PROXY, which a client of a web server could set", () => {
    expect(proxyFromEnvironment("http://a/b", { HTTP_PROXY: "http://evil" })).toBeUndefined();
    expect(proxyFromEnvironment("HTTP://a/b", { http_proxy: "http://p" })).toEqual({ url: "http://p" });
    expect(proxyFromEnvironment("http://a/b", { https_proxy: "http://p" })).toBeUndefined();
  });
  it("for ssh takes the one for all", () => {
    const env = { https_proxy: "http://a", http_proxy: "http://b", all_proxy: "socks5h://c" };
    expect(proxyFromEnvironment("ssh://git@a/b", env)).toEqual({ url: "socks5h://c" });
    expect(proxyFromEnvironment("git@a:b", env)).toEqual({ url: "socks5h://c" });
    expect(proxyFromEnvironment("ssh://a/https://b", env)).toEqual({ url: "socks5h://c" });
    expect(proxyFromEnvironment("ssh://a/http://b", env)).toEqual({ url: "socks5h://c" });
  });
  it("reads the process's environment where it is given none", () => {
    const before = process.env["https_proxy"];
    process.env["https_proxy"] = "http://from-the-process";
    try {
      expect(proxyFromEnvironment(https)).toMatchObject({ url: "http://from-the-process" });
    } finally {
      if (before === undefined) delete process.env["https_proxy"];
      else process.env["https_proxy"] = before;
    }
  });
});
