export { metrics } from "./metrics.ts";
export type { MetricsOptions, ObservedController } from "./metrics.ts";
export { spans } from "./spans.ts";
export type { SpansOptions } from "./spans.ts";
