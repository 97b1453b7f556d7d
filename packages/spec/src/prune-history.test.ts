import { expect, it } from "vitest";
import { checkPrune } from "./prune-history.ts";

it("a moment and a count, either or none", () => {
  for (const options of [{}, { historyBefore: 0 }, { historyKeep: 1 }, { historyBefore: -1, historyKeep: 1_000 }])
    expect(() => checkPrune(options)).not.toThrow();
});

it("anything else is refused, by name", () => {
  const refused = (message: string) => expect.objectContaining({ code: "INVALID", message });
  for (const historyKeep of [0, -1, 1.5, Number.NaN, Infinity]) {
    expect(() => checkPrune({ historyKeep })).toThrow(
      refused(`prune: historyKeep must be a whole number from 1, not ${historyKeep}`),
    );
  }
  for (const historyBefore of [Number.NaN, Infinity]) {
    expect(() => checkPrune({ historyBefore })).toThrow(
      refused(`prune: historyBefore must be milliseconds since the epoch, not ${historyBefore}`),
    );
  }
});
