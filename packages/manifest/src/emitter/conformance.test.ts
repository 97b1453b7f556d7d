import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { emitYaml } from "./emit.ts";

// Outputs of Helm's toYaml and of Kustomize. They lie beside the project where they are there at all.
const file = join(import.meta.dirname, "../../../../../shared/conformance/yaml/emit-vectors.json");

interface Vector {
  readonly s: string;
  readonly toYaml: string;
  readonly kustomize: string;
}

describe("emitter conformance", () => {
  beforeEach(({ skip }) => skip(!existsSync(file), "../shared/conformance/yaml is not here"));
  const vectors = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Vector[]) : [];

  it("there are vectors", () => {
    expect(vectors.length).toBeGreaterThanOrEqual(69);
  });

  it.each(vectors)("$s", ({ s, toYaml, kustomize }) => {
    const emitted = emitYaml({ k: s }).replace(/\n$/, "");
    expect(emitted).toBe(toYaml.replace(/\n$/, ""));
    expect(emitted).toBe(kustomize.replace(/\n$/, ""));
  });
});
