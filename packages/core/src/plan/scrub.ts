import { parsePointer, TrueUpError, type Declared, type Json } from "@trueup/spec";
import { sensitivePointers } from "@trueup/diff";

/** Shorter ones would take ordinary words out of a message. */
const SHORTEST = 4;

/** The error with no secret of the object in its message: servers repeat what they refuse. */
export function scrubbed(error: TrueUpError, declared: Declared | undefined): TrueUpError {
  if (declared === undefined) return error;
  const secrets = new Set<string>();
  for (const pointer of [...(declared.sensitive ?? []), ...sensitivePointers(declared.manifest)]) {
    collect(declared.manifest, parsePointer(pointer), secrets);
  }
  // The longest first: one may hold another.
  const found = [...secrets].filter((secret) => error.message.includes(secret)).toSorted((a, b) => b.length - a.length);
  if (found.length === 0) return error;
  const message = found.reduce((text, secret) => text.replaceAll(secret, "(sensitive)"), error.message);
  const { code, retryable, retryAfterMs, key, origin } = error;
  return new TrueUpError(code, message, {
    retryable,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(key !== undefined && { key }),
    ...(origin && { origin }),
  });
}

function collect(value: Json | undefined, [token, ...rest]: readonly string[], into: Set<string>): void {
  if (typeof value === "object" && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      if (token === undefined || token === "*" || token === name) collect(member, rest, into);
    }
  } else if (token === undefined && value !== undefined && value !== null && String(value).length >= SHORTEST) {
    into.add(String(value));
  }
}
