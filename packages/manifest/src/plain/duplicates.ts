import { formatOrigin, formatRef, refOf, TrueUpError, type Declared } from "@trueup/spec";

/** One error for every object whose group, kind, namespace and name another one before it has; it names both places. */
export function duplicates(declared: readonly Declared[]): TrueUpError[] {
  const errors: TrueUpError[] = [];
  const first = new Map<string, Declared>();
  for (const object of declared) {
    const ref = refOf(object.manifest, "");
    const identity = JSON.stringify([ref.group, ref.kind, ref.namespace, ref.name]);
    const twin = first.get(identity);
    if (twin === undefined) {
      first.set(identity, object);
      continue;
    }
    const { origin } = object;
    const message = `${formatOrigin(origin)}: ${formatRef(ref)} is declared already at ${formatOrigin(twin.origin)}`;
    errors.push(new TrueUpError("INVALID", message, { origin }));
  }
  return errors;
}
