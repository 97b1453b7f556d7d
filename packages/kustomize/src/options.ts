import type { CallOptions, Json, JsonObject, RenderCache, Tree } from "@trueup/spec";
import type { BuildLimits } from "./limits.ts";
import type { RemoteReference } from "./remote.ts";

/**
 * Fetches what stands outside the tree: the tree of a repository's root at the reference, or the bytes of a file from the web
 * (`reference` is undefined where the address is no repository's).
 */
export type RemoteFetcher = (
  url: string,
  reference: RemoteReference | undefined,
  options: CallOptions,
) => Promise<{ readonly tree: Tree } | { readonly bytes: Uint8Array }>;

/** A chart of `helmCharts`, with its values already merged as the kustomization says. */
export interface HelmRequest {
  readonly tree: Tree;
  /** Directory of the chart below the tree, where it is there. */
  readonly chart?: string;
  readonly name: string;
  readonly version?: string;
  readonly repo?: string;
  readonly releaseName?: string;
  readonly nameTemplate?: string;
  readonly namespace?: string;
  /** In the order Helm takes them: later ones win. */
  readonly values: readonly JsonObject[];
  readonly includeCrds: boolean;
  readonly skipHooks: boolean;
  readonly skipTests: boolean;
  readonly apiVersions: readonly string[];
  readonly kubeVersion?: string;
  readonly devel: boolean;
}

/** Renders a chart to YAML, as `helm template` prints it. */
export type HelmRenderer = (request: HelmRequest, options: CallOptions) => Promise<string>;

/** A KRM function, an exec or a Go plug-in that a kustomization asks for. */
export interface PluginRequest {
  readonly role: "generator" | "transformer" | "validator";
  /** The plug-in's own object. */
  readonly config: JsonObject;
  /** The file that holds it. */
  readonly file: string;
  /** What it changes; nothing for a generator. */
  readonly items: readonly Json[];
}

/** Runs a plug-in: answers with the resources that a generator makes, or with all that a transformer leaves. */
export type PluginRunner = (request: PluginRequest, options: CallOptions) => Promise<readonly Json[]>;

export interface KustomizeOptions {
  /** Remote bases and files. Default: they are refused (`UNSUPPORTED`). */
  readonly remote?: RemoteFetcher;
  /** For `helmCharts`. Default: they are refused (`UNSUPPORTED`). */
  readonly helm?: HelmRenderer;
  /** KRM functions, exec and Go plug-ins. Default: they are refused (`UNSUPPORTED`). */
  readonly plugins?: PluginRunner;
  /** `root`, the default: files must stand in or below the directory of the kustomization that names them. `none`: anywhere in the tree. */
  readonly loadRestrictor?: "root" | "none";
  /** Default `legacy`, as the command has it: namespaces and definitions first, webhooks last. `none`: as they are listed. */
  readonly order?: "legacy" | "none";
  /** Adds the label `app.kubernetes.io/managed-by: kustomize-<version>`. Default false. */
  readonly managedByLabel?: boolean;
  readonly limits?: Partial<BuildLimits>;
}

export interface BuildOptions extends KustomizeOptions, CallOptions {
  /** Keeps parsed files by their digest between builds. Not used for a confidential tree. */
  readonly cache?: RenderCache;
}
