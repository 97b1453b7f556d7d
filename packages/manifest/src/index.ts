export { emitManifests, emitYaml } from "./emitter/emit.ts";
export { DEFAULT_LIMITS } from "./reader/limits.ts";
export type { Limits } from "./reader/limits.ts";
export { lineOf } from "./reader/lines.ts";
export { parseManifests } from "./reader/manifests.ts";
export type { ParsedFile } from "./reader/manifests.ts";
export type { Dialect } from "./reader/scalars.ts";
export { parseYaml } from "./reader/yaml.ts";
export type { ParsedYaml, ParseOptions, YamlDocument } from "./reader/yaml.ts";
