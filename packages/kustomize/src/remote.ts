/** A remote base as its address says it. */
export interface RemoteReference {
  /** As it is written. */
  readonly url: string;
  /** Host and path of the repository, as git takes it. */
  readonly repository: string;
  /** Below the repository's root. */
  readonly path: string;
  /** Branch, tag or commit; undefined: the default branch. */
  readonly ref?: string;
  /** Default true. */
  readonly submodules: boolean;
  readonly timeoutMs: number;
}

const SCHEMES = ["ssh://", "https://", "http://", "file://"] as const;
const ALL_SEGMENTS = -1;

/** What an address of a git repository means to kustomize; undefined for a path in the same tree. */
export function parseRemote(url: string): RemoteReference | undefined {
  if (url.startsWith("/")) return undefined;
  const question = url.indexOf("?");
  const address = question === -1 ? url : url.slice(0, question);
  const host = splitHost(address);
  if (host === undefined) return undefined;
  const parts = splitRepository(host.rest, host.host.startsWith("file://") ? ALL_SEGMENTS : 2);
  if (parts === undefined || parts.repository === "" || leavesRepository(parts.path)) return undefined;
  return {
    url,
    repository: host.host + parts.repository,
    path: parts.path.replace(/^\//, ""),
    ...parseQuery(question === -1 ? "" : url.slice(question + 1)),
  };
}

function splitHost(address: string): { host: string; rest: string } | undefined {
  let rest = stripPrefix(address, "git::") ?? address;
  let scheme = "";
  for (const candidate of SCHEMES) {
    const stripped = stripPrefix(rest, candidate);
    if (stripped === undefined) continue;
    scheme = candidate;
    rest = stripped;
    break;
  }
  const user = /^[a-zA-Z][a-zA-Z0-9-]*@/.exec(rest)?.[0] ?? "";
  rest = rest.slice(user.length);
  const lower = rest.toLowerCase();
  const isGithub = lower.startsWith("github.com/") || lower.startsWith("github.com:");
  const isScp = scheme === "" && (user !== "" || isGithub);
  if (scheme === "" && !isScp) return undefined;
  if (scheme === "file://") return { host: scheme, rest: user + rest };
  let separator = rest.indexOf("/");
  if (isScp) {
    const colon = rest.indexOf(":");
    if (separator === -1 || (colon > 0 && colon < separator)) separator = colon;
  }
  const host = separator === -1 ? rest : rest.slice(0, separator + 1);
  const path = separator === -1 ? "" : rest.slice(separator + 1);
  if (host === "") return undefined;
  if (!isGithub) return { host: scheme + user + host, rest: path };
  return { host: scheme === "ssh://" || user !== "" ? `${user}github.com:` : "https://github.com/", rest: path };
}

const stripPrefix = (text: string, prefix: string): string | undefined =>
  text.slice(0, prefix.length).toLowerCase() === prefix ? text.slice(prefix.length) : undefined;

function splitRepository(path: string, segments: number): { repository: string; path: string } | undefined {
  const azure = path.indexOf("_git/");
  if (azure !== -1) {
    const [name = "", ...below] = path.slice(azure + 5).split("/");
    return { repository: path.slice(0, azure + 5) + name, path: below.join("/") };
  }
  const double = path.indexOf("//");
  if (double !== -1) return { repository: path.slice(0, double), path: path.slice(double + 2) };
  const suffix = path.indexOf(".git");
  if (suffix !== -1) return { repository: path.slice(0, suffix + 4), path: path.slice(suffix + 4) };
  if (segments === ALL_SEGMENTS) return { repository: path, path: "" };
  const parts = path.split("/");
  if (parts.length < segments) return undefined;
  return { repository: parts.slice(0, segments).join("/"), path: parts.slice(segments).join("/") };
}

function leavesRepository(path: string): boolean {
  let depth = 0;
  for (const part of path.split("/")) {
    if (part === "..") depth--;
    else if (part !== "" && part !== ".") depth++;
    if (depth < 0) return true;
  }
  return false;
}

function parseQuery(query: string): { ref?: string; submodules: boolean; timeoutMs: number } {
  const values = new URLSearchParams(query);
  const ref = values.get("ref") || values.get("version") || "";
  return {
    ...(ref === "" ? {} : { ref }),
    submodules: !/^(?:0|f|F|false|FALSE|False)$/.test(values.get("submodules") ?? ""),
    timeoutMs: timeout(values.get("timeout") ?? ""),
  };
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Seconds, or Go durations of one unit. */
function timeout(text: string): number {
  const match = /^([0-9]{1,6})(ms|s|m|h)?$/.exec(text);
  const amount = Number(match?.[1] ?? 0) * (UNITS[match?.[2] ?? "s"] as number);
  return amount > 0 ? amount : 27_000;
}

/** Whether a file is to be fetched from the web. */
export const isWebAddress = (path: string): boolean => /^https?:\/\//i.test(path);
