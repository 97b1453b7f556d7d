import { relative } from "node:path";
import type { Stryker } from "@stryker-mutator/core";

export type MutantResult = Awaited<ReturnType<Stryker["runMutationTest"]>>[number];

export interface Score {
  /** Of the mutants that could be run: those that made a test fail, or run for ever. 100 where there are none. */
  readonly percent: number;
  readonly text: string;
}

export function scoreOf(results: readonly MutantResult[]): Score {
  const count = (...statuses: MutantResult["status"][]): number =>
    results.filter(({ status }) => statuses.includes(status)).length;
  const killed = count("Killed", "Timeout");
  const survived = count("Survived");
  const uncovered = count("NoCoverage");
  const total = killed + survived + uncovered;
  const percent = total === 0 ? 100 : (100 * killed) / total;
  // Rounded down: 79.96 is not 80.
  const shown = (Math.floor(percent * 10) / 10).toFixed(1);
  return {
    percent,
    text: `${shown} % of ${total} mutants killed, ${survived} survived, ${uncovered} not reached by any test`,
  };
}

/** `packages/diff/src/diff.ts:12:7 ConditionalExpression: true`, one a line, in the order of the source. */
export function survivors(results: readonly MutantResult[]): string[] {
  return results
    .filter(({ status }) => status === "Survived" || status === "NoCoverage")
    .toSorted(
      (a, b) =>
        (a.fileName < b.fileName ? -1 : a.fileName > b.fileName ? 1 : 0) ||
        a.location.start.line - b.location.start.line ||
        a.location.start.column - b.location.start.column,
    )
    .map(({ fileName, location, mutatorName, replacement, status }) => {
      const { line, column } = location.start;
      const text = replacement.replaceAll(/\s+/g, " ");
      const note = status === "NoCoverage" ? " (not reached)" : "";
      return `${relative(".", fileName)}:${line}:${column} ${mutatorName}: ${text}${note}`;
    });
}
