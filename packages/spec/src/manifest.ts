import type { Json, Pointer } from "./json.ts";
import type { Tree } from "./source.ts";

export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly [field: string]: Json | undefined;
}

/** A declared or live object: Kubernetes objects as they are; every other target uses the same envelope. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly [field: string]: Json | undefined;
}

/** Where a declared object comes from. `document` counts from 1, `line` from 1. */
export interface Origin {
  readonly file: string;
  readonly document?: number;
  readonly line?: number;
  /** JSON Pointer of the field an error is about. */
  readonly field?: Pointer;
  /** The renderers or kustomizations it passed through, innermost first. */
  readonly through?: readonly string[];
}

/** `deploy/web.yaml:12`; the document is named where there is more than one and no line. */
export function formatOrigin(origin: Origin): string {
  if (origin.line !== undefined) return `${origin.file}:${origin.line}`;
  return origin.document === undefined || origin.document === 1
    ? origin.file
    : `${origin.file} (document ${origin.document})`;
}

export interface Declared {
  readonly manifest: Manifest;
  readonly origin: Origin;
  /** `digestOf(manifest)`. */
  readonly digest: string;
  /** Leaves that must never be shown or stored in plain text. Secrets' `data` and `stringData` are always taken as such. */
  readonly sensitive?: readonly Pointer[];
  /**
   * For a manifest that stands for a folder: a Terraform stack, a site. `tree` reaches as far as what stands in the folder
   * refers to (`../modules`), and can be read during the run only. `digest` covers all that is read, and no more: it alone
   * says whether the folder changed. Default: that of `tree`.
   */
  readonly content?: { readonly tree: Tree; readonly path: string; readonly digest?: string };
}

export interface Live {
  readonly manifest: Manifest;
  readonly uid?: string;
  /** The target's own version of the object, for preconditions. */
  readonly version?: string;
  readonly sensitive?: readonly Pointer[];
  /** Ours, but since written through a subresource: an autoscaler at work. Not healed. */
  readonly yielded?: Mask;
}

/**
 * Which part of an object is ours. `true` is the whole value at that place (a scalar, an atomic list, an empty map).
 * `fields` are members of a map, `items` list items found by the key they hold, `members` the members of a set of scalars.
 * Written in JSON, so that it can be stored.
 */
export type Mask =
  | true
  | {
      readonly fields?: Readonly<Record<string, Mask>>;
      readonly items?: readonly MaskItem[];
      readonly members?: readonly Json[];
    };

export interface MaskItem {
  /** The fields that find the item, with their values: `{ "name": "web" }`. */
  readonly key: Readonly<Record<string, Json>>;
  readonly mask: Mask;
}

export type HealthStatus = "healthy" | "progressing" | "degraded" | "suspended" | "missing" | "unknown";

export interface Health {
  readonly status: HealthStatus;
  /** One word, as a Kubernetes condition's reason. */
  readonly reason?: string;
  readonly message?: string;
}

/** A finding of a renderer, a schema or a policy. Errors stop a run, warnings do not. */
export interface Finding {
  readonly severity: "warning" | "error";
  /** Who says so: the policy's or the renderer's name. */
  readonly rule?: string;
  readonly message: string;
  readonly origin?: Origin;
}
