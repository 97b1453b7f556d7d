export { memoryTarget } from "./memory-target.ts";
export type {
  Latency,
  MemoryCalls,
  MemoryMethod,
  MemoryTarget,
  MemoryTargetOptions,
  ObjectName,
} from "./memory-target.ts";
export type { Edit, EditableJson, EditableManifest, EditableObject } from "./edit.ts";
