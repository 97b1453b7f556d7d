import { canonicalJson, isObject, type Json, type JsonObject, type Manifest } from "@trueup/spec";
import type { ManagerConflict } from "../api/failure.ts";
import { isOwnEntry, managedFieldsOf } from "../target/managed-fields.ts";

/**
 * The conflicts that an apply of `body` without force would be answered with: fields that another manager holds, and that
 * would get another value than `live` has, as the server names them. Undefined where only the server can tell: a manager
 * wrote in another version, or a list's item is named by a key that is filled in.
 */
export function foreseeConflicts(
  live: Manifest,
  body: Manifest,
  fieldManager: string,
): readonly ManagerConflict[] | undefined {
  const conflicts: ManagerConflict[] = [];
  for (const entry of managedFieldsOf(live)) {
    if (isOwnEntry(entry, fieldManager)) continue;
    const { manager = "", subresource, apiVersion, fieldsV1 } = entry;
    if (apiVersion !== body.apiVersion || fieldsV1 === undefined) return undefined;
    const changed = changedFields(fieldsV1, live, body, "");
    if (changed === undefined) return undefined;
    for (const field of changed) conflicts.push({ manager, field, ...(subresource && { subresource }) });
  }
  return conflicts;
}

/** Fields among these that stand otherwise than they are wanted; what is not wanted at all is nobody's concern. */
function changedFields(fields: JsonObject, live: Json, body: Json, path: string): readonly string[] | undefined {
  const changed: string[] = [];
  for (const [entry, below] of Object.entries(fields)) {
    // That it is there; and members of a set, which are as they are.
    if (entry === "." || entry.startsWith("v:")) continue;
    const at = entry.startsWith("f:") ? fieldAt(entry.slice(2), live, body) : itemAt(entry, live, body);
    if (at === undefined) return undefined;
    if (at.wanted === undefined) continue;
    const name = `${path}${at.step}`;
    if (isObject(below) && Object.keys(below).length > 0) {
      const deeper = at.stands === undefined ? undefined : changedFields(below, at.stands, at.wanted, name);
      if (deeper === undefined) return undefined;
      changed.push(...deeper);
    } else if (canonicalJson(at.stands ?? null) !== canonicalJson(at.wanted)) changed.push(name);
  }
  return changed;
}

interface At {
  readonly step: string;
  readonly stands: Json | undefined;
  readonly wanted: Json | undefined;
}

function fieldAt(name: string, live: Json, body: Json): At | undefined {
  const valueIn = (value: Json): Json | undefined =>
    isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return { step: `.${name}`, stands: valueIn(live), wanted: valueIn(body) };
}

/** Undefined where the item cannot be told: its key is an index, or holds what the body leaves to the server. */
function itemAt(entry: string, live: Json, body: Json): At | undefined {
  const key = entry.startsWith("k:") ? parse(entry.slice(2)) : undefined;
  if (!isObject(key)) return undefined;
  const wantedKey = Object.entries(key);
  const has = (item: Json): boolean => isObject(item) && wantedKey.every(([name, value]) => item[name] === value);
  const isPartial = (item: Json): boolean => !isObject(item) || wantedKey.some(([name]) => item[name] === undefined);
  const [there, wanted] = [live, body].map((list) => (Array.isArray(list) ? (list as readonly Json[]) : []));
  if (wanted?.some(isPartial) === true) return undefined;
  const step = `[${wantedKey.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(",")}]`;
  return { step, stands: there?.find(has), wanted: wanted?.find(has) };
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
