import { healthOf, type Dialect } from "@trueup/kubernetes";
import type { HealthStatus, Manifest } from "@trueup/spec";
import type { Result, Suite } from "./suite.ts";

interface Case {
  readonly name: string;
  readonly object: Manifest;
  /** Null where the other system has no opinion. */
  readonly expected: { readonly status: string; readonly message?: string } | null;
}

/** The words of Argo CD and of kstatus in ours. */
const WORDS: Readonly<Record<string, readonly HealthStatus[]>> = {
  current: ["healthy"],
  inprogress: ["progressing"],
  terminating: ["progressing"],
  failed: ["degraded"],
  notfound: ["missing"],
};

/** Cases of `{ name, object, expected: { status, message? } }`, judged as `--dialect` says: `trueup`, `argocd` or `kstatus`. */
export const healthSuite: Suite = {
  async *run(cases, options = {}) {
    const dialect = (options["dialect"] ?? "trueup") as Dialect;
    for (const one of cases as readonly Case[]) yield { name: one.name, result: judge(one, dialect) };
  },
};

function judge({ object, expected: said }: Case, dialect: Dialect): Result {
  const { status, message = "" } = healthOf({ manifest: object }, [], dialect);
  const expected = said ?? { status: "healthy" };
  const word = expected.status.toLowerCase();
  const wanted: readonly string[] = WORDS[word] ?? [word];
  if (!wanted.includes(status))
    return { outcome: "failed", why: `${status} (${message}), expected ${expected.status}` };
  if (expected.message === undefined || expected.message === message) return { outcome: "passed" };
  return { outcome: "failed", why: `${JSON.stringify(message)}, expected ${JSON.stringify(expected.message)}` };
}
