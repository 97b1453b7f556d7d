import { setTimeout as sleep } from "node:timers/promises";
import { isTrueUpError, toTrueUpError, TrueUpError, type Manifest } from "@trueup/spec";
import type { Client } from "../api/client.ts";
import type { Resource } from "../api/discovery.ts";
import { listPages } from "../api/list.ts";
import { stream } from "./stream.ts";

export interface ReflectorOptions {
  readonly client: Client;
  readonly resource: Resource;
  /** Default: all. */
  readonly namespace?: string;
  readonly labelSelector: string;
  readonly silenceMs: number;
  /** It stands so: listed, or changed. */
  readonly onFound: (manifest: Manifest, version: string) => void;
  readonly onGone: (manifest: Manifest) => void;
  /** A list is complete: what it did not hold, and is no newer than the list, is gone. */
  readonly onListed: (found: ReadonlySet<string>, version: string) => void;
  /** When the last write of ours was answered, by `performance.now()`. Default: never. */
  readonly lastWrite?: () => number;
  readonly onState: (state: ReflectorState) => void;
  /** What one object is known by: for `onListed`. */
  readonly idOf: (manifest: Manifest) => string;
}

/** `seeing`: what is reported is how it stands. `blind`: it may not be, for as long as `error` lasts. */
export type ReflectorState = { readonly seeing: true } | { readonly seeing: false; readonly error: TrueUpError };

export interface Reflector {
  /** Settles once the first list is complete; throws why it cannot be had. */
  readonly ready: Promise<void>;
  readonly state: ReflectorState;
  stop(): Promise<void>;
}

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 5_000;
/** A watch that ends sooner than this is no progress: the next waits longer. */
const SHORT_MS = 1_000;

/**
 * A first sync writes a kind that was just listed: what its answers tell, a watch would tell again, at a tenth of the
 * server's time. It begins once there was a pause, with a list that costs a hundredth, or after so long.
 */
const PAUSE_MS = 100;
const LONGEST_HOLD_MS = 2_000;

/** Lists a kind and watches it from there on, for ever: each end is a new beginning from the last version, or from a list where that is too old. */
export function reflect(options: ReflectorOptions): Reflector {
  const stop = new AbortController();
  const { signal } = stop;
  const first = Promise.withResolvers<void>();
  first.promise.catch(() => {});
  let state: ReflectorState = {
    seeing: false,
    error: new TrueUpError("UNAVAILABLE", `${options.resource.plural} are being listed`),
  };
  const become = (next: ReflectorState): void => {
    const changed = next.seeing !== state.seeing;
    state = next;
    if (changed) options.onState(next);
  };

  async function list(): Promise<string> {
    const found = new Set<string>();
    let version = "";
    for await (const page of listPages(options.client, options.resource, { ...options, signal })) {
      version = page.version;
      for (const manifest of page.items) {
        found.add(options.idOf(manifest));
        options.onFound(manifest, versionOf(manifest));
      }
    }
    options.onListed(found, version);
    return version;
  }

  async function follow(from: string): Promise<string> {
    let version = from;
    for await (const event of stream({ ...options, from, signal })) {
      version = event.version;
      if (event.type === "changed") options.onFound(event.manifest, version);
      if (event.type === "gone") options.onGone(event.manifest);
      if (!state.seeing) become({ seeing: true });
    }
    return version;
  }

  /** Waits while our own first writes follow each other. Answers whether there were any. */
  async function ownWrites(): Promise<boolean> {
    const { lastWrite = () => -Infinity } = options;
    const from = performance.now();
    for (;;) {
      await sleep(PAUSE_MS, undefined, { signal });
      const [now, last] = [performance.now(), lastWrite()];
      if (now - last >= PAUSE_MS || now - from >= LONGEST_HOLD_MS) return last >= from;
    }
  }

  async function run(): Promise<void> {
    let version: string | undefined;
    let begun = false;
    let delay = FIRST_DELAY_MS;
    while (!signal.aborted) {
      const startedAt = performance.now();
      try {
        if (version === undefined) {
          version = await list();
          become({ seeing: true });
          first.resolve();
          if (!begun && (await ownWrites())) version = await list();
          begun = true;
        }
        version = await follow(version);
        if (performance.now() - startedAt > SHORT_MS) delay = FIRST_DELAY_MS;
      } catch (error) {
        if (signal.aborted) break;
        const known = toTrueUpError(error, "UNAVAILABLE");
        // Too old to go on from, or no right to watch: what happened meanwhile is told by a list.
        if (known.code === "INCOMPLETE" || known.code === "FORBIDDEN" || known.code === "NOT_FOUND")
          version = undefined;
        if (known.code !== "INCOMPLETE") become({ seeing: false, error: known });
        first.reject(known);
        if (isTrueUpError(error) && error.retryAfterMs !== undefined) delay = Math.max(delay, error.retryAfterMs);
        if (known.code === "INCOMPLETE" && delay === FIRST_DELAY_MS) {
          delay *= 2;
          continue;
        }
      }
      await sleep(delay * (0.5 + Math.random()), undefined, { signal }).catch(() => {});
      delay = Math.min(delay * 2, LONGEST_DELAY_MS);
    }
  }

  const running = run();
  return {
    ready: first.promise,
    get state() {
      return state;
    },
    async stop() {
      stop.abort();
      first.reject(new TrueUpError("ABORTED", "the watch was stopped"));
      await running;
    },
  };
}

const versionOf = ({ metadata }: Manifest): string => {
  const version = metadata["resourceVersion"];
  return typeof version === "string" ? version : "";
};
