import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setValue } from "@trueup/git";
import { parseYaml } from "@trueup/manifest";
import { formatPointer, type Json } from "@trueup/spec";
import { expect, it } from "vitest";

const file = join(import.meta.dirname, "../../../shared/conformance/kustomize/cases.json");
const VALUES = ["1.10", "two\nlines\n", 7];

/** Every text with several lines that stands anywhere in there. */
function textsOf(value: Json | undefined): string[] {
  if (typeof value === "string") return value.includes("\n") ? [value] : [];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

function leavesOf(value: Json | undefined, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value).flatMap(([token, child]) => leavesOf(child as Json, [...path, token]));
}

function withValue(value: Json, path: readonly string[], set: Json): Json {
  const copy = structuredClone(value);
  const parent = path.slice(0, -1).reduce((at, token) => at[token] as never, copy as Record<string, Json>);
  parent[path.at(-1) ?? ""] = set;
  return copy;
}

/** Lines that are the same at both ends, and what is between them. */
function changedLines(before: string, after: string): string[] {
  const [a, b] = [before.split("\n"), after.split("\n")];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  return a.slice(head, a.length - tail);
}

it(
  "sets values in files that other people wrote, and refuses only anchors and aliases",
  { timeout: 120_000 },
  ({ skip }) => {
    skip(!existsSync(file), "../shared/conformance/kustomize is not here");
    const texts = new Set(textsOf(JSON.parse(readFileSync(file, "utf8")) as Json));
    let set = 0;
    const refused: string[] = [];
    for (const text of texts) {
      const { documents, errors } = parseYaml(text, { file: "f" });
      if (errors.length > 0) continue;
      for (const [document, { value }] of documents.entries()) {
        for (const [index, path] of leavesOf(value).slice(0, 6).entries()) {
          if (path.length === 0) continue;
          const wanted = VALUES[index % VALUES.length] as string | number;
          let edited: string;
          try {
            edited = Buffer.from(
              setValue(Buffer.from(text), { pointer: formatPointer(path), document }, wanted),
            ).toString();
          } catch (error) {
            refused.push((error as Error).message);
            continue;
          }
          set++;
          const after = parseYaml(edited, { file: "f" });
          expect(after.errors).toEqual([]);
          expect(after.documents.map((each) => each.value)).toEqual(
            documents.map((each, at) => (at === document ? withValue(each.value, path, wanted) : each.value)),
          );
          // What was not a line of the value's own has not moved.
          const changed = changedLines(text, edited);
          expect(changed.filter((line) => /^\s*#/.test(line))).toEqual([]);
        }
      }
    }
    expect(refused.filter((message) => !/ has the anchor &| is an alias: /.test(message))).toEqual([]);
    expect(set).toBeGreaterThan(3000);
  },
);
