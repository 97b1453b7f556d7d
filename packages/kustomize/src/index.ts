export { build, KUSTOMIZE_VERSION } from "./build.ts";
export type { Built } from "./build.ts";
export { kustomize } from "./renderer.ts";
export type {
  BuildOptions,
  HelmRenderer,
  HelmRequest,
  KustomizeOptions,
  PluginRequest,
  PluginRunner,
  RemoteFetcher,
} from "./options.ts";
export { DEFAULT_LIMITS } from "./limits.ts";
export type { BuildLimits } from "./limits.ts";
export { parseRemote } from "./remote.ts";
export type { RemoteReference } from "./remote.ts";
export { mergeYaml } from "./merge/merge-yaml.ts";
