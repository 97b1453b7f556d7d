import { TrueUpError, type Origin } from "@trueup/spec";
import { decode, listOf, type Decoder } from "../go/decode.ts";
import type { Loader } from "../loader.ts";
import { replacement, type Replacement, type ReplacementField } from "../shapes.ts";
import { parseNode, YamlProblem } from "../yaml/parse.ts";
import { toPlain, type Plain } from "../yaml/value.ts";

/** Those of a kustomization, with the files that it names read. */
export async function loadReplacements(
  entries: readonly ReplacementField[],
  loader: Loader,
  origin: Origin,
): Promise<Replacement[]> {
  const result: Replacement[] = [];
  for (const { path, ...inline } of entries) {
    if (!path) {
      result.push(inline);
      continue;
    }
    if (inline.source !== undefined || (inline.targets ?? []).length > 0) {
      throw new TrueUpError("INVALID", `${origin.file}: cannot specify both path and inline replacement`, { origin });
    }
    result.push(...(await readFile(path, loader)));
  }
  return result;
}

async function readFile(path: string, loader: Loader): Promise<Replacement[]> {
  const file = loader.nameOf(loader.resolve(path));
  const text = await loader.text(path);
  const invalid = (reason: string): TrueUpError =>
    new TrueUpError("INVALID", `${file}: ${reason}`, { origin: { file } });
  let value: Plain;
  try {
    const node = parseNode(text, loader.session.parseLimits);
    value = node === undefined ? null : toPlain(node, "v2");
  } catch (error) {
    if (error instanceof YamlProblem)
      throw new TrueUpError(error.code, `${file}: ${error.message}`, { origin: { file }, cause: error });
    throw error;
  }
  if (typeof value !== "object" || value === null)
    throw invalid("unsupported replacement type encountered within replacement path");
  const one: Decoder<Replacement[]> = (entry, at, context) => {
    const decoded = replacement(entry, at, context);
    return decoded === undefined ? undefined : [decoded];
  };
  const { value: decoded, problems } = decode(Array.isArray(value) ? listOf(replacement, () => ({})) : one, value, {
    coerce: true,
  });
  if (problems.length > 0) throw invalid(problems.map(({ field, reason }) => `${field}: ${reason}`).join("; "));
  return decoded ?? [];
}
