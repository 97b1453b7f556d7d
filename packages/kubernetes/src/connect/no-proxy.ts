import { BlockList, isIP } from "node:net";

/**
 * The proxy that the environment names for an API server, as kubectl reads it: `https_proxy` or `HTTPS_PROXY` (for `http:`
 * only `http_proxy`: who can set headers of a web server can set `HTTP_PROXY`), unless `no_proxy` or `NO_PROXY` names the
 * server, or it is this machine. Undefined where there is none.
 */
export function proxyFromEnvironment(
  server: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  const { protocol, hostname, port } = new URL(server);
  const proxy = protocol === "https:" ? env["https_proxy"] || env["HTTPS_PROXY"] : env["http_proxy"];
  if (!proxy) return undefined;
  const host = hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  const at = Number(port || (protocol === "https:" ? 443 : 80));
  if (isThisMachine(host) || bypasses(env["no_proxy"] || env["NO_PROXY"] || "", host, at)) return undefined;
  return proxy.includes("://") ? proxy : `http://${proxy}`;
}

const isThisMachine = (host: string): boolean => host === "localhost" || host === "::1" || host.startsWith("127.");

/** Names with all below them, those that begin with a dot without the name itself, addresses, ranges, each with a port where one is named; `*`. */
function bypasses(rules: string, host: string, port: number): boolean {
  return rules
    .toLowerCase()
    .split(/[\s,]+/)
    .some((rule) => rule !== "" && matches(rule, host, port));
}

function matches(rule: string, host: string, port: number): boolean {
  if (rule === "*") return true;
  // Without brackets, an IPv6 address has more than one colon and no port.
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(rule) ?? [];
  const name = bracketed ?? plain ?? rule;
  if (digits !== undefined && Number(digits) !== port) return false;
  const [address = "", bits = ""] = name.split("/");
  const family = isIP(address);
  if (family === 0) {
    const suffix = name.replace(/^\*/, "");
    return suffix.startsWith(".") ? host.endsWith(suffix) : host === suffix || host.endsWith(`.${suffix}`);
  }
  if (isIP(host) === 0) return false;
  const type = family === 6 ? "ipv6" : "ipv4";
  const list = new BlockList();
  if (bits === "") list.addAddress(address, type);
  else if (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32))
    list.addSubnet(address, Number(bits), type);
  return list.check(host, isIP(host) === 6 ? "ipv6" : "ipv4");
}
