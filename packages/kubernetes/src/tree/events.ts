import { isTrueUpError, type Ref } from "@trueup/spec";
import { listPages } from "../api/list.ts";
import { numberAt, textAt } from "../health/object.ts";
import type { Caller } from "../target/read.ts";
import type { System } from "../target/system.ts";

/** What was told about an object. */
export interface TreeEvent {
  /** `Normal` or `Warning`. */
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  /** How often it was told. */
  readonly count: number;
  /** Of the last time: RFC 3339. */
  readonly time: string;
}

/** Events are kept for an hour, and there may be many: so many of a namespace are looked at. */
const MOST = 5_000;

/** The latest of each object, by its uid; the last one last. */
export async function eventsOf(
  system: System,
  objects: readonly { readonly ref: Ref; readonly uid?: string }[],
  latest: number,
  { as, signal }: Caller,
  unread: Set<string>,
): Promise<ReadonlyMap<string, readonly TreeEvent[]>> {
  const events = new Map<string, TreeEvent[]>(objects.flatMap(({ uid }) => (uid === undefined ? [] : [[uid, []]])));
  const resource = await system.discovery.find("v1", "Event", signal);
  const namespaces = new Set(objects.map(({ ref }) => ref.namespace).filter((namespace) => namespace !== ""));
  if (resource === undefined) return events;
  for (const namespace of namespaces) {
    let seen = 0;
    try {
      for await (const { items } of listPages(system.client, resource, { namespace, as, signal })) {
        for (const event of items) {
          events.get(textAt(event, "involvedObject", "uid"))?.push({
            type: textAt(event, "type"),
            reason: textAt(event, "reason"),
            message: textAt(event, "message"),
            count: numberAt(event, "series", "count") ?? numberAt(event, "count") ?? 1,
            time:
              textAt(event, "series", "lastObservedTime") ||
              textAt(event, "lastTimestamp") ||
              textAt(event, "eventTime"),
          });
        }
        seen += items.length;
        if (seen >= MOST) break;
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (!isTrueUpError(error)) throw error;
      unread.add(`events: ${error.message}`);
    }
  }
  for (const [uid, told] of events) events.set(uid, told.toSorted((a, b) => (a.time < b.time ? -1 : 1)).slice(-latest));
  return events;
}
