export { maximumChanges } from "./maximum-changes.ts";
export { noDataDeletion } from "./no-data-deletion.ts";
export { noLatestTag } from "./no-latest-tag.ts";
export type { Policy, PolicyChange, PolicyHook, PolicyInput, PolicyVerdict } from "./policy.ts";
export { requiredLabels } from "./required-labels.ts";
export { resourceLimits } from "./resource-limits.ts";
