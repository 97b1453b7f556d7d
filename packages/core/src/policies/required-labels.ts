import { severityOf, textsOf } from "./parameters.ts";
import type { Policy } from "./policy.ts";
import { writtenBy } from "./written.ts";

/** Every object that is created or changed has these labels, with a value. Parameters: `labels` (names), `severity`. */
export const requiredLabels: Policy = (input) => {
  const severity = severityOf(input.parameters);
  const labels = textsOf(input.parameters, "labels");
  return [...writtenBy(input)].flatMap(([key, { manifest }]) => {
    const has = manifest.metadata.labels ?? {};
    const missing = labels.filter((label) => !Object.hasOwn(has, label) || has[label] === "");
    return missing.length === 0 ? [] : [{ severity, key, message: `lacks the labels ${missing.join(", ")}` }];
  });
};
