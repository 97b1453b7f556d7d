import { TrueUpError } from "@trueup/spec";

export interface SshAddress {
  readonly user: string;
  /** A name, or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
  /** As the server is given it: without a leading slash it is relative to the user's home. */
  readonly path: string;
}

/** What hosts of Git repositories call the one user that everybody is. */
const DEFAULT_USER = "git";
export const SSH_PORT = 22;

/**
 * `ssh://[user@]host[:port]/path`, or `user@host:path` as scp(1) writes it: the user is needed there, so that no path of this
 * machine is taken for an address. Undefined where it is neither. Throws `INVALID`, never with the password that may stand in it.
 */
export function parseSshAddress(url: string): SshAddress | undefined {
  if (/^ssh:/i.test(url)) return parseUrl(url);
  const scp = /^([^/\\@:]+)@(\[[^\]/@]+\]|[^/\\@:[\]]+):(.*)$/s.exec(url);
  if (scp === null) return undefined;
  const [, user = "", host = "", path = ""] = scp;
  return checked({ user, host: host.replace(/^\[(.*)\]$/, "$1"), port: SSH_PORT, path });
}

function parseUrl(url: string): SshAddress {
  if (!/^ssh:\/\//i.test(url) || !URL.canParse(url)) throw new TrueUpError("INVALID", "url is not a valid URL");
  const parsed = new URL(url);
  if (parsed.password !== "")
    throw new TrueUpError("INVALID", "url: a password has no place in an ssh address: use a key");
  if (parsed.search !== "" || parsed.hash !== "")
    throw new TrueUpError("INVALID", "url: an ssh address has no query and no fragment");
  const path = decode(parsed.pathname);
  return checked({
    user: parsed.username === "" ? DEFAULT_USER : decode(parsed.username),
    host: decode(parsed.hostname).replace(/^\[(.*)\]$/, "$1"),
    port: parsed.port === "" ? SSH_PORT : Number(parsed.port),
    // As git does: `/~user/x` is that user's home.
    path: path.startsWith("/~") ? path.slice(1) : path,
  });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new TrueUpError("INVALID", "url is not a valid URL");
  }
}

function checked(address: SshAddress): SshAddress {
  const { user, host, path } = address;
  if (host === "" || path === "" || path === "/")
    throw new TrueUpError("INVALID", "url: an ssh address needs a host and a path");
  // oxlint-disable-next-line no-control-regex
  if (/[\0-\x1f\x7f]/.test(user + host + path))
    throw new TrueUpError("INVALID", "url: an ssh address has no control characters");
  // The server's programs would take it for an option.
  if (path.startsWith("-"))
    throw new TrueUpError("INVALID", "url: the path of an ssh address does not begin with a dash");
  return address;
}

/** A command for the server's shell, in the one form that `git-shell` and hosts of repositories take. */
export function remoteCommand(service: string, path: string): string {
  return `${service} '${path.replaceAll(/['!]/g, String.raw`'\$&'`)}'`;
}
