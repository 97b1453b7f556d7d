import { isObject, type Json, type JsonObject } from "@trueup/spec";
import { equal, fieldOf } from "../equal.ts";
import { itemKey, listKeysOf } from "../list-keys.ts";
import { commonRuns } from "../sequence.ts";
import {
  chomp,
  DEEPEST,
  isContainer,
  isMultiline,
  itemLines,
  type Line,
  type Sign,
  textLines,
  valueLines,
} from "./lines.ts";
import { compact, label, scalar, scalarPair, textLine } from "./printable.ts";

/** Unchanged neighbours shown on either side of a change. */
const CONTEXT = 2;

/** One part of a map, list or text. */
interface Entry {
  readonly changed: boolean;
  readonly lines: () => readonly Line[];
}

/** Changes with the neighbours around them; what is further away is counted. */
function withContext(entries: readonly Entry[], depth: number, what = ""): Line[] {
  const near = entries.map((_, i) => entries.slice(Math.max(0, i - CONTEXT), i + CONTEXT + 1).some((e) => e.changed));
  let hidden = 0;
  return entries.flatMap((entry, i) => {
    if (near[i] === true) return entry.lines();
    hidden++;
    if (near[i + 1] === false) return [];
    const text = `${hidden} unchanged${what && ` ${what}${hidden === 1 ? "" : "s"}`}`;
    hidden = 0;
    return [{ sign: "…", depth, text }];
  });
}

/** How one value becomes another, field by field; nothing where they are equal. */
export function changeLines(before: Json, after: Json): Line[] {
  return equal(before, after) ? [] : changed("", before, after, 0, []);
}

/** `path` holds the names of the fields on the way, for the keys of lists. */
function changed(text: string, before: Json, after: Json, depth: number, path: readonly string[]): Line[] {
  const title: Line[] = text === "" ? [] : [{ sign: " ", depth, text: text.trimEnd() }];
  const below = text === "" ? depth : depth + 1;
  if (depth < DEEPEST && isObject(before) && isObject(after)) {
    return [...title, ...changedFields(before, after, below, path, [])];
  }
  if (depth < DEEPEST && Array.isArray(before) && Array.isArray(after)) {
    return [...title, ...changedItems(before, after, below, path)];
  }
  if (isMultiline(before) && isMultiline(after)) return changedText(text, before, after, depth);
  if (isContainer(before) || isContainer(after) || isMultiline(before) || isMultiline(after)) {
    return [...valueLines("-", depth, text, before), ...valueLines("+", depth, text, after)];
  }
  const [old, now] = scalarPair(before, after);
  return [{ sign: "~", depth, text, before: old, after: now }];
}

function changedFields(
  before: JsonObject,
  after: JsonObject,
  depth: number,
  path: readonly string[],
  without: readonly string[],
): Line[] {
  const names = inOrder(present(before), present(after)).filter((name) => !without.includes(name));
  const entries = names.map((name): Entry => {
    const [old, now] = [fieldOf(before, name), fieldOf(after, name)];
    const text = `${label(name)}: `;
    return {
      changed: !equal(old, now),
      lines: () =>
        partLines(text, old, now, depth, () => changed(text, old as Json, now as Json, depth, [...path, name])),
    };
  });
  return withContext(entries, depth);
}

const present = (value: JsonObject): string[] => Object.keys(value).filter((name) => value[name] !== undefined);

/** A part that is in one of the two, in both alike, or in both and differs. */
function partLines(
  text: string,
  old: Json | undefined,
  now: Json | undefined,
  depth: number,
  differs: () => readonly Line[],
): readonly Line[] {
  if (old === undefined) return now === undefined ? [] : valueOrItem("+", depth, text, now);
  if (now === undefined) return valueOrItem("-", depth, text, old);
  return equal(old, now) ? [{ sign: " ", depth, text: text + compact(now) }] : differs();
}

const valueOrItem = (sign: Sign, depth: number, text: string, value: Json): readonly Line[] =>
  text === "- " ? itemLines(sign, depth, value) : valueLines(sign, depth, text, value);

/** All of both: in the second's order, with what is in the first only behind what it stood behind. */
function inOrder(before: readonly string[], after: readonly string[]): string[] {
  const kept = new Set(after);
  const gone = new Map<string | undefined, string[]>();
  let behind: string | undefined;
  for (const name of before) {
    if (kept.has(name)) behind = name;
    else if (gone.get(behind)?.push(name) === undefined) gone.set(behind, [name]);
  }
  return [...(gone.get(undefined) ?? []), ...after.flatMap((name) => [name, ...(gone.get(name) ?? [])])];
}

function changedItems(before: readonly Json[], after: readonly Json[], depth: number, path: readonly string[]): Line[] {
  const keys = listKeysOf(path, [before, after]);
  if (keys === undefined) return changedSequence(before, after, depth, path);
  const index = (list: readonly Json[]): Map<string, Json> =>
    new Map(list.map((item) => [itemKey(item, keys) ?? "", item]));
  const [old, now] = [index(before), index(after)];
  const entries = inOrder([...old.keys()], [...now.keys()]).map((key): Entry => {
    const [was, is] = [old.get(key), now.get(key)];
    return {
      changed: !equal(was, is),
      lines: () =>
        partLines("- ", was, is, depth, () => changedItem(was as JsonObject, is as JsonObject, keys, depth, path)),
    };
  });
  return [...orderLine([...old.keys()], [...now.keys()], depth), ...withContext(entries, depth)];
}

/** The item by its key, then what differs in it. */
function changedItem(
  before: JsonObject,
  after: JsonObject,
  keys: readonly string[],
  depth: number,
  path: readonly string[],
): Line[] {
  const shown = keys.filter((name) => equal(fieldOf(before, name), fieldOf(after, name)) && Object.hasOwn(after, name));
  const text = `- ${shown.map((name) => `${label(name)}: ${scalar(after[name] ?? null)}`).join(", ")}`;
  return [{ sign: " ", depth, text }, ...changedFields(before, after, depth + 1, path, shown)];
}

/** Says that items which stay stand in another order, which the lines themselves do not show. */
function orderLine(before: readonly string[], after: readonly string[], depth: number): Line[] {
  const [old, now] = [new Set(before), new Set(after)];
  const was = before.filter((key) => now.has(key)).map(keyText);
  const is = after.filter((key) => old.has(key)).map(keyText);
  return equal(was, is) ? [] : [{ sign: "~", depth, text: "(order) ", before: compact(was), after: compact(is) }];
}

/** The key of an item (`itemKey`) for people. */
const keyText = (key: string): string => (JSON.parse(key) as readonly (string | number | boolean)[]).join("/");

function changedSequence(
  before: readonly Json[],
  after: readonly Json[],
  depth: number,
  path: readonly string[],
): Line[] {
  const scalars = ![...before, ...after].some(isContainer);
  const entries: Entry[] = [];
  let [a, b] = [0, 0];
  for (const run of [...commonRuns(before, after, equal, scalars), { a: before.length, b: after.length, length: 0 }]) {
    // In a gap items at equal places stand for each other where there is something to compare in them.
    for (; a < run.a && b < run.b && isContainer(before[a]) && isContainer(after[b]); a++, b++) {
      const [was, is, at] = [before[a] as Json, after[b] as Json, b];
      const differs = (): Line[] => changedAt(was, is, at, depth, path);
      entries.push({ changed: !equal(was, is), lines: () => partLines("- ", was, is, depth, differs) });
    }
    for (const item of before.slice(a, run.a))
      entries.push({ changed: true, lines: () => itemLines("-", depth, item) });
    for (const item of after.slice(b, run.b)) entries.push({ changed: true, lines: () => itemLines("+", depth, item) });
    for (const item of before.slice(run.a, run.a + run.length)) {
      entries.push({ changed: false, lines: () => [{ sign: " ", depth, text: `- ${compact(item)}` }] });
    }
    a = run.a + run.length;
    b = run.b + run.length;
  }
  return withContext(entries, depth);
}

function changedAt(was: Json, is: Json, index: number, depth: number, path: readonly string[]): Line[] {
  if (!isObject(was) || !isObject(is)) return [...itemLines("-", depth, was), ...itemLines("+", depth, is)];
  return [{ sign: " ", depth, text: `- # item ${index + 1}` }, ...changedFields(was, is, depth + 1, path, [])];
}

function changedText(text: string, before: string, after: string, depth: number): Line[] {
  const [old, now] = [textLines(before), textLines(after)];
  const title: Line =
    chomp(before) === chomp(after)
      ? { sign: " ", depth, text: text + chomp(before) }
      : { sign: "~", depth, text, before: ending(before), after: ending(after) };
  const entries: Entry[] = [];
  const add = (sign: Sign, lines: readonly string[]): void => {
    for (const line of lines) {
      entries.push({ changed: sign !== " ", lines: () => [{ sign, depth: depth + 1, text: textLine(line) }] });
    }
  };
  let [a, b] = [0, 0];
  for (const run of [...commonRuns(old, now), { a: old.length, b: now.length, length: 0 }]) {
    add("-", old.slice(a, run.a));
    add("+", now.slice(b, run.b));
    add(" ", old.slice(run.a, run.a + run.length));
    a = run.a + run.length;
    b = run.b + run.length;
  }
  return [title, ...withContext(entries, depth + 1, "line")];
}

const ending = (text: string): string => (text.endsWith("\n") ? "|" : "|- (no newline at its end)");
