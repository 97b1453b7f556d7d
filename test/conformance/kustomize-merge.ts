import { emitYaml, parseYaml } from "@trueup/manifest";
import { mergeYaml } from "@trueup/kustomize";
import { difference, type Result, type Suite } from "./suite.ts";

interface Case {
  readonly name: string;
  readonly source: string;
  readonly dest: string;
  readonly expected: string;
  readonly infer: boolean;
  readonly prepend: boolean;
}

/** Cases of kustomize's strategic merge, one patch and one document each. Compared with sorted keys, as they are printed. */
export const mergeSuite: Suite = {
  async *run(cases) {
    for (const one of cases as readonly Case[]) yield { name: one.name, result: runCase(one) };
  },
};

function runCase({ source, dest, expected, infer, prepend }: Case): Result {
  try {
    const actual = mergeYaml(source, dest, { infer, newItems: prepend ? "front" : "end" });
    const value = parseYaml(expected, { file: "expected", dialect: "kustomize" }).documents[0]?.value;
    const wanted = value === undefined ? "" : emitYaml(value);
    return actual === wanted ? { outcome: "passed" } : { outcome: "failed", why: difference(wanted, actual) };
  } catch (error) {
    return { outcome: "failed", why: error instanceof Error ? error.message : String(error) };
  }
}
