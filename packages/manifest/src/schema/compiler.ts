import type { ErrorObject, FuncKeywordDefinition } from "ajv";
import type { RegExpEngine } from "ajv/dist/types/index.js";
import { digestOf, type Json, type JsonObject } from "@trueup/spec";
import { FORMATS } from "./formats.ts";

/** What is wrong with a value; empty where nothing is. */
export type Validate = (value: Json) => readonly ErrorObject[];

export interface Compiler {
  /** The same schema (by content) is compiled once. Throws what is wrong with the schema. */
  compile(schema: JsonObject): Validate;
}

/** Compiled schemas that are kept: the least recently used goes first. */
const KEPT = 1_000;

let loading: Promise<Compiler> | undefined;

/** ajv and re2js are loaded when the first schema is needed: they take a tenth of a second. */
export function loadCompiler(): Promise<Compiler> {
  return (loading ??= createCompiler());
}

async function createCompiler(): Promise<Compiler> {
  const [{ Ajv }, { Ajv2020 }, { RE2JS }] = await Promise.all([
    import("ajv"),
    import("ajv/dist/2020.js"),
    import("re2js"),
  ]);

  // Patterns come from charts and repositories: only an engine that takes linear time may run them.
  const linear: RegExpEngine = Object.assign(
    (pattern: string) => {
      const compiled = RE2JS.compile(pattern);
      return { test: (text: string) => compiled.matcher(text).find(), toString: () => pattern };
    },
    { code: "RE2JS" },
  );
  const options = {
    allErrors: true,
    // Errors then hold the part of the schema that they are about.
    verbose: true,
    strict: false,
    logger: false as const,
    ownProperties: true,
    addUsedSchema: false,
    formats: FORMATS,
    keywords: [uniqueBy],
    code: { regExp: linear },
  };
  const draft7 = new Ajv(options);
  const draft2020 = new Ajv2020(options);

  const known = new Map<string, Validate>();
  return {
    compile(schema) {
      const digest = digestOf(schema);
      const validate = known.get(digest) ?? compile(schema);
      known.delete(digest);
      known.set(digest, validate);
      if (known.size > KEPT) known.delete(known.keys().next().value as string);
      return validate;
    },
  };

  function compile({ $schema: draft, ...schema }: JsonObject): Validate {
    const ajv = typeof draft === "string" && /20(?:19-09|20-12)/.test(draft) ? draft2020 : draft7;
    try {
      const validate = ajv.compile(schema);
      return (value) => (validate(value) ? [] : (validate.errors ?? []));
    } finally {
      ajv.removeSchema(schema);
    }
  }
}

/** `x-kubernetes-list-map-keys` and `x-kubernetes-list-type: set`: no two items are equal under these fields; none named: as a whole. */
const uniqueBy: FuncKeywordDefinition = {
  keyword: "uniqueBy",
  type: "array",
  schemaType: "array",
  errors: false,
  error: {
    message: ({ schema }) =>
      `must not hold two items with the same ${schema.length === 0 ? "value" : (schema as string[]).join(", ")}`,
  },
  validate: (fields: readonly string[], items: readonly Json[]) => {
    const seen = new Set<string>();
    for (const item of items) {
      const values = fields.map((field) => (item as JsonObject | null)?.[field] ?? null);
      seen.add(digestOf(fields.length === 0 ? item : values));
    }
    return seen.size === items.length;
  },
};
