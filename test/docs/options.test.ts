// The docs say what every option is for: each is named, as code, on the page that its readers would open.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const read = (...files: string[]): string => files.map((file) => readFileSync(join(root, file), "utf8")).join("\n");
const docs = globSync("docs/*.md", { cwd: root });

/** Names of the fields of an interface, as its source has them. */
function fieldsOf(file: string, name: string): string[] {
  const text = read(file);
  const start = text.search(new RegExp(`interface ${name}\\b`));
  if (start < 0) throw new Error(`${file} has no interface ${name}`);
  // A body begins at the end of a line and ends at the beginning of one.
  const body = text.slice(text.indexOf("{\n", start), text.indexOf("\n}", start));
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(]/gm)].map((match) => match[1] ?? "");
}

/** Whether a text names it: alone, among others (`` `a`, `b` ``), or as a part (`` `prune.limit` ``, `` `tls: { ca }` ``). */
function names(text: string, option: string): boolean {
  const code = text.match(/```[^]*?```|`[^`\n]+`/g) ?? [];
  return code.some((piece) => new RegExp(`(?<![\\w-])${option}(?![\\w-])`).test(piece));
}

const missing = (fields: readonly string[], ...pages: string[]): string[] => {
  const text = read(...pages);
  return fields.filter((field) => !names(text, field));
};

const SPEC = "packages/spec/src/application.ts";
const GATES = "packages/spec/src/gates.ts";

describe("the docs name every option", () => {
  it("of an application", () => {
    const fields = [...fieldsOf(SPEC, "Application"), ...fieldsOf(SPEC, "ApplicationSpec")];
    expect(fields.length).toBeGreaterThan(25);
    expect(missing(fields, "docs/applications.md")).toEqual([]);
  });

  it.each([
    [SPEC, "Route"],
    [SPEC, "ObjectSelector"],
    [SPEC, "IgnoreRule"],
    [SPEC, "RetryPolicy"],
    [SPEC, "PruneGuards"],
    [SPEC, "Dependency"],
    [GATES, "SyncWindow"],
    [GATES, "PolicyUse"],
    ["packages/spec/src/hook.ts", "FunctionHook"],
  ])("of its parts: %s %s", (file, name) => {
    expect(fieldsOf(file, name)).not.toEqual([]);
    expect(missing(fieldsOf(file, name), "docs/applications.md", "docs/gates.md", "docs/hooks.md")).toEqual([]);
  });

  it("of a controller", () => {
    const fields = fieldsOf("packages/core/src/engine.ts", "EngineOptions");
    expect(fields.length).toBeGreaterThan(20);
    expect(missing([...fields, "applications"], "packages/core/README.md", "docs/embedding.md")).toEqual([]);
  });

  it("and every method of a controller", () => {
    const methods = fieldsOf("packages/core/src/controller.ts", "Controller");
    expect(methods.length).toBeGreaterThan(15);
    expect(missing(methods, "packages/core/README.md", ...docs)).toEqual([]);
  });

  it("and every event", () => {
    const text = read("packages/core/src/events.ts");
    const union = text.slice(
      text.indexOf("export type ControllerEvent"),
      text.indexOf("/** An event without its time"),
    );
    const types = [...union.matchAll(/readonly type:([^;]+);/g)].flatMap((match) => match[1]?.match(/"[\w-]+"/g) ?? []);
    expect(types.length).toBeGreaterThan(25);
    const page = read("docs/embedding.md");
    expect(types.map((type) => type.replaceAll('"', "")).filter((type) => !names(page, type))).toEqual([]);
  });

  // For those who call the steps themselves, or write a provider: they read the reference that typedoc makes of the docstrings.
  const pieces = new Set([
    "ApplyOptions",
    "GateOptions",
    "HealthWaiterOptions",
    "HeldLeaseOptions",
    "IgnoreOptions",
    "PlanOptions",
    "ProjectOptions",
    "RenderOptions",
  ]);
  // What a package's functions are given, by the interfaces it exports.
  const exported = globSync("packages/*/src/index.ts", { cwd: root }).flatMap((index) => {
    const folder = index.split("/").slice(0, 2).join("/");
    const found = [...read(index).matchAll(/\b(\w+Options)\b/g)].map((match) => match[1] ?? "");
    return [...new Set(found)]
      .filter((name) => !pieces.has(name))
      .toSorted()
      .map((name) => [folder, name] as const);
  });
  it.each(exported)("of %s: %s", (folder, name) => {
    const file = globSync(`${folder}/src/**/*.ts`, { cwd: root }).find((path) =>
      new RegExp(`export interface ${name}\\b`).test(read(path)),
    );
    if (file === undefined) return expect(read(`${folder}/src/index.ts`)).toContain(name);
    return expect(missing(fieldsOf(file, name), `${folder}/README.md`, ...docs)).toEqual([]);
  });
});
