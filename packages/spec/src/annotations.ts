/** The label and the annotations TrueUp reads and writes on objects. */
export const PREFIX = "trueup.dev/";

/** Label: the owning application (`ownerLabel`), to select by. */
export const APPLICATION_LABEL = "trueup.dev/application";
/** Annotation: installation, application and key (`trackingId`), so that a copied object is never taken for ours. */
export const TRACKING_ID = "trueup.dev/tracking-id";

/** An integer; lower waves are applied, and healthy, first; deleted last. Default 0. */
export const WAVE = "trueup.dev/wave";
/** Comma-separated `[group/]Kind/[namespace/]name` of objects that must be healthy first. */
export const DEPENDS_ON = "trueup.dev/depends-on";
/** `disabled`: never pruned. `confirm`: pruned only by an approved plan. */
export const PRUNE = "trueup.dev/prune";
/** The object is a hook: `pre-sync`, `post-sync`, `sync-fail`, `pre-delete` or `post-delete`, several with commas. */
export const HOOK = "trueup.dev/hook";
/** When a hook's object is deleted: `before-creation` (the default), `on-success` or `on-failure`, several with commas. */
export const HOOK_DELETE_POLICY = "trueup.dev/hook-delete-policy";
/** Comma-separated JSON Pointers whose live value is left alone. */
export const IGNORE = "trueup.dev/ignore";
/** The name of the target, where an application routes to several. */
export const TARGET = "trueup.dev/target";
/** `allowed`: the object may be deleted and made anew where a change needs it. */
export const REPLACE = "trueup.dev/replace";
/** `never`, `if-unowned` or `always`: what to do where the object already stands there unowned. */
export const ADOPT = "trueup.dev/adopt";
