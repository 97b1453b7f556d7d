import type { Resources } from "../resources.ts";

/** One step of a build: changes the resources in place. */
export type Transformer = (resources: Resources) => void;
