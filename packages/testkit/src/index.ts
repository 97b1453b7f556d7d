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
export { failing, garbage, hanging, lostAnswer, slow } from "./faults.ts";
export type { When } from "./faults.ts";
export { intercept } from "./intercept.ts";
export type { Call, Interceptor } from "./intercept.ts";
export { killAt, runToKill } from "./crash.ts";
export type { ChildOptions, KillPoint } from "./crash.ts";
export type { Case } from "./case.ts";
export { storeCases } from "./store-cases.ts";
export type { StoreHarness, StorePlace } from "./store-harness.ts";
export { gitServer, gitServerMissing, runGit } from "./git-server.ts";
export type { GitServer, GitServerFault, GitServerOptions, GitServerRequest } from "./git-server.ts";
export { bareRepository, repository } from "./git-repository.ts";
export type { CommitOptions, Files, TestRepository } from "./git-repository.ts";
export { sourceCases } from "./source-cases.ts";
export type { SourceFiles, SourceHarness, SourcePlace } from "./source-cases.ts";
export { queueCases } from "./queue-cases.ts";
export type { QueueHarness } from "./queue-harness.ts";
export { memorySource } from "./memory-source.ts";
export { memoryTree } from "./memory-tree.ts";
export type { MemorySource, MemorySourceOptions, SourceFileMap } from "./memory-source.ts";
export { targetCases } from "./target-cases.ts";
export type { TargetAbilities, TargetHarness, TargetPlace } from "./target-harness.ts";
export { rendererCases } from "./renderer-cases.ts";
export type { RendererHarness } from "./renderer-cases.ts";
