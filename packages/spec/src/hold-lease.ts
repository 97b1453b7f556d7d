import { TrueUpError } from "./errors.ts";
import type { Lease } from "./store.ts";

/** Share of its time to live after which a lease that was not renewed tells its holder to stop. */
const WARN_AT = 0.8;

/** What a timer can wait for: 24 days. */
const LONGEST_TTL_MS = 2 ** 31 - 1;

/** For `Store.claim`. Throws `INVALID` where it is under a second, or longer than a timer can hold. */
export function checkTtl(ttlMs: number): void {
  if (ttlMs >= 1_000 && ttlMs <= LONGEST_TTL_MS) return;
  throw new TrueUpError("INVALID", `a lease's time to live must be from 1,000 to ${LONGEST_TTL_MS} ms, not ${ttlMs}`);
}

export interface HeldLeaseOptions {
  readonly application: string;
  readonly holder: string;
  readonly token: number;
  readonly previous?: number | undefined;
  readonly ttlMs: number;
  /** `performance.now()` from before the claim was made: the holder must never believe in it for longer than the store does. */
  readonly claimedAt: number;
  /** Puts the expiry off by another `ttlMs` where the token is still the last that was given out; answers whether it is. */
  extend(): boolean | Promise<boolean>;
  /** Ends the claim where the token is still the last that was given out. */
  release(): void | Promise<void>;
}

export interface HeldLease {
  readonly lease: Lease;
  /** It is another's, or nobody's: fires the signal and leaves no timer. */
  lose(): void;
}

/** For those who write a `Store`: the holder's side of a lease, its clock and its signal, by a monotonic clock. */
export function holdLease(options: HeldLeaseOptions): HeldLease {
  const { application, holder, token, previous, ttlMs } = options;
  const stop = new AbortController();
  let from = options.claimedAt;
  let over = false;
  let timer: NodeJS.Timeout | undefined;

  const lost = (): TrueUpError => new TrueUpError("LEASE_LOST", `the lease of application "${application}" is lost`);
  const end = (): void => {
    over = true;
    clearTimeout(timer);
  };
  const lose = (): void => {
    if (over) return;
    end();
    stop.abort(lost());
  };
  const arm = (): void => {
    clearTimeout(timer);
    timer = setTimeout(
      () => stop.abort(new TrueUpError("LEASE_LOST", `the lease of application "${application}" was not renewed`)),
      from + ttlMs * WARN_AT - performance.now(),
    ).unref();
  };
  arm();

  /** The signal cannot be taken back: a lease whose holder was told to stop is not revived. It can still be released. */
  function checkInTime(): void {
    if (lease.valid() && !stop.signal.aborted) return;
    clearTimeout(timer);
    stop.abort(lost());
    throw lost();
  }

  const lease: Lease = {
    application,
    holder,
    token,
    ...(previous === undefined ? {} : { previous }),
    signal: stop.signal,
    valid: () => !over && performance.now() < from + ttlMs,
    async renew() {
      const asked = performance.now();
      checkInTime();
      if (!(await options.extend())) lose();
      checkInTime();
      from = asked;
      arm();
    },
    async release() {
      if (over) return;
      end();
      await options.release();
    },
  };
  return { lease, lose };
}
