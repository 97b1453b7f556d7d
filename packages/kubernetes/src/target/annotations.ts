/** Annotations that mean something to this target only; those for every target are in @trueup/spec. */

/**
 * `override` (default): what we declare is made so, and `kubectl`'s earlier fields become ours, so that what Git drops goes.
 * `merge`: the latter is left out: fields that others wrote stay.
 * `if-not-present`: made once, then left alone. `ignore`: neither made nor touched.
 */
export const APPLY = "trueup.dev/apply";
export type ApplyPolicy = "override" | "merge" | "if-not-present" | "ignore";

/** `force` or `fail`: where another manager holds a field that we declare. Default: the target's `conflicts` option. */
export const CONFLICTS = "trueup.dev/conflicts";

/** `foreground`, `background` or `orphan`: what becomes of an object's dependents when it is deleted. */
export const PROPAGATION = "trueup.dev/propagation";

export const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
