// The short form of `pnpm model`: the same sequences each time, so that what fails here fails again.
import fc from "fast-check";
import { expect, it } from "vitest";
import { runSequence, type Met } from "./run-sequence.ts";
import { sequences } from "./sequence.ts";

it(
  "whatever happens, what runs comes true to Git again, and nothing else is touched",
  { timeout: 60_000 },
  async () => {
    const met: Met[] = [];
    const property = fc.asyncProperty(sequences, async (sequence) => void met.push(await runSequence(sequence)));
    await fc.assert(property, { numRuns: 60, seed: 1 });
    const total = (field: keyof Met): number => met.reduce((sum, one) => sum + one[field], 0);
    // They do meet something.
    expect(total("interrupted")).toBeGreaterThan(0);
    expect(total("deaths")).toBeGreaterThan(10);
    expect(total("deletes")).toBeGreaterThan(10);
  },
);
