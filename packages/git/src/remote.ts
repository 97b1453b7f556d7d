import type { HttpClientOptions } from "./http.ts";
import type { CredentialsCallback, GitLimits } from "./options.ts";
import type { ListedRef } from "./ref.ts";
import type { RefUpdate } from "./receive-pack.ts";
import { parseSshAddress } from "./ssh-address.ts";
import type { SshOptions } from "./ssh-options.ts";
import type { FetchAnswer, FetchRequest } from "./upload-pack.ts";

/** A repository behind a protocol. */
export interface Remote {
  /** The refs whose names begin with a prefix; more may come. Whole, or an error. */
  list(prefixes: readonly string[], signal?: AbortSignal): Promise<readonly ListedRef[]>;
  fetch(request: FetchRequest, signal?: AbortSignal): Promise<FetchAnswer>;
  /** Moves a ref. Undefined where that was done, or the server's reason not to. */
  push(update: RefUpdate, pack: Buffer, signal?: AbortSignal): Promise<string | undefined>;
  /** Whether history can be asked for without trees and files. */
  filters(signal?: AbortSignal): Promise<boolean>;
  close(): void;
}

export interface RemoteOptions extends HttpClientOptions {
  readonly url: string;
  readonly limits: GitLimits;
  readonly credentials?: CredentialsCallback;
  /** Lets credentials go over `http:` to hosts other than this one. */
  readonly insecure?: boolean;
  readonly ssh?: SshOptions;
}

/** The repository behind `https:`, `http:` or ssh. Only what that protocol needs is loaded. Throws `INVALID`. */
export async function openRemote(options: RemoteOptions): Promise<Remote> {
  const address = parseSshAddress(options.url);
  if (address === undefined) return (await import("./http-remote.ts")).httpRemote(options);
  return (await import("./ssh-remote.ts")).sshRemote(address, options);
}
