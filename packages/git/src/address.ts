import { lookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { TrueUpError } from "@trueup/spec";

/** Addresses that only ever answer with a machine's own credentials: link-local, and the clouds' metadata services elsewhere. */
const BLOCKED = new BlockList();
BLOCKED.addSubnet("169.254.0.0", 16, "ipv4");
BLOCKED.addAddress("100.100.100.200", "ipv4");
BLOCKED.addSubnet("fe80::", 10, "ipv6");
BLOCKED.addSubnet("fd00:ec2::", 32, "ipv6");
BLOCKED.addSubnet("::ffff:a9fe:0", 112, "ipv6");

export function isBlockedAddress(address: string): boolean {
  return BLOCKED.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

/** Throws `FORBIDDEN` for a URL that names a blocked address itself. */
export function checkHost(hostname: string): void {
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  if (isIP(host) !== 0 && isBlockedAddress(host)) throw blocked(host);
}

/** `dns.lookup` that fails for a blocked address: a name may lead anywhere, and elsewhere the next time. */
export const guardedLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, "", 0);
    const bad = addresses.find(({ address }) => isBlockedAddress(address));
    if (bad !== undefined) return callback(blocked(hostname), "", 0);
    if (options.all) return callback(null, addresses);
    const [first] = addresses;
    return callback(null, first?.address ?? "", first?.family ?? 0);
  });
};

/** Whether what is sent there is seen by nobody else: over https, or over http to this machine. */
export function keepsSecrets(url: URL): boolean {
  return url.protocol === "https:" || /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
}

function blocked(host: string): TrueUpError {
  return new TrueUpError("FORBIDDEN", `${host} leads to a link-local or metadata address`);
}
