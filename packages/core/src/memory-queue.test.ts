import { queueCases } from "@trueup/testkit";
import { describe, it } from "vitest";
import { memoryQueue } from "./memory-queue.ts";

describe("conformance", () => {
  for (const { name, run } of queueCases({ create: async (options) => memoryQueue(options) })) it(name, run);
});
