import { TrueUpError, type Json, type JsonObject } from "@trueup/spec";

const wrong = (name: string, wanted: string): TrueUpError =>
  new TrueUpError("INVALID", `parameters/${name}: ${wanted} is wanted`);

/** Parameter `severity` of every ready-made policy: `deny` (the default) or `warn`. */
export function severityOf({ severity = "deny" }: JsonObject): "warn" | "deny" {
  if (severity === "warn" || severity === "deny") return severity;
  throw wrong("severity", "warn or deny");
}

/** A list of texts. */
export function textsOf(parameters: JsonObject, name: string, otherwise?: readonly string[]): readonly string[] {
  const value: Json | undefined = parameters[name];
  if (value === undefined && otherwise !== undefined) return otherwise;
  if (Array.isArray(value) && value.every((item): item is string => typeof item === "string" && item !== "")) {
    return value;
  }
  throw wrong(name, "a list of texts");
}

export function countOf(parameters: JsonObject, name: string): number {
  const value = parameters[name];
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  throw wrong(name, "a whole number from 0");
}

export function flagOf(parameters: JsonObject, name: string): boolean {
  const value = parameters[name] ?? false;
  if (typeof value === "boolean") return value;
  throw wrong(name, "true or false");
}
