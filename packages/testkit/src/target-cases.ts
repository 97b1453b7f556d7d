import type { Case } from "./case.ts";
import type { TargetHarness } from "./target-harness.ts";
import { lifeCases } from "./target-life-cases.ts";
import { ownershipCases } from "./target-ownership-cases.ts";
import { readCases } from "./target-read-cases.ts";
import { writeCases } from "./target-write-cases.ts";

/** The contract of a `Target`, rule by rule. */
export function targetCases(harness: TargetHarness): readonly Case[] {
  return [...readCases(harness), ...writeCases(harness), ...ownershipCases(harness), ...lifeCases(harness)];
}
