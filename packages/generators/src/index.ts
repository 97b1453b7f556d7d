export { applications } from "./applications.ts";
export type { ApplicationsOptions, ApplicationTemplate, Fill } from "./applications.ts";
export { directories } from "./directories.ts";
export { files } from "./files.ts";
export type { PathsOptions } from "./globs.ts";
export { list } from "./list.ts";
export { matrix } from "./matrix.ts";
export type { GeneratedValues, ValueGenerator, ValuesInput } from "./value-generator.ts";
