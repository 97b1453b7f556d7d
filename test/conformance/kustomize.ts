import { build } from "@trueup/kustomize";
import { isTrueUpError } from "@trueup/spec";
import { errorClass } from "./error-class.ts";
import { memoryTree } from "@trueup/testkit";
import { difference, type Result, type Suite } from "./suite.ts";

interface ExpectedError {
  readonly mode: "class" | "contains" | "equal" | "regexp" | "any";
  readonly text: string;
}

interface Case {
  readonly name: string;
  readonly dir: string;
  readonly files: Readonly<Record<string, string>>;
  readonly options?: {
    readonly reorder?: string;
    readonly loadRestrictions?: string;
    readonly addManagedbyLabel?: boolean;
  };
  readonly expectedYaml?: string;
  readonly expectedError?: readonly ExpectedError[];
  readonly needs?: readonly string[];
  readonly verified?: readonly string[];
  readonly unverified?: string;
}

const REFERENCE = "kustomize-5.7.1";

/** Cases of `kustomize build`: a tree of files, and the YAML or the error that is expected. */
export const kustomizeSuite: Suite = {
  async *run(cases) {
    for (const one of cases as readonly Case[]) yield { name: one.name, result: await runCase(one) };
  },
};

async function runCase(one: Case): Promise<Result> {
  const result = await attempt(one);
  if (result.outcome === "passed") return result;
  // What needs a program, a network or another version, and does not pass without.
  if (one.needs !== undefined) return { outcome: "left out", why: `needs ${one.needs.join(", ")}` };
  if (one.verified?.includes(REFERENCE) === false)
    return { outcome: "left out", why: one.unverified ?? `not what ${REFERENCE} prints` };
  return result;
}

async function attempt({ files, dir, options, expectedYaml, expectedError }: Case): Promise<Result> {
  try {
    const { yaml } = await build(memoryTree(new Map(Object.entries(files))), dir, {
      order: options?.reorder === "none" ? "none" : "legacy",
      ...(options?.loadRestrictions === "none" ? { loadRestrictor: "none" } : {}),
      ...(options?.addManagedbyLabel === true ? { managedByLabel: true } : {}),
    });
    if (expectedYaml === undefined)
      return { outcome: "failed", why: `no error, but expected ${JSON.stringify(expectedError)}` };
    return yaml === expectedYaml ? { outcome: "passed" } : { outcome: "failed", why: difference(expectedYaml, yaml) };
  } catch (error) {
    if (!isTrueUpError(error) || error.code === "INTERNAL") {
      return { outcome: "failed", why: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    if (expectedError === undefined) return { outcome: "failed", why: `${error.code}: ${error.message}` };
    const unmet = expectedError.find((expected) => !isExpected(expected, error.message));
    if (unmet === undefined) return { outcome: "passed" };
    return {
      outcome: "failed",
      why: `expected ${unmet.mode} ${JSON.stringify(unmet.text)}\n    got ${error.code}: ${error.message}`,
    };
  }
}

/** By its words, or else by what kind of error it is. */
function isExpected({ mode, text }: ExpectedError, message: string): boolean {
  if (mode === "any") return true;
  if (mode === "class") return errorClass(message) === text;
  if (message.includes(text)) return true;
  const wanted = errorClass(text.replaceAll("\\", ""));
  return wanted !== undefined && wanted === errorClass(message);
}
