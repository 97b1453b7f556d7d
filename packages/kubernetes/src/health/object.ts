import { isObject, type Health, type HealthStatus, type Json, type JsonObject, type Manifest } from "@trueup/spec";

/** Reads of fields that an object need not have: a value of another shape counts as absent. */
export function at(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  let found = value;
  for (const name of path) found = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
  return found;
}

export const textAt = (value: Json | undefined, ...path: readonly string[]): string => {
  const found = at(value, ...path);
  return typeof found === "string" ? found : "";
};

export function numberAt(value: Json | undefined, ...path: readonly string[]): number | undefined {
  const found = at(value, ...path);
  return typeof found === "number" ? found : undefined;
}

export const listAt = (value: Json | undefined, ...path: readonly string[]): readonly JsonObject[] => {
  const found = at(value, ...path);
  return Array.isArray(found) ? (found as readonly Json[]).filter((item) => isObject(item)) : [];
};

/** A manifest as plain JSON. */
export const json = (manifest: Manifest): JsonObject => manifest;

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export const conditionsOf = (object: Json | undefined): readonly Condition[] =>
  listAt(object, "status", "conditions").map((condition) => ({
    type: textAt(condition, "type"),
    status: textAt(condition, "status"),
    reason: textAt(condition, "reason"),
    message: textAt(condition, "message"),
  }));

export const health = (status: HealthStatus, reason = "", message = ""): Health => ({
  status,
  ...(reason !== "" && { reason }),
  ...(message !== "" && { message }),
});

export const byCondition = (status: HealthStatus, { type, reason, message }: Condition): Health =>
  health(status, reason || type, message);
