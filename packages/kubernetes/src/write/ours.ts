import {
  formatKey,
  isOwnMark,
  ownerOfManifest,
  TrueUpError,
  type CallContext,
  type Item,
  type Key,
  type Live,
  type Owner,
  type Planned,
} from "@trueup/spec";

/** Throws `NOT_OURS` where the object that stands there may not be written by this application. */
export function checkOurs(live: Live, { key, tracked }: Item, { action }: Planned, context: CallContext): void {
  const mark = ownerOfManifest(live.manifest, key);
  if (isOwnMark(mark, context)) return;
  // The core decides on adoptions: it knows the application's policy. Only of what is nobody's.
  if (mark === undefined && action === "adopt") return;
  // Ours, with its mark taken off by hand.
  if (mark === undefined && tracked?.uid !== undefined && tracked.uid === live.uid) return;
  throw notOurs(key, mark);
}

export function notOurs(key: Key, mark: Owner | undefined): TrueUpError {
  const whose =
    mark === undefined
      ? "is nobody's"
      : `belongs to application ${mark.application} of installation ${mark.installation}`;
  return new TrueUpError("NOT_OURS", `${formatKey(key)} stands there and ${whose}`, { key });
}
