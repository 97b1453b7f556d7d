import { TrueUpError, type JsonObject, type Origin } from "@trueup/spec";
import { isTrueUpError } from "@trueup/spec";
import { normalize, type Loader } from "../loader.ts";
import { merge } from "../merge/merge.ts";
import type { HelmRequest } from "../options.ts";
import { Resource } from "../resource.ts";
import type { HelmChart, HelmGlobals } from "../shapes.ts";
import { nodeFromValue } from "../yaml/from-value.ts";
import { map, type Node } from "../yaml/node.ts";
import { parseNode } from "../yaml/parse.ts";
import { copyParsed, parseResources } from "../yaml/resources.ts";
import { isPlainObject, toJson, toPlain, type Plain } from "../yaml/value.ts";

/** Renders a chart of `helmCharts` with the embedder's renderer. */
export async function generateHelm(
  chart: HelmChart & HelmGlobals,
  loader: Loader,
  origin: Origin,
): Promise<Resource[]> {
  const { helm, signal, parseLimits } = loader.session;
  const fail = (message: string): TrueUpError =>
    new TrueUpError("INVALID", `${origin.file}: helmCharts: ${message}`, { origin });
  if (helm === undefined) {
    throw new TrueUpError("UNSUPPORTED", `${origin.file}: helmCharts are off unless a \`helm\` renderer is passed`, {
      origin,
    });
  }
  const { name = "" } = chart;
  if (name === "") throw fail("chart name cannot be empty");
  const mode = chart.valuesMerge || "override";
  if (mode !== "override" && mode !== "merge" && mode !== "replace")
    throw fail("valuesMerge must be one of [merge override replace]");
  const request = await makeRequest(chart, name, mode, loader, fail);
  const output = await helm(request, signal === undefined ? {} : { signal });
  return parseResources(output, origin.file, parseLimits).map(
    (parsed) => new Resource(copyParsed(parsed).node, origin),
  );
}

async function makeRequest(
  chart: HelmChart & HelmGlobals,
  name: string,
  mode: "override" | "merge" | "replace",
  loader: Loader,
  fail: (message: string) => TrueUpError,
): Promise<HelmRequest> {
  const { version, repo } = chart;
  const isVersioned = version !== undefined && version !== "" && repo !== undefined && repo !== "";
  const home = normalize(`${loader.root}/${chart.chartHome || "charts"}${isVersioned ? `/${name}-${version}` : ""}`);
  if (home === undefined) throw fail(`chartHome '${chart.chartHome}' is outside the tree`);
  const directory = `${home}/${name}`;
  const isLocal = await loader.tree.read(`${directory}/Chart.yaml`).then(
    () => true,
    (error: unknown) => {
      if (isTrueUpError(error) && error.code === "NOT_FOUND") return false;
      throw error;
    },
  );
  if (!isLocal && !repo) throw fail(`no repo specified for pull, no chart found at '/${directory}'`);
  const values = await chartValues(chart, directory, isLocal, mode, loader, fail);
  return {
    tree: loader.tree,
    ...(isLocal ? { chart: directory } : {}),
    name,
    ...optional("version", version),
    ...optional("repo", repo),
    ...optional("releaseName", chart.releaseName),
    ...optional("nameTemplate", chart.nameTemplate),
    ...optional("namespace", chart.namespace),
    values,
    includeCrds: chart.includeCRDs ?? false,
    skipHooks: chart.skipHooks ?? false,
    skipTests: chart.skipTests ?? false,
    apiVersions: chart.apiVersions ?? [],
    ...optional("kubeVersion", chart.kubeVersion),
    devel: chart.devel ?? false,
  };
}

const optional = <K extends string>(key: K, value: string | undefined): { readonly [P in K]?: string } =>
  value === undefined || value === "" ? {} : ({ [key]: value } as { readonly [P in K]?: string });

async function chartValues(
  chart: HelmChart,
  directory: string,
  isLocal: boolean,
  mode: "override" | "merge" | "replace",
  loader: Loader,
  fail: (message: string) => TrueUpError,
): Promise<readonly JsonObject[]> {
  const read = async (text: string): Promise<Node> => parseNode(text, loader.session.parseLimits) ?? map();
  let file = map();
  if (chart.valuesFile) file = await read(await loader.text(chart.valuesFile));
  else if (isLocal) file = await read(await valuesOf(loader, directory));
  const inline: Plain = chart.valuesInline ?? {};
  if (!isPlainObject(inline)) throw fail("valuesInline must be a map");
  const own = nodeFromValue(inline);
  let merged: Node | undefined = file;
  if (Object.keys(inline).length > 0) {
    if (mode === "replace") merged = own;
    else merged = mode === "override" ? merge(file, own) : merge(own, file);
  }
  const result = [toJson(toPlain(merged ?? map())) as JsonObject];
  for (const path of chart.additionalValuesFiles ?? []) {
    result.push(toJson(toPlain(await read(await loader.text(path)), "v2")) as JsonObject);
  }
  return result;
}

async function valuesOf(loader: Loader, directory: string): Promise<string> {
  try {
    return new TextDecoder().decode(await loader.tree.read(`${directory}/values.yaml`));
  } catch (error) {
    if (isTrueUpError(error) && error.code === "NOT_FOUND") return "";
    throw error;
  }
}
