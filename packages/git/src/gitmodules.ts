import { TrueUpError } from "@trueup/spec";
import { parseSshAddress, SSH_PORT } from "./ssh-address.ts";

/** A section of `.gitmodules` (gitmodules(5)). */
export interface Gitmodule {
  readonly path: string;
  readonly url: string;
}

/** The sections that have both a path and a URL. Keys that say how to update a work tree mean nothing here. */
export function parseGitmodules(text: string): Gitmodule[] {
  const sections = new Map<string, { path?: string; url?: string }>();
  let section: { path?: string; url?: string } | undefined;
  for (const line of text.split(/\r?\n/)) {
    const trimmed = line.trim();
    const header = /^\[\s*submodule\s+"((?:[^"\\]|\\.)*)"\s*\]/i.exec(trimmed)?.[1];
    if (header !== undefined) {
      section = sections.get(header) ?? {};
      sections.set(header, section);
    } else if (trimmed.startsWith("[")) section = undefined;
    else if (section !== undefined) {
      const [, key = "", value = ""] = /^([A-Za-z][A-Za-z0-9-]*)\s*=\s*(.*)$/.exec(trimmed) ?? [];
      const name = key.toLowerCase();
      if (name === "path" || name === "url") section[name] = unquote(value);
    }
  }
  return [...sections.values()].flatMap(({ path, url }) => (path && url ? [{ path, url }] : []));
}

/** Without quotes, escapes and the comment behind. */
function unquote(value: string): string {
  let text = "";
  let quoted = false;
  for (let i = 0; i < value.length; i++) {
    const char = value.charAt(i);
    if (char === '"') quoted = !quoted;
    else if (char === "\\") text += value.charAt(++i);
    else if (!quoted && (char === "#" || char === ";")) break;
    else text += char;
  }
  return text.trim();
}

/** Where a submodule is: `./` and `../` are relative to the repository's own address, as Git has it. Throws `INVALID`. */
export function submoduleUrl(parent: string, url: string): string {
  if (!url.startsWith("./") && !url.startsWith("../")) return url;
  let base = parent.replace(/[?#].*$/s, "").replace(/\/+$/, "");
  let rest = url;
  // What names the host is no directory to be left.
  const root = /^[a-z][a-z0-9+.-]*:\/\/[^/]*/i.exec(base)?.[0].length ?? 0;
  for (;;) {
    if (rest.startsWith("./")) rest = rest.slice(2);
    else if (rest.startsWith("../")) {
      rest = rest.slice(3);
      const slash = base.lastIndexOf("/");
      const colon = root === 0 ? base.lastIndexOf(":") : -1;
      const cut = Math.max(slash, colon);
      if (cut < root || cut <= 0 || base.endsWith(":"))
        throw new TrueUpError("INVALID", `${JSON.stringify(url)} leads out of the host`);
      base = base.slice(0, cut === colon ? cut + 1 : cut);
    } else break;
  }
  if (rest === "" || rest.split("/").includes(".."))
    throw new TrueUpError("INVALID", `${JSON.stringify(url)} is no address`);
  return base.endsWith(":") ? base + rest : `${base}/${rest}`;
}

/** `git.example.com`, with a port that is not the protocol's; `file:` for what lies on this machine. Throws `INVALID`. */
export function hostOf(url: string): string {
  if (/^https?:\/\//i.test(url)) {
    if (!URL.canParse(url)) throw new TrueUpError("INVALID", "the submodule's URL is not a valid URL");
    return new URL(url).host;
  }
  const ssh = parseSshAddress(url);
  const scheme = /^([a-z][a-z0-9+.-]*:)(?:\/\/|:)/i.exec(url)?.[1]?.toLowerCase() ?? "file:";
  if (ssh === undefined && scheme !== "file:") throw new TrueUpError("UNSUPPORTED", `${scheme} is not supported`);
  if (ssh === undefined) return "file:";
  const host = ssh.host.toLowerCase();
  return ssh.port === SSH_PORT ? host : `${host}:${ssh.port}`;
}
