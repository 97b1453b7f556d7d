import { describe, expect, it } from "vitest";
import { proxyFromEnvironment } from "./no-proxy.ts";

const HTTPS_PROXY = "http://proxy:3128";

describe("the environment's proxy", () => {
  it.each([
    ["", "https://k.example.com", true],
    ["*", "https://k.example.com", false],
    ["example.com", "https://k.example.com", false],
    ["example.com", "https://example.com", false],
    ["example.com", "https://badexample.com", true],
    [".example.com", "https://example.com", true],
    [".example.com", "https://k.example.com", false],
    ["*.example.com", "https://k.example.com", false],
    ["EXAMPLE.com", "https://k.example.com:6443", false],
    ["k.example.com:6443", "https://k.example.com:6443", false],
    ["k.example.com:6443", "https://k.example.com", true],
    ["10.0.0.0/8", "https://10.1.2.3:6443", false],
    ["10.0.0.0/8", "https://11.1.2.3", true],
    ["10.0.0.0/33", "https://10.1.2.3", true],
    ["fd00::/8", "https://[fd12::1]:6443", false],
    ["other.org, example.com", "https://k.example.com", false],
    ["", "https://localhost:6443", false],
    ["", "https://127.0.0.1:6443", false],
    ["", "https://[::1]:6443", false],
  ])("with NO_PROXY=%j is used for %s: %s", (NO_PROXY, server, used) => {
    expect(proxyFromEnvironment(server, { HTTPS_PROXY, NO_PROXY })).toBe(used ? HTTPS_PROXY : undefined);
  });

  it("is read from small letters first, is http where it does not say, and none is none", () => {
    const server = "https://k.example.com";
    expect(proxyFromEnvironment(server, { https_proxy: "socks5://s:1", HTTPS_PROXY })).toBe("socks5://s:1");
    expect(proxyFromEnvironment(server, { HTTPS_PROXY: "proxy:3128" })).toBe(HTTPS_PROXY);
    expect(proxyFromEnvironment(server, { no_proxy: "example.com", NO_PROXY: "", HTTPS_PROXY })).toBeUndefined();
    expect(proxyFromEnvironment(server, { http_proxy: "http://p" })).toBeUndefined();
    expect(proxyFromEnvironment("http://k.example.com", { HTTP_PROXY: "http://p" })).toBeUndefined();
    expect(proxyFromEnvironment("http://k.example.com", { http_proxy: "http://p" })).toBe("http://p");
    expect(proxyFromEnvironment(server, {})).toBeUndefined();
  });
});
