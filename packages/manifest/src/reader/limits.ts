/** Budgets of one file. What is over them is a `LIMIT` error. */
export interface Limits {
  /** Bytes of a file. Default 16 MiB. */
  readonly bytes: number;
  /** Documents in a file. Default 10,000. */
  readonly documents: number;
  /** Collections inside collections. Default 200. */
  readonly depth: number;
  /** Values that the aliases of one document add when they are written out; a string counts one more per 64 characters. Default 100,000. */
  readonly aliasedValues: number;
}

export const DEFAULT_LIMITS: Limits = {
  bytes: 16 * 1024 * 1024,
  documents: 10_000,
  depth: 200,
  aliasedValues: 100_000,
};
