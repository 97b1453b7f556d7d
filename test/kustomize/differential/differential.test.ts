import { expect, it } from "vitest";
import { compare } from "./compare.ts";
import { generateCase } from "./kustomizations.ts";
import { referenceBinary } from "./reference.ts";

const COUNT = 40;

// The short form; `node test/kustomize/differential/main.ts 5000` is the long one.
it("differential: random kustomizations give the reference's bytes", { timeout: 600_000 }, async ({ skip }) => {
  const binary = await referenceBinary().catch((error: unknown) =>
    skip(`the reference cannot be had: ${String(error).slice(0, 200)}`),
  );
  const different: string[] = [];
  for (let seed = 1; seed <= COUNT; seed++) {
    const comparison = await compare(binary, generateCase(seed));
    if (comparison.outcome === "different") different.push(`seed ${seed}: ${comparison.why}`);
  }
  expect(different).toEqual([]);
});
