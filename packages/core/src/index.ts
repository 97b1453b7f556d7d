export { memoryQueue } from "./memory-queue.ts";
export type { MemoryQueueOptions } from "./memory-queue.ts";
export { memoryStore } from "./memory-store.ts";
export { run } from "./run.ts";
export { createController } from "./controller.ts";
