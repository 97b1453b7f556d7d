import { severityOf, textsOf } from "./parameters.ts";
import type { Policy } from "./policy.ts";

/** Every object that is created or changed has these labels, with a value. Parameters: `labels` (names), `severity`. */
export const requiredLabels: Policy = ({ changes, parameters }) => {
  const severity = severityOf(parameters);
  const labels = textsOf(parameters, "labels");
  return changes.flatMap(({ change: { key }, declared }) => {
    if (declared === undefined) return [];
    const has = declared.manifest.metadata.labels ?? {};
    const missing = labels.filter((label) => !Object.hasOwn(has, label) || has[label] === "");
    return missing.length === 0 ? [] : [{ severity, key, message: `lacks the labels ${missing.join(", ")}` }];
  });
};
