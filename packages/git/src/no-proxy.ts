import { BlockList, isIP } from "node:net";
import type { ProxyOptions } from "./proxy-options.ts";

interface Rule {
  readonly port?: number;
  matches(host: string): boolean;
}

/** Rules in the syntax of `NO_PROXY`, as curl and Go read them: separated by commas or spaces. What is none matches nothing. */
export function parseNoProxy(text: string): readonly Rule[] {
  return text
    .split(/[\s,]+/)
    .filter((word) => word !== "")
    .map((word) => parseRule(word.toLowerCase()));
}

function parseRule(word: string): Rule {
  if (word === "*") return { matches: () => true };
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(word) ?? [];
  // Without brackets, an IPv6 address has more than one colon and no port.
  const host = bracketed ?? plain ?? word;
  const port = digits === undefined ? {} : { port: Number(digits) };
  const [address = "", bits = ""] = host.split("/");
  const family = isIP(address);
  if (family !== 0) {
    const type = family === 6 ? "ipv6" : "ipv4";
    const list = new BlockList();
    if (bits === "") list.addAddress(address, type);
    else if (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32))
      list.addSubnet(address, Number(bits), type);
    return { ...port, matches: (given) => isIP(given) !== 0 && list.check(given, isIP(given) === 6 ? "ipv6" : "ipv4") };
  }
  const name = withoutDot(host.replace(/^\*?\./, ""));
  return { ...port, matches: (given) => given === name || given.endsWith(`.${name}`) };
}

const withoutDot = (name: string): string => name.replace(/\.$/, "");

/** `host` without brackets. */
export function bypassesProxy(rules: readonly Rule[], host: string, port: number): boolean {
  const name = withoutDot(host.toLowerCase());
  return rules.some((rule) => (rule.port === undefined || rule.port === port) && rule.matches(name));
}

/**
 * The proxy that the environment names for an address, as curl reads it: `https_proxy`, `HTTPS_PROXY`, for `http:` only `http_proxy`
 * (a server may be made to set `HTTP_PROXY`), for any `all_proxy`, `ALL_PROXY`; but `no_proxy`, `NO_PROXY`. Undefined where it names
 * none. Nothing reads the environment unless this is called.
 */
export function proxyFromEnvironment(
  url: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): ProxyOptions | undefined {
  const any = env["all_proxy"] || env["ALL_PROXY"];
  const https = /^https:/i.test(url) ? env["https_proxy"] || env["HTTPS_PROXY"] : undefined;
  const http = /^http:/i.test(url) ? env["http_proxy"] : undefined;
  const proxy = https || http || any;
  if (!proxy) return undefined;
  const noProxy = env["no_proxy"] || env["NO_PROXY"];
  return { url: proxy.includes("://") ? proxy : `http://${proxy}`, ...(noProxy && { noProxy }) };
}
