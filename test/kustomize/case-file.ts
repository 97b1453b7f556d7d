import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A case of our own: what it is about, its files, and what building a directory of them gives. */
export interface CaseFile {
  readonly name: string;
  readonly file: string;
  readonly about: string;
  readonly files: Readonly<Record<string, string>>;
  readonly dir: string;
  /** What `kustomize build` prints; or, with `error`, a part of the message. */
  readonly expected: { readonly yaml: string } | { readonly error: string };
}

const folder = join(import.meta.dirname, "cases");

/**
 * Reads `cases/*.txt`: a line that says what the case is about, then sections `-- path --`; the last is `-- build: dir --` with the
 * output below it, or `-- error: dir: part of the message --`.
 */
export function readCases(): CaseFile[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".txt"))
    .toSorted()
    .map((file) => parseCase(file.replace(/\.txt$/, ""), join(folder, file)));
}

function parseCase(name: string, file: string): CaseFile {
  const [about = "", ...sections] = readFileSync(file, "utf8").split(/^-- (?=\S)/m);
  const files: Record<string, string> = {};
  for (const section of sections) {
    const end = section.indexOf(" --\n");
    const title = section.slice(0, end);
    const body = section.slice(end + 4);
    const last = /^(build|error): ([^:]+)(?:: (.*))?$/.exec(title);
    if (last === null) {
      files[title] = body;
      continue;
    }
    const [, kind, dir = "", message = ""] = last;
    return {
      name,
      file,
      about: about.trim(),
      files,
      dir,
      expected: kind === "build" ? { yaml: body } : { error: message },
    };
  }
  throw new Error(`${file} says neither what is built nor what is wrong`);
}
