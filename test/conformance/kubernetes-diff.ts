import { differenceOf } from "@trueup/kubernetes";
import type { Manifest } from "@trueup/spec";
import type { Result, Suite } from "./suite.ts";

interface Case {
  readonly name: string;
  readonly desired: Manifest;
  readonly live: Manifest;
  readonly lastApplied?: Manifest;
  readonly expectedModified: boolean;
}

/** Cases of `{ name, desired, live, lastApplied?, expectedModified }`. */
export const diffSuite: Suite = {
  async *run(cases) {
    for (const one of cases as readonly Case[]) yield { name: one.name, result: compare(one) };
  },
};

function compare({ expectedModified, ...comparison }: Case): Result {
  const patch = differenceOf(comparison);
  if (patch.length > 0 === expectedModified) return { outcome: "passed" };
  return { outcome: "failed", why: expectedModified ? "no difference was found" : JSON.stringify(patch) };
}
