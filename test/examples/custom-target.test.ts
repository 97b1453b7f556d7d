import type { Manifest } from "@trueup/spec";
import { targetCases } from "@trueup/testkit";
import { describe, it } from "vitest";
import { inMemory } from "../../examples/custom-target/in-memory.ts";
import { rates, type Rate } from "../../examples/custom-target/rates.ts";

const rate = (name: string, spec: Record<string, number>): Manifest => ({
  apiVersion: "rates.example.org/v1",
  kind: "Rate",
  metadata: { name },
  spec,
});

describe("the custom target of the examples", () => {
  const cases = targetCases({
    create() {
      const api = inMemory();
      return {
        target: rates({ api }),
        readRaw: ({ name }) => (api.all.has(name) ? rate(name, { ...api.all.get(name) }) : undefined),
        writeRaw: ({ metadata, spec }) => void api.all.set(metadata.name, spec as unknown as Rate),
        removeRaw: ({ name }) => void api.all.delete(name),
      };
    },
    sample: (name) => rate(name, { rate: 1, spread: 0.1 }),
    change: ({ metadata }) => rate(metadata.name, { rate: 2 }),
    dropped: "/spec/spread",
    does: { uids: false },
  });
  for (const { name, run } of cases) it(name, run);
});
