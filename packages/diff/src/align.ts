import { formatPointer, isObject, type Json, type JsonPatchOperation, type Pointer } from "@trueup/spec";
import { equal, fieldOf, type Unequal } from "./equal.ts";
import { itemKey, type ListKeys } from "./list-keys.ts";
import { commonRuns, longestIncreasing } from "./sequence.ts";

/** Above this (items that move or come × items) a reordered list is replaced as a whole: each step shifts a list. */
const REORDER_LIMIT = 20_000_000;

interface Place {
  readonly pointer: Pointer;
  /** The names of the fields on the way, without indexes: what `ListKeys` is asked about. */
  readonly names: readonly string[];
}

const field = (place: Place, name: string): Place => ({
  pointer: place.pointer + formatPointer([name]),
  names: [...place.names, name],
});
const item = (place: Place, index: number): Place => ({ ...place, pointer: `${place.pointer}/${index}` });

/**
 * Brings every list of `before` to the items and the order that it has in `after`, so that what still differs
 * differs field by field, at equal positions. Appends what it did to `operations`, in the order to apply it.
 */
export function align(before: Json, after: Json, listKeys: ListKeys, operations: JsonPatchOperation[]): Json {
  const unequal: Unequal = new WeakMap();
  const same = (a: Json, b: Json): boolean => equal(a, b, 0, unequal);

  function walk(before: Json, after: Json, place: Place): Json {
    if (Array.isArray(before) && Array.isArray(after)) {
      const keys = listKeys(place.names, [before, after]);
      return keys === undefined ? byPosition(before, after, place) : byKey(before, after, place, keys);
    }
    if (!isObject(before) || !isObject(after)) return before;
    const aligned: [string, Json][] = [];
    for (const name of Object.keys(before).toSorted()) {
      const [old, now] = [before[name] as Json, fieldOf(after, name)];
      aligned.push([name, now === undefined ? old : walk(old, now, field(place, name))]);
    }
    return Object.fromEntries(aligned);
  }

  function byPosition(before: readonly Json[], after: readonly Json[], place: Place): Json {
    const scalars = [...before, ...after].every((value) => typeof value !== "object");
    const end = { a: before.length, b: after.length, length: 0 };
    const aligned: Json[] = [];
    let a = 0;
    for (const run of [...commonRuns(before, after, same, scalars), end]) {
      // In a gap the first ones stand for each other, the rest went or came.
      while (a < run.a && aligned.length < run.b) {
        const index = aligned.length;
        aligned.push(walk(before[a++] as Json, after[index] as Json, item(place, index)));
      }
      for (; a < run.a; a++) operations.push({ op: "remove", path: item(place, aligned.length).pointer });
      while (aligned.length < run.b) {
        const value = after[aligned.length] as Json;
        operations.push({ op: "add", path: item(place, aligned.length).pointer, value });
        aligned.push(value);
      }
      for (; a < run.a + run.length; a++) aligned.push(before[a] as Json);
    }
    return aligned;
  }

  function byKey(before: readonly Json[], after: readonly Json[], place: Place, keys: readonly string[]): Json {
    const old = new Map(before.map((value) => [itemKey(value, keys) as string, value]));
    const position = new Map(after.map((value, i) => [itemKey(value, keys) as string, i]));
    const order = [...old.keys()].filter((key) => position.has(key));
    const staying = longestIncreasing(order.map((key) => position.get(key) as number));
    const stays = new Set(order.filter((_, i) => staying.has(i)));
    const moving = order.length - stays.size;
    if (moving > 0 && (after.length - stays.size) * after.length > REORDER_LIMIT) {
      operations.push({ op: "replace", path: place.pointer, value: after });
      return after;
    }
    for (const [i, key] of [...old.keys()].entries().toArray().toReversed()) {
      if (!position.has(key)) operations.push({ op: "remove", path: item(place, i).pointer });
    }
    let previous: string | undefined;
    for (const [key, index] of position) {
      if (!stays.has(key)) {
        const from = old.has(key) ? order.indexOf(key) : -1;
        if (from !== -1) order.splice(from, 1);
        // Behind its neighbour, which stands right by now; without moves that is where it belongs in the end.
        const to = moving === 0 ? index : previous === undefined ? 0 : order.indexOf(previous) + 1;
        if (moving > 0) order.splice(to, 0, key);
        const path = item(place, to).pointer;
        if (from === -1) operations.push({ op: "add", path, value: after[index] as Json });
        else if (from !== to) operations.push({ op: "move", from: item(place, from).pointer, path });
      }
      previous = key;
    }
    return after.map((value, i) => {
      const was = old.get(itemKey(value, keys) as string);
      return was === undefined ? value : walk(was, value, item(place, i));
    });
  }

  return walk(before, after, { pointer: "", names: [] });
}
