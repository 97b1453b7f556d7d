import { isObject, parsePointer, TrueUpError, type Json, type Manifest, type Pointer } from "@trueup/spec";

/** JSON that may be changed in place. */
export type EditableJson =
  | null
  | boolean
  | number
  | string
  | EditableJson[]
  | { [field: string]: EditableJson | undefined };
export type EditableObject = { [field: string]: EditableJson | undefined };
export type EditableManifest = EditableObject & { metadata: EditableObject };

/**
 * How an object is changed by hand: a function that edits the copy it is given, or answers another object;
 * or JSON Pointers with their new values (`undefined` removes): `{ "/spec/replicas": 3 }`.
 */
export type Edit = ((manifest: EditableManifest) => Manifest | void) | Readonly<Record<Pointer, Json | undefined>>;

/** The object after the edit. Maps on the way to a pointer are made where they are missing. */
export function edited(manifest: Manifest, edit: Edit): Manifest {
  const copy = structuredClone(manifest);
  if (typeof edit === "function") return edit(copy as EditableManifest) ?? copy;
  for (const [pointer, value] of Object.entries(edit)) setField(copy as EditableObject, pointer, value);
  return copy;
}

function setField(root: EditableObject, pointer: Pointer, value: Json | undefined): void {
  const tokens = parsePointer(pointer);
  const last = tokens.pop();
  if (last === undefined)
    throw new TrueUpError("INVALID", "the pointer of an edit names a field, not the whole object");
  let place: EditableJson = root;
  for (const token of tokens) {
    const next: EditableJson | undefined = Array.isArray(place) ? place[Number(token)] : (place[token] ??= {});
    if (!isObject(next) && !Array.isArray(next))
      throw new TrueUpError("INVALID", `no map or list on the way to ${pointer}`);
    place = next;
  }
  if (Array.isArray(place)) place.splice(Number(last), 1, ...(value === undefined ? [] : [value as EditableJson]));
  else if (value === undefined) delete place[last];
  else place[last] = structuredClone(value) as EditableJson;
}
