import { TrueUpError } from "@trueup/spec";
import { defaultConfig, EMPTY_CONFIG, mergeConfig, sortConfig, type TransformerConfig } from "./config.ts";
import { decode, listOf, struct } from "./go/decode.ts";
import { parseYaml } from "@trueup/manifest";
import type { Loader } from "./loader.ts";
import { fieldSpecs, nameReference } from "./shapes.ts";
import { parseNode, YamlProblem } from "./yaml/parse.ts";
import { toPlain, Unreadable } from "./yaml/value.ts";

const shape = struct({
  namePrefix: fieldSpecs,
  nameSuffix: fieldSpecs,
  namespace: fieldSpecs,
  commonLabels: fieldSpecs,
  labels: fieldSpecs,
  templateLabels: fieldSpecs,
  commonAnnotations: fieldSpecs,
  nameReference: listOf(nameReference, () => ({ gvk: { group: "", version: "", kind: "" }, fieldSpecs: [] })),
  varReference: fieldSpecs,
  images: fieldSpecs,
  replicas: fieldSpecs,
});

/** The default fields, and those of the files of `configurations`. */
export async function loadConfigurations(paths: readonly string[], loader: Loader): Promise<TransformerConfig> {
  if (paths.length === 0) return defaultConfig();
  let own = EMPTY_CONFIG;
  for (const path of paths) own = mergeConfig(own, await readConfig(path, loader));
  return mergeConfig(defaultConfig(), own);
}

async function readConfig(path: string, loader: Loader): Promise<TransformerConfig> {
  const file = loader.nameOf(loader.resolve(path));
  const text = await loader.text(path);
  const invalid = (reason: string, field = ""): TrueUpError => {
    const line = field === "" ? undefined : parseYaml(text, { file }).documents[0]?.lineOf(field);
    const origin = { file, ...(field === "" ? {} : { field }), ...(line === undefined ? {} : { line }) };
    return new TrueUpError("INVALID", `${file}${line === undefined ? "" : `:${line}`}: ${reason}`, { origin });
  };
  try {
    const node = parseNode(text, loader.session.parseLimits);
    const { value, problems } = decode(shape, node === undefined ? {} : toPlain(node, "v2"), {
      strict: true,
      coerce: true,
    });
    const [first] = problems;
    if (first !== undefined) throw invalid(problems.map(({ reason }) => reason).join("; "), first.field);
    const { nameReference: references = [], ...lists } = value ?? {};
    return sortConfig({
      ...EMPTY_CONFIG,
      ...lists,
      nameReference: references.map(({ gvk, fieldSpecs: specs }) => ({ ...gvk, fieldSpecs: specs })),
    });
  } catch (error) {
    if (error instanceof YamlProblem)
      throw new TrueUpError(error.code, `${file}: ${error.message}`, { origin: { file }, cause: error });
    if (error instanceof Unreadable) throw invalid(error.message);
    throw error;
  }
}
