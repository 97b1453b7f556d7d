import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { build } from "@trueup/kustomize";
import { isTrueUpError } from "@trueup/spec";
import { memoryTree } from "@trueup/testkit";
import { difference } from "../../conformance/suite.ts";
import type { GeneratedCase } from "./kustomizations.ts";
import { referenceBuild } from "./reference.ts";

export type Comparison =
  | { readonly outcome: "same output" | "both refuse" }
  | { readonly outcome: "different"; readonly why: string };

/** Builds a case with the reference and with ours. */
export async function compare(
  binary: string,
  { files, dir }: Pick<GeneratedCase, "files" | "dir">,
): Promise<Comparison> {
  const folder = mkdtempSync(join(tmpdir(), "kustomize-differential-"));
  try {
    for (const [path, content] of Object.entries(files)) {
      const file = join(folder, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
    }
    const [reference, ours] = await Promise.all([referenceBuild(binary, join(folder, dir)), ourBuild(files, dir)]);
    if ("error" in reference) {
      if ("error" in ours) return { outcome: "both refuse" };
      return { outcome: "different", why: `only the reference refuses: ${reference.error.trim()}` };
    }
    if ("error" in ours) return { outcome: "different", why: `only ours refuses: ${ours.error}` };
    if (reference.yaml === ours.yaml) return { outcome: "same output" };
    return { outcome: "different", why: difference(reference.yaml, ours.yaml) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function ourBuild(
  files: Readonly<Record<string, string>>,
  dir: string,
): Promise<{ readonly yaml: string } | { readonly error: string }> {
  try {
    return { yaml: (await build(memoryTree(new Map(Object.entries(files))), dir)).yaml };
  } catch (error) {
    if (!isTrueUpError(error) || error.code === "INTERNAL") {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      return { error: `CRASH ${cause instanceof Error ? cause.stack : String(cause)}` };
    }
    return { error: `${error.code}: ${error.message}` };
  }
}
