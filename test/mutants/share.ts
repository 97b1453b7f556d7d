import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { glob } from "node:fs/promises";

/** Short enough that a sample is spread over every file, long enough that whole statements lie within. */
const LINES = 10;

/**
 * A part of the sources, as ranges of lines: each stretch of ten lines is in it or not by chance, which the seed repeats.
 * For a score of a package so large that all its mutants take hours; of n mutants it is known to about ±80 / √n points.
 */
export async function shareOf(files: string, share: number, seed: string): Promise<string[]> {
  const ranges: string[] = [];
  for await (const file of glob(files)) {
    if (file.endsWith(".test.ts") || file.includes("/testing/")) continue;
    const lines = readFileSync(file, "utf8").split("\n").length;
    for (let first = 1; first <= lines; first += LINES) {
      const draw = createHash("sha256").update(`${seed} ${file} ${first}`).digest().readUInt32BE() / 2 ** 32;
      if (draw < share) ranges.push(`${file}:${first}-${Math.min(first + LINES - 1, lines)}`);
    }
  }
  return ranges;
}
