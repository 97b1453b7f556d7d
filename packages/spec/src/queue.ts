import type { Stop } from "./target.ts";

export interface MarkOptions {
  /** Why: `poll`, `drift`, `manual`, … Marks that coalesce keep the first. */
  readonly trigger?: string;
  /** Not before so long from now. An earlier mark wins. */
  readonly delayMs?: number;
}

export interface Mark {
  readonly application: string;
  readonly trigger: string;
  /** Fires when the queue is stopped. */
  readonly signal: AbortSignal;
  /** Says that from here on the run only waits, for objects to become healthy: another application may have its place. Absent where a queue cannot give it. */
  readonly idle?: () => void;
}

export type Handler = (mark: Mark) => Promise<void>;

/**
 * Applications that want a run. One run at a time per application, many side by side; marks that arrive during a run
 * make one more after it. A handler that throws is reported by the queue's owner; it is not run again by itself.
 */
export interface Queue {
  mark(application: string, options?: MarkOptions): Promise<void>;
  /** Starts handing out marks; the answer stops it and waits for the handlers in flight. One handler a queue. */
  process(handler: Handler): Promise<Stop>;
  close?(): Promise<void>;
}
