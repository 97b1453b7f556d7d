import { isObject, type Json, type JsonObject, type JsonPatch } from "@trueup/spec";
import { diff } from "./diff.ts";
import { MAX_DEPTH, plainJson, tooDeep } from "./depth.ts";
import { fieldOf } from "./equal.ts";
import { itemKey, type ListKeys, listKeysOf } from "./list-keys.ts";

export interface ThreeWay {
  /** What was declared when it was applied last; absent: nothing is removed. */
  readonly lastApplied?: Json | undefined;
  readonly desired: Json;
  readonly live: Json;
  /** Which lists are merged item by item; all others are replaced as a whole. Default `listKeysOf`. */
  readonly listKeys?: ListKeys;
}

export interface Merged {
  /** The live value with what is desired, and without what was and is no longer. */
  readonly merged: Json;
  /** From live to merged. */
  readonly patch: JsonPatch;
}

/** Maps to which others add entries of their own: when one goes from what is desired, only our entries go. */
const SHARED: ReadonlySet<string> = new Set(["labels", "annotations", "data", "binaryData", "stringData"]);

/**
 * For targets that do not merge themselves: what is desired is set; what was applied last and is desired no longer is
 * removed; what others added stays. A map or item that is desired no longer goes as a whole, with whatever the server
 * filled in, as in `kubectl apply`; of labels, annotations and data only our entries go. `null` is a value like any.
 * Items stay at their places; new ones come last; where the desired order is another, it is taken.
 */
export function threeWay({ lastApplied, desired, live, listKeys = listKeysOf }: ThreeWay): Merged {
  const [last, wanted, there] = [
    lastApplied === undefined ? undefined : plainJson(lastApplied),
    plainJson(desired),
    plainJson(live),
  ];

  function merge(
    last: Json | undefined,
    wanted: Json,
    there: Json | undefined,
    path: readonly string[],
    depth: number,
  ): Json {
    if (depth > MAX_DEPTH) throw tooDeep();
    if (isObject(wanted) && isObject(there)) {
      return mergeFields(isObject(last) ? last : {}, wanted, there, path, depth);
    }
    if (Array.isArray(wanted) && Array.isArray(there)) {
      const before: readonly Json[] = Array.isArray(last) ? last : [];
      const keys = listKeys(path, [before, wanted, there]);
      if (keys !== undefined) return mergeItems(before, wanted, there, keys, path, depth);
    }
    return wanted;
  }

  function mergeFields(
    last: JsonObject,
    wanted: JsonObject,
    there: JsonObject,
    path: readonly string[],
    depth: number,
  ): Json {
    const merged = new Map(Object.entries(there));
    for (const [name, was] of Object.entries(last)) {
      if (Object.hasOwn(wanted, name) || !merged.has(name)) continue;
      const left = SHARED.has(name) ? withoutOurs(was, merged.get(name)) : undefined;
      if (left === undefined) merged.delete(name);
      else merged.set(name, left);
    }
    for (const [name, value] of Object.entries(wanted)) {
      merged.set(name, merge(fieldOf(last, name), value as Json, fieldOf(there, name), [...path, name], depth + 1));
    }
    return Object.fromEntries(merged);
  }

  function mergeItems(
    last: readonly Json[],
    wanted: readonly Json[],
    there: readonly Json[],
    keys: readonly string[],
    path: readonly string[],
    depth: number,
  ): Json {
    const index = (list: readonly Json[]): Map<string, Json> =>
      new Map(list.map((item) => [itemKey(item, keys) as string, item]));
    const [old, live, desired] = [index(last), index(there), index(wanted)];
    const ours = [...desired].map(([key, item]) => merge(old.get(key), item, live.get(key), path, depth + 1));
    const merged: Json[] = [];
    for (const [key, item] of live) {
      if (desired.has(key)) merged.push(ours.shift() as Json);
      else if (!old.has(key)) merged.push(item);
    }
    return [...merged, ...ours];
  }

  const merged = merge(last, wanted, there, [], 0);
  return { merged, patch: diff(there, merged, { listKeys }) };
}

function withoutOurs(was: Json | undefined, there: Json | undefined): Json | undefined {
  if (!isObject(was) || !isObject(there)) return undefined;
  const left = Object.entries(there).filter(([name]) => !Object.hasOwn(was, name));
  return left.length === 0 ? undefined : Object.fromEntries(left);
}
