import type { Ref } from "./identity.ts";
import type { Json, JsonPatch } from "./json.ts";
import type { Finding, Origin } from "./manifest.ts";
import type { Revision } from "./source.ts";

/** One of the two that are compared. */
export interface ComparedSide {
  /** For people: an application's name, a path. */
  readonly name: string;
  readonly revision?: Revision;
  /** Below the source's root; `""` is the root. */
  readonly path: string;
  /** How many objects it renders to. */
  readonly objects: number;
}

/** An object as one side declares it. */
export interface ComparedObject {
  readonly ref: Ref;
  readonly origin: Origin;
  /** Less what is expected to differ; sensitive leaves redacted, equal ones alike on both sides. */
  readonly value: Json;
}

/** Objects that one side has and the other has not, or that differ. */
export type Difference =
  | { readonly status: "only-a"; readonly a: ComparedObject }
  | { readonly status: "only-b"; readonly b: ComparedObject }
  | {
      readonly status: "differs";
      readonly a: ComparedObject;
      readonly b: ComparedObject;
      /** From a's value to b's. Lists with a key are compared by it. */
      readonly patch: JsonPatch;
    };

/** Two applications, environments or revisions side by side: a value in JSON, for people and machines; holds no secret. */
export interface Comparison {
  readonly a: ComparedSide;
  readonly b: ComparedSide;
  /** What only a has, what only b has, what differs; each by kind, namespace and name. */
  readonly differences: readonly Difference[];
  /** Objects that are alike on both sides. */
  readonly alike: number;
  /** What the renderers warned of, each once. */
  readonly warnings: readonly Finding[];
}
