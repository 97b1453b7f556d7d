export * from "./annotations.ts";
export type * from "./application.ts";
export type * from "./comparison.ts";
export { isTrueUpError, toTrueUpError, TrueUpError } from "./errors.ts";
export type { ErrorCode, TrueUpErrorOptions } from "./errors.ts";
export type * from "./failure.ts";
export { foldWrites, keyConflict } from "./fold-writes.ts";
export type { FoldedWrite } from "./fold-writes.ts";
export type * from "./gates.ts";
export type * from "./hook.ts";
export { checkTtl, holdLease } from "./hold-lease.ts";
export type { HeldLease, HeldLeaseOptions } from "./hold-lease.ts";
export {
  formatKey,
  formatRef,
  groupOf,
  isOwnMark,
  keyOf,
  markOwned,
  ownerLabel,
  ownerOfManifest,
  parseKey,
  parseTrackingId,
  refOf,
  targetOf,
  trackingId,
  unmarkOwned,
} from "./identity.ts";
export type { Key, Owner, Ref } from "./identity.ts";
export { canonicalJson, digestOf, formatPointer, isObject, parsePointer } from "./json.ts";
export type { Json, JsonObject, JsonPatch, JsonPatchOperation, Pointer } from "./json.ts";
export type { Logger } from "./logger.ts";
export { formatOrigin } from "./manifest.ts";
export type * from "./manifest.ts";
export type * from "./plan.ts";
export { checkPrune } from "./prune-history.ts";
export type * from "./project.ts";
export type * from "./queue.ts";
export type * from "./renderer.ts";
export { matchesName, selects } from "./select.ts";
export type * from "./source.ts";
export type * from "./store.ts";
export { UNKNOWN } from "./target.ts";
export type * from "./target.ts";
export type * from "./transform.ts";
