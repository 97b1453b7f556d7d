import type { JsonObject } from "./json.ts";
import type { Declared } from "./manifest.ts";

export interface TransformContext {
  readonly application: string;
  readonly namespace?: string;
  readonly parameters: JsonObject;
  readonly signal: AbortSignal;
}

/** What a transform answers for an object: digest, and the note that it passed through, are the core's. */
export type Transformed = Pick<Declared, "manifest" | "origin"> & Partial<Declared>;

/**
 * A step after the renderer: takes all objects, answers those that are declared in their place. Pure. What it is given is
 * frozen: an object that changes is a new one, `{ ...declared, manifest: { … } }`.
 */
export interface Transform {
  (objects: readonly Declared[], context: TransformContext): readonly Transformed[] | Promise<readonly Transformed[]>;
  /** Part of the render's key, with its name: change it when the same objects become others. */
  readonly version?: string;
}
