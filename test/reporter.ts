import { writeFileSync } from "node:fs";
import type { Reporter, TestCase, TestModule } from "vitest/node";

export interface ReporterOptions {
  /** Gets one line when a run ends: `12 passed, 0 failed, 3 skipped`. Left alone where vitest does not get as far as running. */
  readonly countsFile?: string | undefined;
  readonly print?: (text: string) => void;
}

/** Says why each skipped test was skipped, which vitest's own reporters do only in a tree of all tests; and counts for `.ci/run`. */
export function reporter({ countsFile, print = console.log }: ReporterOptions): Reporter {
  let filtered = false;
  return {
    onInit(vitest) {
      filtered = vitest.config.testNamePattern !== undefined;
    },
    onTestRunEnd(modules, unhandled) {
      const text = skipReasons(modules, filtered);
      if (text !== "") print(text);
      if (countsFile !== undefined) writeFileSync(countsFile, `${counts(modules, unhandled.length)}\n`);
    },
  };
}

/** Skipped tests by reason. Under a name pattern those without one are left out by it; one that was to run had a hook fail, which is told. */
function skipReasons(modules: readonly TestModule[], filtered: boolean): string {
  const silent = (test: TestCase): boolean => filtered || test.options.mode === "run";
  const byReason = new Map<string, Map<string, number>>();
  for (const module of modules) {
    for (const test of module.children.allTests("skipped")) {
      const reason = noteOf(test) ?? (silent(test) ? undefined : "no reason given (say one: skip(reason))");
      if (reason === undefined) continue;
      const files = byReason.get(reason) ?? new Map<string, number>();
      byReason.set(reason, files.set(module.relativeModuleId, (files.get(module.relativeModuleId) ?? 0) + 1));
    }
  }
  const lines = [...byReason].flatMap(([reason, files]) => [
    `   ${reason}`,
    ...[...files].map(([file, tests]) => `     ${file} (${tests} ${tests === 1 ? "test" : "tests"})`),
  ]);
  return lines.length === 0 ? "" : ["\n Skipped", ...lines].join("\n");
}

function noteOf(test: TestCase): string | undefined {
  const result = test.result();
  return result.state === "skipped" ? result.note : undefined;
}

/**
 * What went wrong outside of a test counts as failed too, each once: a file that cannot be loaded, a hook of a suite, an
 * error that nobody caught. A run that fails never says `0 failed`.
 */
function counts(modules: readonly TestModule[], unhandled: number): string {
  let [passed, failed, skipped] = [0, unhandled, 0];
  for (const module of modules) {
    failed += module.errors().length;
    for (const suite of module.children.allSuites()) failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === "passed") passed += 1;
      else if (state === "skipped") skipped += 1;
      else failed += 1;
    }
  }
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
