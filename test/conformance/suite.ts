/** What came of one case. */
export type Result =
  | { readonly outcome: "passed" }
  | { readonly outcome: "failed"; readonly why: string }
  /** Needs what is not there, or is known to be expected of another version. */
  | { readonly outcome: "left out"; readonly why: string };

/** Reads a file of cases and runs each. */
export interface Suite {
  /** `options` are those of the command, by their names: `--dialect argocd`. */
  run(
    cases: unknown,
    options?: Readonly<Record<string, string>>,
  ): AsyncIterable<{ readonly name: string; readonly result: Result }>;
}

/** The first lines that differ, with what stands around them. */
export function difference(expected: string, actual: string, context = 3): string {
  const want = expected.split("\n");
  const have = actual.split("\n");
  let at = 0;
  while (at < want.length && at < have.length && want[at] === have[at]) at++;
  const from = Math.max(0, at - context);
  const show = (lines: readonly string[], sign: string): string[] =>
    lines.slice(at, at + 6).map((line) => `    ${sign} ${line}`);
  return [
    `line ${at + 1}:`,
    ...want.slice(from, at).map((line) => `      ${line}`),
    ...show(want, "-"),
    ...show(have, "+"),
  ].join("\n");
}
