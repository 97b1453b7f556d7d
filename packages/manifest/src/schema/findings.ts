import type { ErrorObject } from "ajv";
import { formatPointer, type Pointer } from "@trueup/spec";

/** What a schema found at a field. Never holds the field's value: it may be a secret. */
export interface SchemaFinding {
  readonly field: Pointer;
  readonly reason: string;
}

/** More than these of one object help nobody. */
const MAX_FINDINGS = 50;

/** ajv's errors in words, one per thing that is wrong: branches of anyOf and its like are summed up in one. */
export function findingsOf(errors: readonly ErrorObject[]): SchemaFinding[] {
  const choices = errors.filter(({ keyword }) => keyword === "anyOf" || keyword === "oneOf");
  const within = (error: ErrorObject, choice: ErrorObject): boolean =>
    error !== choice && error.schemaPath.startsWith(`${choice.schemaPath}/`);
  const findings = errors
    .filter((error) => !choices.some((choice) => within(error, choice)))
    // `if` only says that `then` or `else` failed, which stands there for itself.
    .filter(({ keyword }) => keyword !== "if")
    .map((error) =>
      describe(
        error,
        errors.filter((other) => within(other, error)),
      ),
    );
  const distinct = new Map(findings.map((finding) => [`${finding.field}\n${finding.reason}`, finding]));
  return [...distinct.values()].slice(0, MAX_FINDINGS);
}

function describe(error: ErrorObject, branches: readonly ErrorObject[]): SchemaFinding {
  const { instancePath: field, keyword, params, message = "is not valid" } = error;
  switch (keyword) {
    case "required":
      return { field: field + formatPointer([params["missingProperty"] as string]), reason: "is missing" };
    case "additionalProperties":
    case "unevaluatedProperties": {
      const name = (params["additionalProperty"] ?? params["unevaluatedProperty"]) as string;
      return { field: field + formatPointer([name]), reason: "is not a field that is known here" };
    }
    case "enum":
      return {
        field,
        reason: `must be one of ${withoutNull(params["allowedValues"] as unknown[])
          .map((value) => JSON.stringify(value))
          .join(", ")}`,
      };
    case "const":
      return { field, reason: `must be ${JSON.stringify(params["allowedValue"])}` };
    case "type":
      return { field, reason: `must be ${withoutNull([params["type"]].flat() as string[], "null").join(" or ")}` };
    case "anyOf":
    case "oneOf":
      return { field, reason: describeChoice(error, branches) };
    default:
      return { field, reason: message };
  }
}

/** That a null would do too is no advice. */
function withoutNull<T>(values: readonly T[], nothing: unknown = null): readonly T[] {
  const others = values.filter((value) => value !== nothing);
  return others.length > 0 ? others : values;
}

function describeChoice(choice: ErrorObject, branches: readonly ErrorObject[]): string {
  const fields = alternatives(choice.schema);
  const several = branches.length === 0;
  if (fields !== undefined) {
    const exactly = choice.keyword === "oneOf" ? "exactly one" : "at least one";
    return `${exactly} of ${fields.join(", ")} must be given${several ? "" : ", none is"}`;
  }
  if (several) return "must match exactly one of the forms that the schema allows, matches several";
  const reasons = branches.slice(0, 5).map((branch) => {
    const { field, reason } = describe(branch, []);
    return field === choice.instancePath ? reason : `${field.slice(choice.instancePath.length)} ${reason}`;
  });
  return `matches none of the forms that the schema allows: ${[...new Set(reasons)].join("; ")}`;
}

/** The fields where each form only asks for fields: `oneOf: [{ required: [target] }, { required: [routes] }]`. */
function alternatives(forms: unknown): string[] | undefined {
  if (!Array.isArray(forms)) return undefined;
  const fields: string[] = [];
  for (const form of forms as unknown[]) {
    const keys = typeof form === "object" && form !== null ? Object.keys(form) : [];
    const { required } = (form ?? {}) as { required?: unknown };
    if (keys.length !== 1 || !Array.isArray(required)) return undefined;
    fields.push((required as string[]).join(" and "));
  }
  return fields;
}
