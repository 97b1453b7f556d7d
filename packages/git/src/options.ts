import { TrueUpError } from "@trueup/spec";

/** What a server is given. `headers` are sent as they are: a bearer token, say. */
export type Credentials =
  | { readonly username: string; readonly password: string }
  | { readonly headers: Readonly<Record<string, string>> };

export interface CredentialsRequest {
  /** The repository's URL, without user and password. */
  readonly url: string;
  /** 1, and 2 where the server refused what the first call gave. */
  readonly attempt: number;
  readonly signal?: AbortSignal;
}

/** Asked when the server wants to know who is there. Undefined: nobody. Nothing it answers is logged or stored. */
export type CredentialsCallback = (request: CredentialsRequest) => Promise<Credentials | undefined>;

/** Budgets: repositories and servers are not trusted. */
export interface GitLimits {
  /** A listing of refs, from the first byte sent to the last received. Default 30,000. */
  readonly listMs: number;
  /** A fetch, likewise. Default 300,000. */
  readonly fetchMs: number;
  /** Bytes of a listing. Default 16 MiB. */
  readonly listBytes: number;
  /** Bytes of a pack. Default 512 MiB. */
  readonly packBytes: number;
  /** Objects of a pack. Default 2,000,000. */
  readonly packObjects: number;
  /** Bytes all objects of a pack inflate to. Default 2 GiB. */
  readonly inflatedBytes: number;
  /** Bytes of one object that is read. Default 64 MiB. Larger ones may stand in the repository, unread. */
  readonly objectBytes: number;
  /** Files and directories of a tree, counted as paths. Default 500,000. */
  readonly entries: number;
  /** Directories inside each other. Default 100. */
  readonly depth: number;
  /** Bytes of all repositories in `cacheDir`; those used longest ago go first, and what is in use stays. Default 10 GiB. */
  readonly cacheBytes: number;
  /** A repository in `cacheDir` that no process used for so long goes. Default 2,592,000,000: 30 days. */
  readonly cacheUnusedMs: number;
  /** Commits of history that are asked for to tell a fast-forward from a force-push. Default 1,000. */
  readonly history: number;
}

const MiB = 1024 * 1024;

export const DEFAULT_LIMITS: GitLimits = {
  listMs: 30_000,
  fetchMs: 300_000,
  listBytes: 16 * MiB,
  packBytes: 512 * MiB,
  packObjects: 2_000_000,
  inflatedBytes: 2048 * MiB,
  objectBytes: 64 * MiB,
  entries: 500_000,
  depth: 100,
  cacheBytes: 10 * 1024 * MiB,
  cacheUnusedMs: 30 * 86_400_000,
  history: 1000,
};

/** The limits with their defaults. Throws `INVALID` where one is not a positive number. */
export function limitsOf(given: Partial<GitLimits> = {}): GitLimits {
  for (const [name, value] of Object.entries(given)) {
    if (!(name in DEFAULT_LIMITS)) throw new TrueUpError("INVALID", `limits.${name} is not a limit`);
    if (typeof value !== "number" || !(value > 0)) {
      throw new TrueUpError("INVALID", `limits.${name} must be a positive number, not ${String(value)}`);
    }
  }
  return { ...DEFAULT_LIMITS, ...given };
}
