import { glob, readFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { dirname, join, posix } from "node:path";

interface PackageJson {
  readonly license?: string;
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  /** Optional ones, loaded by a call where they are there. */
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const BESIDE_DIST = new Set(["package.json", "README.md", "LICENSE"]);

/** Whether an installed package holds what it should, and nothing that no import leads to. */
export async function checkContents(consumer: string, name: string): Promise<string[]> {
  const folder = join(consumer, "node_modules", name);
  const text = await readFile(join(folder, "package.json"), "utf8");
  const { exports, dependencies = {}, peerDependencies = {}, license } = JSON.parse(text) as PackageJson;
  const files = new Set<string>();
  for await (const file of glob("**/*", { cwd: folder, withFileTypes: true })) {
    if (file.isFile()) files.add(posix.join(file.parentPath.slice(folder.length + 1), file.name));
  }

  const entries = Object.values(exports).flatMap((entry) => [entry.types, entry.default]);
  const { reached, bare } = await follow(folder, files, entries.map(posix.normalize));
  const problems = [
    ...[...BESIDE_DIST].filter((file) => !files.has(file)).map((file) => `no ${file}`),
    ...[...files].filter((file) => !BESIDE_DIST.has(file) && !reached.has(sourceOf(file))).map(unreached),
    ...[...bare]
      .filter((other) => dependencies[other] === undefined && peerDependencies[other] === undefined)
      .map((other) => `imports ${other}, which is not among its dependencies`),
    ...(license === "Apache-2.0" ? [] : [`its license is ${license}`]),
    ...(text.includes("workspace:") || text.includes("catalog:") ? ["package.json was not packed by pnpm"] : []),
  ];
  return problems.map((problem) => `${name}: ${problem}`);
}

const unreached = (file: string): string => `${file} is published, and no export leads to it`;

/** `dist/a.d.ts` and `dist/a.js` come from one source file: reached by type or by value, both are wanted. */
export const sourceOf = (file: string): string => file.replace(/\.(?:d\.ts|ts|js)$/, "");

/** As the compiler writes them: an import, the end of one over several lines, or a call. */
const SPECIFIER = /(?:^(?:import|export|\}).* from |^import |\bimport\()"([^"\n]+)"/gm;

/** The files that imports lead to from the entry points, without their extensions; and the packages they import. */
export async function follow(folder: string, files: ReadonlySet<string>, entries: readonly string[]) {
  const reached = new Set<string>();
  const bare = new Set<string>();
  const open = [...entries];
  const seen = new Set(open);
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    reached.add(sourceOf(file));
    if (!files.has(file)) continue;
    const text = await readFile(join(folder, file), "utf8");
    for (const [, specifier = ""] of text.matchAll(SPECIFIER)) {
      if (isBuiltin(specifier)) continue;
      if (!specifier.startsWith(".")) {
        bare.add(specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/"));
        continue;
      }
      const base = sourceOf(posix.join(dirname(file), specifier));
      for (const next of [`${base}.js`, `${base}.d.ts`]) {
        if (seen.has(next)) continue;
        seen.add(next);
        open.push(next);
      }
    }
  }
  return { reached, bare };
}
