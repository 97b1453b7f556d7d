import type { JsonObject } from "@trueup/spec";

/** Reads like the `ApplicationSpec` of @trueup/spec, which says what each field means. */
const text: JsonObject = { type: "string", minLength: 1 };
const texts: JsonObject = { type: "array", items: text };
const flag: JsonObject = { type: "boolean" };
const count: JsonObject = { type: "integer", minimum: 0 };
const atLeastOne: JsonObject = { type: "integer", minimum: 1 };
const pointer: JsonObject = { type: "string", pattern: "^(/([^~/]|~[01])*)*$" };

/** A map with these fields and no others. */
const map = (properties: JsonObject, required: readonly string[] = []): JsonObject => ({
  type: "object",
  additionalProperties: false,
  properties,
  ...(required.length > 0 && { required }),
});

const selector = map({ group: { type: "string" }, kind: text, namespace: { type: "string" }, name: text });
const impersonation = map({ user: text, groups: texts }, ["user"]);
const hook = map(
  {
    phase: { enum: ["pre-sync", "post-sync", "sync-fail", "pre-delete", "post-delete"] },
    run: text,
    wave: { type: "integer" },
    timeoutMs: atLeastOne,
    retries: count,
    retryDelayMs: count,
  },
  ["phase", "run"],
);
/** 1 to 253 characters. */
const name: JsonObject = { type: "string", pattern: "^[A-Za-z0-9._/-]{1,253}$" };

export const applicationSpecSchema: JsonObject = {
  ...map(
    {
      source: text,
      project: text,
      path: { type: "string" },
      renderer: text,
      parameters: { type: "object" },
      transforms: texts,
      target: text,
      routes: {
        type: "array",
        minItems: 1,
        items: map({ target: text, match: selector, as: impersonation }, ["target"]),
      },
      as: impersonation,
      namespace: text,
      mode: { enum: ["auto", "observe", "approve"] },
      selfHeal: flag,
      windows: {
        type: "array",
        items: map(
          {
            kind: { enum: ["allow", "deny"] },
            schedule: text,
            durationMs: { type: "integer", minimum: 60_000 },
            timeZone: text,
            manual: flag,
            match: selector,
          },
          ["kind", "schedule", "durationMs"],
        ),
      },
      policies: { type: "array", items: map({ policy: text, parameters: { type: "object" } }, ["policy"]) },
      prune: map({
        enabled: flag,
        allowEmpty: flag,
        limit: { anyOf: [count, { type: "string", pattern: "^[0-9]+(\\.[0-9]+)?%$" }] },
        protect: { type: "array", items: selector },
      }),
      adopt: { enum: ["never", "if-unowned", "always"] },
      ignore: {
        type: "array",
        items: map({ match: selector, pointers: { type: "array", items: pointer }, managers: texts }),
      },
      dependsOn: {
        type: "array",
        items: map({ application: name, condition: { enum: ["healthy", "same-revision"] } }, ["application"]),
      },
      retry: map({ limit: count, delayMs: count, factor: { type: "number", minimum: 1 }, maxDelayMs: count }),
      onFailure: { type: "string", minLength: 1 },
      observeEveryMs: atLeastOne,
      healthTimeoutMs: atLeastOne,
      hooks: { type: "array", items: hook },
      soakMs: count,
      concurrency: atLeastOne,
      allowLookup: flag,
      references: flag,
      exports: {
        type: "object",
        propertyNames: { pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$" },
        additionalProperties: map({ object: text, pointer, target: text }, ["object", "pointer"]),
      },
      formerly: { type: "array", items: name },
      onRemoval: { enum: ["delete", "orphan"] },
      suspended: flag,
    },
    ["source"],
  ),
  oneOf: [{ required: ["target"] }, { required: ["routes"] }],
};

/** JSON Schema (draft 7) of a `trueup.dev/v1` `Application` as it stands in Git: its `spec` is an `ApplicationSpec`. */
export const applicationSchema: JsonObject = {
  type: "object",
  additionalProperties: false,
  required: ["apiVersion", "kind", "metadata", "spec"],
  properties: {
    apiVersion: { const: "trueup.dev/v1" },
    kind: { const: "Application" },
    metadata: { type: "object", required: ["name"], properties: { name } },
    spec: applicationSpecSchema,
    // What a target may have written there is not ours to declare, and does no harm.
    status: {},
  },
};
