import type { Case } from "./case.ts";
import { durableCases } from "./store-durable-cases.ts";
import type { StoreHarness } from "./store-harness.ts";
import { historyCases } from "./store-history-cases.ts";
import { leaseCases } from "./store-lease-cases.ts";
import { ownershipCases } from "./store-ownership-cases.ts";
import { pruneCases } from "./store-prune-cases.ts";
import { recordCases } from "./store-record-cases.ts";
import { settingsCases } from "./store-settings-cases.ts";

/** The contract of a `Store`, rule by rule. */
export function storeCases(harness: StoreHarness): readonly Case[] {
  return [
    ...leaseCases(harness),
    ...recordCases(harness),
    ...ownershipCases(harness),
    ...historyCases(harness),
    ...(harness.prunes === true ? pruneCases(harness) : []),
    ...settingsCases(harness),
    ...(harness.durable === true ? durableCases(harness) : []),
  ];
}
