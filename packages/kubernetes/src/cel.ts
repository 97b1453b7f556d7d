export { celCheck } from "./health/cel.ts";
export type { CelCheckOptions } from "./health/cel.ts";
