import type { Stats } from "node:fs";
import {
  formatKey,
  isOwnMark,
  TrueUpError,
  type Declared,
  type Item,
  type Live,
  type Observed,
  type Planned,
  type WriteContext,
} from "@trueup/spec";
import { notOurs, ownerOf, type Found } from "./find.ts";
import type { RelativePath } from "./layout.ts";
import { isConfirmed, type System } from "./system.ts";
import { stampOf } from "./tree-watch.ts";

/** One call of `apply`, with what all parts of it need. */
export interface Applying {
  readonly system: System;
  readonly identity: string;
  readonly item: Item & { readonly declared: Declared };
  readonly planned: Planned;
  readonly seen: Observed;
  readonly context: WriteContext;
}

/** Said before it is written, so that the watch tells of everything else that comes to stand there. */
export function tell({ system, item, context }: Applying, path: RelativePath, { version }: Live, stats?: Stats): void {
  system.told.set(path, {
    key: item.key,
    owner: context.owner,
    ...(version === undefined ? {} : { version }),
    ...(stats === undefined ? {} : { stamp: stampOf(stats) }),
  });
}

/** Throws `NOT_OURS` unless what stands there bears our mark, lost it to a hand edit, or is to be adopted as it was seen. */
export function checkOurs(
  { item, planned, seen, context }: Applying,
  { path, standing, live }: Found,
  uid: string,
): void {
  const { key, tracked } = item;
  if (standing.type === "other" && standing.what === "a folder") {
    throw new TrueUpError("CONFLICT", `${formatKey(key)}: ${path} is a folder`, { key, retryable: false });
  }
  if (planned.action === "adopt" && seen.status === "found" && seen.live.version === live.version) return;
  const owner = ownerOf(live, key);
  if (owner === undefined ? !isConfirmed(tracked, uid) : !isOwnMark(owner, context)) throw notOurs(key, path, owner);
}

/** Throws where the caller gave up, or may no longer write. */
export function checkGoOn({ signal, lease }: WriteContext): void {
  if (signal?.aborted === true) throw new TrueUpError("ABORTED", "the write was aborted", { cause: signal.reason });
  if (!lease.valid()) throw new TrueUpError("LEASE_LOST", "the lease was lost before the write");
}
