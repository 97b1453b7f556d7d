import { fileURLToPath } from "node:url";
import { TrueUpError, type Source } from "@trueup/spec";
import { lazySource } from "./lazy-source.ts";
import { limitsOf, type CredentialsCallback, type GitLimits } from "./options.ts";
import { displayUrl } from "./redact.ts";
import type { SubmoduleOptions } from "./extended-source.ts";
import type { LfsOptions } from "./lfs-client.ts";
import { lfsEndpoint } from "./lfs-endpoint.ts";
import { parseProxy, type ProxyOptions } from "./proxy-options.ts";
import { parseRef, type RefOption } from "./ref.ts";
import type { Agent } from "node:http";
import { parseSshAddress } from "./ssh-address.ts";
import type { SshOptions } from "./ssh-options.ts";
import type { TlsOptions } from "./tls.ts";
import type { VerifyOptions } from "./verify.ts";

export interface GitOptions {
  /** `https://…`, `http://…`, `ssh://…`, `user@host:path`, `file:…`, or the path of a repository on this machine. */
  readonly url: string;
  /** Default: `HEAD`, the repository's default branch. */
  readonly ref?: RefOption;
  /** Default: the URL without user and password. */
  readonly name?: string;
  /** Asked when a server wants to know who is there. A user and password in the URL count as its first answer. */
  readonly credentials?: CredentialsCallback;
  /** Lets credentials go over `http:` to other machines. Default false. */
  readonly insecure?: boolean;
  /** For `https:`: a private certificate authority, a client certificate. PEM. Default: Node's authorities. */
  readonly tls?: TlsOptions;
  /** Makes the connections to a server over http or https instead. It then looks names up, and closes what it opened. */
  readonly agent?: Agent;
  /** A proxy, for any protocol. Default: none; the environment is not looked at, but see `proxyFromEnvironment`. */
  readonly proxy?: string | ProxyOptions;
  /** For ssh addresses: keys and known hosts. */
  readonly ssh?: SshOptions;
  /** Where fetched objects are kept; `false`: in memory. Default: the user's cache directory, or memory where that cannot be written. */
  readonly cacheDir?: string | false;
  readonly limits?: Partial<GitLimits>;
  /** Paths to leave out, in gitignore(5) syntax, besides what `.sourceignore` files in the repository name. */
  readonly ignore?: string;
  /**
   * The paths that are wanted: nothing else is there, and from a server that can filter the files of nothing else are fetched. For
   * very large repositories. `.sourceignore` files of the directories above count. Default: all.
   */
  readonly sparse?: readonly string[];
  /** Opens only what is signed by one of these. Default: nothing is verified. */
  readonly verify?: VerifyOptions;
  /** Fetches submodules, from these hosts. Default: a submodule is `UNSUPPORTED` when it is read. */
  readonly submodules?: SubmoduleOptions;
  /** Fetches files that are kept in Git LFS. `{}` asks the repository's own server. Default: they are `UNSUPPORTED` when read. */
  readonly lfs?: LfsOptions;
}

/**
 * A Git repository as a source. Nothing is read, and no library loaded, before the first call. Throws `INVALID` for options
 * that cannot be right.
 */
export function git(options: GitOptions): Source {
  const { submodules, lfs, ...plain } = options;
  if (submodules === undefined && lfs === undefined) return plainGit(plain);
  if (lfs !== undefined && lfs.url === undefined) lfsEndpoint(options.url);
  const source = plainGit(plain);
  return lazySource(source.name, async () =>
    (await import("./extended-source.ts")).extendedSource(source, options, git),
  );
}

function plainGit(options: GitOptions): Source {
  const wanted = parseRef(options.ref);
  const limits = limitsOf(options.limits);
  const path = parseLocation(options.url);
  checkProxy(options);
  const name = options.name ?? displayUrl(options.url);
  if (path !== undefined) {
    return lazySource(name, async () =>
      (await import("./local-source.ts")).localSource({
        name,
        path,
        wanted,
        limits,
        ...(options.verify && { verify: options.verify }),
        ...(options.ignore !== undefined && { ignore: options.ignore }),
        ...(options.sparse && { sparse: options.sparse }),
      }),
    );
  }
  return lazySource(name, async () =>
    (await import("./remote-source.ts")).remoteSource({ ...options, name, wanted, limits }),
  );
}

/** Throws `INVALID` for a proxy that is none. */
export function checkProxy({ proxy, agent }: Pick<GitOptions, "proxy" | "agent">): void {
  if (proxy === undefined) return;
  if (agent !== undefined) throw new TrueUpError("INVALID", "proxy and agent: each makes the connections, give one");
  parseProxy(typeof proxy === "string" ? { url: proxy } : proxy);
}

/** The path of a repository on this machine; undefined for an address that a protocol leads to. Throws `INVALID`, `UNSUPPORTED`. */
export function parseLocation(url: string): string | undefined {
  if (url === "") throw new TrueUpError("INVALID", "url is empty");
  if (/^https?:\/\//i.test(url)) {
    if (!URL.canParse(url)) throw new TrueUpError("INVALID", "url is not a valid URL");
    return undefined;
  }
  if (/^file:/i.test(url)) return fileURLToPath(url);
  if (parseSshAddress(url) !== undefined) return undefined;
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]+):\/\//.exec(url)?.[1];
  if (scheme !== undefined) throw new TrueUpError("UNSUPPORTED", `url: ${scheme}: is not supported`);
  return url;
}
