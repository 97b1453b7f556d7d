import { emitYaml, parseYaml } from "@trueup/manifest";
import { mergeYaml } from "@trueup/kustomize";
import { isObject, type Json } from "@trueup/spec";
import { difference, type Result, type Suite } from "./suite.ts";

interface Case {
  readonly name: string;
  readonly source: string;
  readonly dest: string;
  readonly expected: string;
  readonly infer: boolean;
  readonly prepend: boolean;
}

/** Cases of kustomize's strategic merge, one patch and one document each. Compared as `kustomize cfg fmt` would print them. */
export const mergeSuite: Suite = {
  async *run(cases) {
    for (const one of cases as readonly Case[]) yield { name: one.name, result: runCase(one) };
  },
};

function runCase({ source, dest, expected, infer, prepend }: Case): Result {
  try {
    const actual = mergeYaml(source, dest, { infer, newItems: prepend ? "front" : "end" });
    const wanted = formatted(expected);
    const got = formatted(actual);
    return got === wanted ? { outcome: "passed" } : { outcome: "failed", why: difference(wanted, got) };
  } catch (error) {
    return { outcome: "failed", why: error instanceof Error ? error.message : String(error) };
  }
}

/** Keys sorted, and containers by name. */
function formatted(yaml: string): string {
  const value = parseYaml(yaml, { file: "case", dialect: "kustomize" }).documents[0]?.value;
  return value === undefined ? "" : emitYaml(sortContainers(value));
}

function sortContainers(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(sortContainers);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => {
      const sorted = sortContainers(field ?? null);
      const isList = name === "containers" && Array.isArray(sorted) && sorted.every(isObject);
      return [
        name,
        isList ? sorted.toSorted((a, b) => (JSON.stringify(a["name"]) < JSON.stringify(b["name"]) ? -1 : 1)) : sorted,
      ];
    }),
  );
}
