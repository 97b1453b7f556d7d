/** How long something must still be healthy. */
export type Soak =
  | { readonly status: "over" }
  | { readonly status: "soaking"; readonly healthySince: number; readonly leftMs: number };

export interface SoakOptions {
  readonly soakMs: number;
  /** Milliseconds since the epoch; undefined where it begins now. */
  readonly healthySince: number | undefined;
  /** Something was not healthy since it was last looked at: it begins anew. */
  readonly unsettled: boolean;
  readonly now: number;
}

/**
 * A new state counts as healthy only once it was so for long enough. The time during which no controller ran counts:
 * it is looked at before and after. A clock that was set back begins anew. Pure.
 */
export function soak({ soakMs, healthySince, unsettled, now }: SoakOptions): Soak {
  const since = unsettled || healthySince === undefined || healthySince > now ? now : healthySince;
  const leftMs = since + soakMs - now;
  return leftMs <= 0 ? { status: "over" } : { status: "soaking", healthySince: since, leftMs };
}
