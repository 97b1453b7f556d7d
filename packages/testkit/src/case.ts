/** One rule of a contract, runnable under any test runner: `for (const { name, run } of storeCases(harness)) it(name, run)`. Needs up to five seconds. */
export interface Case {
  readonly name: string;
  readonly run: () => Promise<void>;
}
