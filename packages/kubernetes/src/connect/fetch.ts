/** The part of the global `fetch` that is used, so that one of the embedder's may take its place: another transport, a recording, a fault. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchResponse>;

export interface FetchInit {
  readonly method: string;
  /** Several values, each a header of its own: groups of an impersonation. A list of one is given as a string. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The answer goes on for minutes: it should not share a connection with short calls. */
  readonly longLived?: boolean | undefined;
  /**
   * How long the whole answer may take. One of the embedder's need not look at it: its `signal` fires then. What is late is
   * rejected with a `TimeoutError`.
   */
  readonly timeoutMs?: number | undefined;
}

export interface FetchResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  /** Decompressed. */
  text(): Promise<string>;
  readonly body: AsyncIterable<Uint8Array> | null;
}
