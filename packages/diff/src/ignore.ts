import {
  IGNORE,
  type IgnoreRule,
  isObject,
  type Json,
  type Manifest,
  type Mask,
  parsePointer,
  type Pointer,
  TrueUpError,
} from "@trueup/spec";
import { MAX_DEPTH } from "./depth.ts";
import { fieldOf } from "./equal.ts";
import { maskFromFieldsV1 } from "./fields-v1.ts";
import { itemKey, listKeysOf } from "./list-keys.ts";
import { isList, mapMask, mergeMasks, openMask, subtract } from "./mask-algebra.ts";
import { omit } from "./omit.ts";
import { selects } from "./select.ts";

/** What of one object is left alone. */
export interface Ignored {
  /** Each of at least one token; `*` matches every field or item. */
  readonly pointers: readonly (readonly string[])[];
  /** Field managers, as Kubernetes names them. */
  readonly managers: ReadonlySet<string>;
}

/**
 * What the rules that match an object, and its `trueup.dev/ignore` annotation, leave alone of it.
 * Throws `INVALID` on what is no JSON Pointer, or is one to the whole document, and `LIMIT` on one of over 1,000 tokens.
 */
export function ignoredOf(manifest: Manifest, rules: readonly IgnoreRule[]): Ignored {
  const pointers: (readonly string[])[] = [];
  const managers = new Set<string>();
  for (const rule of rules) {
    if (!selects(rule.match ?? {}, manifest)) continue;
    for (const pointer of rule.pointers ?? []) pointers.push(tokensOf(pointer, "an ignore rule"));
    for (const manager of rule.managers ?? []) managers.add(manager);
  }
  for (const pointer of annotated(manifest)?.split(",") ?? []) {
    if (pointer.trim() !== "") pointers.push(tokensOf(pointer.trim(), `annotation ${IGNORE}`));
  }
  return { pointers, managers };
}

function annotated({ metadata }: Manifest): string | undefined {
  const annotations = fieldOf(metadata, "annotations");
  const listed = isObject(annotations) ? fieldOf(annotations, IGNORE) : undefined;
  return typeof listed === "string" ? listed : undefined;
}

function tokensOf(pointer: Pointer, where: string): readonly string[] {
  if (pointer.startsWith("/") && pointer.length > 1) {
    const tokens = parsePointer(pointer);
    if (tokens.length > MAX_DEPTH)
      throw new TrueUpError("LIMIT", `${where}: a JSON Pointer of over ${MAX_DEPTH} tokens`);
    return tokens;
  }
  throw new TrueUpError("INVALID", `${where}: not a JSON Pointer to a field: ${JSON.stringify(pointer)}`);
}

/** What the named managers wrote, by the `metadata.managedFields` of a live object; undefined where they wrote nothing. */
export function managedBy(live: Manifest, managers: ReadonlySet<string>): Mask | undefined {
  const entries = fieldOf(live.metadata, "managedFields");
  let written: Mask | undefined;
  for (const entry of managers.size > 0 && Array.isArray(entries) ? (entries as readonly Json[]) : []) {
    if (!isObject(entry) || !isObject(entry.fieldsV1) || typeof entry.manager !== "string") continue;
    if (!managers.has(entry.manager)) continue;
    const mask = maskFromFieldsV1(entry.fieldsV1);
    written = written === undefined ? mask : mergeMasks(written, mask);
  }
  return written;
}

export interface IgnoreOptions {
  readonly rules: readonly IgnoreRule[];
  /** The live object: it says which manager wrote what. */
  readonly manifest: Manifest;
  /** The declared one, where both are to be compared: its annotation counts and its indexes. Default: `manifest`. */
  readonly declared?: Manifest | undefined;
  /** `Live.yielded`: is left alone too. */
  readonly yielded?: Mask | undefined;
}

/**
 * A mask less what is left alone of the object: drift is only what is left. The same mask where nothing is.
 * A mask that covers a whole is spelled out for what is there, so it holds for `manifest` and `declared` only.
 */
export function withoutIgnored(mask: Mask, { rules, manifest, declared = manifest, yielded }: IgnoreOptions): Mask {
  // As with most objects.
  if (rules.length === 0 && yielded === undefined && annotated(declared) === undefined) return mask;
  const { pointers, managers } = ignoredOf(declared, rules);
  const values = declared === manifest ? [manifest] : [declared, manifest];
  let left: Mask | undefined = mask;
  for (const tokens of pointers) left &&= withoutPath(left, tokens, values, []);
  for (const other of [managedBy(manifest, managers), yielded]) {
    if (other !== undefined) left &&= subtract(left, other, values, 0);
  }
  return left ?? { fields: {} };
}

function withoutPath(
  mask: Mask,
  tokens: readonly string[],
  values: readonly Json[],
  path: readonly string[],
): Mask | undefined {
  const [token, ...rest] = tokens;
  if (token === undefined) return undefined;
  const lists = values.filter(isList);
  if (mask === true) {
    if (lists.length === 0 && !values.some(isObject)) return mask;
    // A list without a key cannot be told apart by item: it is left alone as a whole.
    const opened = openMask(values, listKeysOf(path, lists));
    return opened && withoutPath(opened, tokens, values, path);
  }
  const at = lists[0]?.[Number(token)];
  return mapMask(mask, values, {
    field: (name, mine, below) =>
      token === "*" || token === name ? withoutPath(mine, rest, below, [...path, name]) : mine,
    item: (item, below) => {
      const fields = Object.keys(item.key);
      const meant = token === "*" || (at !== undefined && itemKey(at, fields) === itemKey(item.key, fields));
      return meant ? withoutPath(item.mask, rest, below(), path) : item.mask;
    },
    member: (member) => token !== "*" && member !== at,
  });
}

/**
 * The object without what is left alone of it: for both sides of a comparison, and for a server-side apply, which
 * must not send it. `live` says who wrote what; default: the object itself.
 */
export function applyIgnores(
  manifest: Manifest,
  {
    rules,
    live = manifest,
    declared = manifest,
  }: { rules: readonly IgnoreRule[]; live?: Manifest; declared?: Manifest },
): Manifest {
  const { pointers, managers } = ignoredOf(declared, rules);
  let left: Json | undefined = manifest;
  for (const tokens of pointers) left = withoutTokens(left, tokens);
  const written = managedBy(live, managers);
  if (written !== undefined) left = omit(left, written);
  return left as Manifest;
}

function withoutTokens(value: Json | undefined, [token, ...rest]: readonly string[]): Json | undefined {
  if (token === undefined) return undefined;
  const meant = (name: string): boolean => token === "*" || token === name;
  if (Array.isArray(value)) {
    return value.flatMap((item: Json, i) => {
      const left = meant(String(i)) ? withoutTokens(item, rest) : item;
      return left === undefined ? [] : [left];
    });
  }
  if (!isObject(value)) return value;
  const fields = Object.entries(value).map(([name, field]) => [name, meant(name) ? withoutTokens(field, rest) : field]);
  return Object.fromEntries(fields.filter(([, field]) => field !== undefined));
}

/**
 * The declared object with the live value wherever it is left alone: for targets that write whole objects.
 * Items of lists are paired by their key, else by position; items and fields that only one side has are left as
 * declared, but for the field itself, which goes or comes as it is live.
 */
export function keepIgnored(desired: Manifest, live: Manifest, rules: readonly IgnoreRule[]): Manifest {
  const { pointers } = ignoredOf(desired, rules);
  let kept: Json | undefined = desired;
  for (const tokens of pointers) kept = keepAt(kept, live, tokens, []);
  return kept as Manifest;
}

function keepAt(
  desired: Json | undefined,
  live: Json | undefined,
  [token, ...rest]: readonly string[],
  path: readonly string[],
): Json | undefined {
  if (token === undefined) return live;
  if (Array.isArray(desired)) {
    if (!Array.isArray(live)) return desired;
    const other = counterparts(desired, live, path);
    return desired.map((item: Json, i) => {
      const counterpart = token === "*" || token === String(i) ? other(item, i) : undefined;
      return counterpart === undefined ? item : (keepAt(item, counterpart, rest, path) ?? item);
    });
  }
  if (desired !== undefined && !isObject(desired)) return desired;
  const mine = new Map(Object.entries(desired ?? {}));
  const names = token === "*" ? new Set([...mine.keys(), ...(isObject(live) ? Object.keys(live) : [])]) : [token];
  for (const name of names) {
    const kept = keepAt(mine.get(name), isObject(live) ? fieldOf(live, name) : undefined, rest, [...path, name]);
    if (kept === undefined) mine.delete(name);
    else mine.set(name, kept);
  }
  return desired === undefined && mine.size === 0 ? undefined : Object.fromEntries(mine);
}

function counterparts(
  desired: readonly Json[],
  live: readonly Json[],
  path: readonly string[],
): (item: Json, index: number) => Json | undefined {
  const keys = listKeysOf(path, [desired, live]);
  if (keys === undefined) return (_item, index) => live[index];
  const byKey = new Map(live.map((item) => [itemKey(item, keys), item]));
  return (item) => byKey.get(itemKey(item, keys));
}
