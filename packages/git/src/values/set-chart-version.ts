import { isObject, TrueUpError, type Json } from "@trueup/spec";
import { setAll, type FieldEdit } from "./set-images.ts";
import { valueAt, type ValueAt } from "./set-value.ts";
import { readYamlFile } from "./yaml-file.ts";

/**
 * Sets a chart's version wherever a file names the chart: the `dependencies` of a `Chart.yaml`, the `helmCharts` of a Kustomization,
 * and Flux's HelmRelease (`spec.chart.spec`). Only the bytes of those fields differ. Throws `NOT_FOUND` where the file names no such
 * chart, and as `setValue` does.
 */
export function setChartVersion(
  bytes: Uint8Array,
  { chart, version }: { readonly chart: string; readonly version: string },
  { file = "the file" }: Pick<ValueAt, "file"> = {},
): Uint8Array {
  const edits = readYamlFile(bytes, file).documents.flatMap(({ value }, document) =>
    pointersOf(value, chart).map((pointer): FieldEdit => ({ document, pointer, value: version })),
  );
  if (edits.length === 0) throw new TrueUpError("NOT_FOUND", `${file}: names no chart ${chart}`);
  return setAll(bytes, file, edits);
}

function pointersOf(value: Json, chart: string): string[] {
  if (!isObject(value)) return [];
  const listed = ["dependencies", "helmCharts"].flatMap((field) => {
    const list = value[field];
    if (!Array.isArray(list)) return [];
    return (list as readonly Json[]).flatMap((entry, index) =>
      isObject(entry) && entry["name"] === chart ? [`/${field}/${index}/version`] : [],
    );
  });
  const released = value["kind"] === "HelmRelease" && valueAt(value, ["spec", "chart", "spec", "chart"]) === chart;
  return released ? [...listed, "/spec/chart/spec/version"] : listed;
}
