import type { Hook } from "./hook.ts";
import type { Key } from "./identity.ts";
import type { Json, JsonObject } from "./json.ts";
import type { Declared, Finding, Manifest } from "./manifest.ts";
import type { Tree } from "./source.ts";
import type { Capabilities } from "./target.ts";

/**
 * Something the output depends on. The core records these itself, by wrapping the tree and the context: a renderer cannot forget one.
 * `digest` is that of what was found; `"absent"` where there was nothing.
 */
export type Input =
  | { readonly type: "file" | "directory"; readonly path: string; readonly digest: string }
  | { readonly type: "source"; readonly source: string; readonly path: string; readonly digest: string }
  | { readonly type: "capabilities"; readonly target: string; readonly digest: string }
  | { readonly type: "lookup"; readonly key: Key; readonly digest: string }
  /** The clock was read: the output may differ every time. */
  | { readonly type: "clock" };

/** Parsed values by content address. What is put in must be immutable. */
export interface RenderCache {
  get(key: string): unknown;
  set(key: string, value: object): void;
}

export interface RenderContext {
  readonly application: string;
  /** The tree of another source of the controller, at its current revision. Throws `NOT_FOUND`. */
  source(name: string): Promise<Tree>;
  /** What the target can do: API versions, server version. `target` may be left out where the application has one. */
  capabilities(target?: string): Promise<Capabilities>;
  /** A live object, or undefined. Refused (`FORBIDDEN`) unless the application allows it. */
  lookup(key: Key): Promise<Manifest | undefined>;
  /** Milliseconds since the epoch. */
  clock(): number;
  /** Seeded from the controller's key, the application and its inputs: the same render twice gives the same bytes. */
  random(bytes: number): Uint8Array;
  /** Empty and forgetful where the tree is confidential. */
  readonly cache: RenderCache;
}

export interface RenderInput {
  /** The whole tree of the source; reads of it are recorded. */
  readonly tree: Tree;
  /** Where to render, below the tree. */
  readonly path: string;
  readonly parameters: JsonObject;
  readonly context: RenderContext;
  readonly signal?: AbortSignal;
}

export interface Rendered {
  /** Objects that bear a `trueup.dev/hook` annotation may stand among them: the core takes them for hooks. */
  readonly objects: readonly Declared[];
  /** What the renderer itself knows to be hooks. */
  readonly hooks: readonly Hook[];
  readonly warnings: readonly Finding[];
}

/** A pure function from a tree to objects. Throws one `INVALID` error whose `errors` are all that were found. */
export interface Renderer {
  readonly name: string;
  /** Part of the render's key: change it when the same input gives another output. */
  readonly version?: string;
  /** Whether the directory is written for this renderer. `tree` is the directory's own. */
  detects(tree: Tree): Promise<boolean>;
  render(input: RenderInput): Promise<Rendered>;
}

export type Parameters = Readonly<Record<string, Json>>;
