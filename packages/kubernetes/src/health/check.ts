import type { Health, Live } from "@trueup/spec";

/** Judges one object; undefined where it has nothing to say of it, and the next one decides. Pure. */
export type HealthCheck = (live: Live) => Health | undefined;
