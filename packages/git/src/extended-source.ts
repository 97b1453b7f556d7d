import { isTrueUpError, TrueUpError, type CallOptions, type Snapshot, type Source, type Tree } from "@trueup/spec";
import type { GitOptions } from "./git.ts";
import { hostOf, parseGitmodules, submoduleUrl } from "./gitmodules.ts";
import { splitUserinfo } from "./http-remote.ts";
import { lfsClient, type LfsClient } from "./lfs-client.ts";
import { lfsEndpoint } from "./lfs-endpoint.ts";
import { LfsPointerRead } from "./lfs-pointer.ts";
import { mountedTree } from "./mounted-tree.ts";
import { limitsOf, type CredentialsCallback } from "./options.ts";

export interface SubmoduleOptions {
  /**
   * Hosts that submodules may be fetched from, with the port where it is not the protocol's: `git.example.com`. `file:` stands
   * for repositories on this machine, and counts in those only.
   */
  readonly hosts: readonly string[];
  /** For submodules on another host than the repository's. Default: none are sent. */
  readonly credentials?: CredentialsCallback;
  /** Submodules inside each other. Default 5. */
  readonly depth?: number;
}

const MAX_SUBMODULES = 100;
const MAX_DEPTH = 5;

/** A source whose trees have the submodules and the LFS objects of the repository in them. */
export function extendedSource(
  base: Source,
  options: GitOptions,
  open: (options: GitOptions) => Source,
  chain: readonly string[] = [],
): Source {
  const { submodules, lfs } = options;
  const client = lfs === undefined ? undefined : clientOf(options);
  // By address: objects are kept from one commit to the next.
  const children = new Map<string, Source>();

  function childAt(url: string): Source {
    const known = children.get(url);
    if (known !== undefined) return known;
    const same = isSameOrigin(options.url, url);
    const {
      cacheDir,
      limits,
      proxy,
      agent,
      insecure,
      tls,
      ssh,
      ignore: _,
      verify: _v,
      ref: _r,
      name: _n,
      ...own
    } = options;
    const shared = {
      cacheDir,
      limits,
      proxy,
      agent,
      insecure,
      tls: tls?.ca === undefined ? undefined : { ca: tls.ca },
    };
    const credentials = same ? credentialsOf(own) : submodules?.credentials;
    const child: GitOptions = defined({
      ...shared,
      ...(same && { tls, ssh }),
      url,
      credentials,
      submodules,
      lfs: lfs === undefined || !/^https?:/i.test(url) ? undefined : {},
    });
    const { submodules: _s, lfs: _l, ...plain } = child;
    const source = extendedSource(open(plain), child, open, [...chain, options.url]);
    children.set(url, source);
    return source;
  }

  /** The trees of the submodules that `.gitmodules` names, by path. All of them, or an error: half a tree would be a wrong one. */
  async function mountsOf(tree: Tree, opened: Snapshot[], call: CallOptions): Promise<Map<string, Tree>> {
    const mounts = new Map<string, Tree>();
    const file = submodules === undefined ? undefined : await tree.read(".gitmodules").catch(absent);
    if (file === undefined || submodules === undefined) return mounts;
    for (const { path, url: given } of parseGitmodules(Buffer.from(file).toString("utf8"))) {
      const commit = await gitlinkAt(tree, path);
      if (commit === undefined) continue;
      if (mounts.size >= MAX_SUBMODULES)
        throw new TrueUpError("LIMIT", `.gitmodules: there are over ${MAX_SUBMODULES} submodules`);
      try {
        const url = allowed(given);
        if (chain.length + 1 > (submodules.depth ?? MAX_DEPTH))
          throw new TrueUpError(
            "LIMIT",
            `submodules stand in each other over submodules.depth (${submodules.depth ?? MAX_DEPTH})`,
          );
        if ([...chain, options.url].includes(url)) throw new TrueUpError("CYCLE", "the submodule holds itself");
        const snapshot = await childAt(url).open({ id: commit }, call);
        opened.push(snapshot);
        mounts.set(path, snapshot.tree);
      } catch (error) {
        if (!isTrueUpError(error)) throw error;
        throw new TrueUpError(error.code, `submodule ${path}: ${error.message}`, { retryable: error.retryable });
      }
    }
    return mounts;
  }

  /** The submodule's address, where it may be asked. */
  function allowed(given: string): string {
    const url = submoduleUrl(options.url, given);
    const host = hostOf(url);
    const ok = submodules?.hosts.some((name) => name.toLowerCase() === host) === true;
    if (!ok || (host === "file:" && hostOf(options.url) !== "file:"))
      throw new TrueUpError("FORBIDDEN", `${host} is not one of submodules.hosts`);
    // A user and password there would be anybody's.
    return /^https?:/i.test(url) ? splitUserinfo(url).url : url;
  }

  return {
    name: base.name,
    resolve: (call) => base.resolve(call),
    async open(revision, call = {}) {
      const snapshot = await base.open(revision, call);
      const opened: Snapshot[] = [snapshot];
      const close = (): void => opened.forEach((each) => each.close());
      try {
        const own = client === undefined ? snapshot.tree : lfsTree(snapshot.tree, client);
        const signal = call.signal === undefined ? {} : { signal: call.signal };
        const tree = mountedTree(own, await mountsOf(snapshot.tree, opened, signal));
        return { ...snapshot, tree, close };
      } catch (error) {
        close();
        throw error;
      }
    },
    async close() {
      client?.close();
      for (const child of children.values()) await child.close?.();
      await base.close?.();
    },
  };
}

function clientOf({ url, lfs, credentials, insecure, limits, tls, agent, proxy }: GitOptions): LfsClient {
  const endpoint = lfs?.url ?? lfsEndpoint(url);
  const same = isSameOrigin(url, endpoint);
  return lfsClient(
    defined({
      endpoint,
      credentials: lfs?.credentials ?? (same ? credentialsOf({ url, credentials }) : undefined),
      insecure,
      limits: limitsOf(limits),
      tls: same || tls?.ca === undefined ? (same ? tls : undefined) : { ca: tls.ca },
      agent,
      proxy,
    }),
  );
}

/** A user and password in the address count as the first answer, there and nowhere else. */
function credentialsOf({
  url,
  credentials,
}: Pick<GitOptions, "url"> & { readonly credentials?: CredentialsCallback | undefined }):
  | CredentialsCallback
  | undefined {
  if (credentials !== undefined || !/^https?:/i.test(url)) return credentials;
  const { userinfo } = splitUserinfo(url);
  return userinfo && (async ({ attempt }) => (attempt === 1 ? userinfo : undefined));
}

function isSameOrigin(a: string, b: string): boolean {
  if (/^https?:/i.test(a) && /^https?:/i.test(b)) return new URL(a).origin === new URL(b).origin;
  const [from, to] = [hostOf(a), hostOf(b)];
  return from !== "file:" && from === to && /^https?:/i.test(a) === /^https?:/i.test(b);
}

/** Without what is undefined: an absent option and one that is undefined are not the same to the types. */
function defined<T extends object>(options: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

async function gitlinkAt(tree: Tree, path: string): Promise<string | undefined> {
  const slash = path.lastIndexOf("/");
  const entries = await tree.list(slash === -1 ? "" : path.slice(0, slash)).catch(absent);
  return entries?.find((entry) => entry.path === path && entry.type === "submodule")?.digest;
}

function absent(error: unknown): undefined {
  if (!isTrueUpError(error) || error.code !== "NOT_FOUND") throw error;
}

function lfsTree(tree: Tree, client: LfsClient): Tree {
  return {
    digest: tree.digest,
    list: (path) => tree.list(path),
    async read(path) {
      try {
        return await tree.read(path);
      } catch (error) {
        if (!(error instanceof LfsPointerRead) || error.pointer === undefined) throw error;
        // A copy: it is kept for others.
        return new Uint8Array(await client.read(error.pointer, path));
      }
    },
    subtree: async (path) => lfsTree(await tree.subtree(path), client),
  };
}
