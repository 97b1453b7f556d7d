// Every ```ts block of a README or of docs/ is a program: it runs, and what its comments behind console.log say is what it prints.
// A block that names a file, ```ts examples/embed/main.ts, is a part of that file, to the letter.
import { execFile } from "node:child_process";
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { codeBlocks } from "./code-blocks.ts";

const root = join(import.meta.dirname, "../..");
const files = ["README.md", ...globSync("packages/*/README.md", { cwd: root }), ...globSync("docs/*.md", { cwd: root })]
  .filter((file) => existsSync(join(root, file)))
  .filter((file) => codeBlocks(join(root, file)).some(({ language }) => language.split(" ")[0] === "ts"))
  .toSorted();

/** Programs stand beside this file, where the workspace's packages resolve. */
const folder = join(import.meta.dirname, ".programs");

function expectedOutput(code: string): string[] {
  return code
    .split("\n")
    .map((line) => /console\.log\(.*\); \/\/ (.*)$/.exec(line)?.[1])
    .filter((text) => text !== undefined);
}

describe.each(files)("%s", (file) => {
  const quoted = codeBlocks(join(root, file)).filter((block) => block.language.startsWith("ts "));
  if (quoted.length > 0)
    it("quotes files to the letter", () => {
      for (const { language, code, line } of quoted) {
        expect(readFileSync(join(root, language.slice(3)), "utf8"), `${file}:${line}`).toContain(code);
      }
    });

  const blocks = codeBlocks(join(root, file)).filter((block) => block.language === "ts");
  if (blocks.length > 0)
    it("runs as written", { timeout: 60_000 }, async () => {
      for (const block of blocks) {
        const program = join(folder, `${file.replaceAll(/[/.]/g, "-")}-${block.line}.ts`);
        mkdirSync(dirname(program), { recursive: true });
        writeFileSync(program, block.code);
        try {
          const { stdout } = await promisify(execFile)(process.execPath, [program], { timeout: 30_000 });
          const expected = expectedOutput(block.code);
          if (expected.length > 0) {
            expect(stdout.trimEnd().split("\n"), `${relative(root, file)}:${block.line}`).toEqual(expected);
          }
        } finally {
          rmSync(program, { force: true });
        }
      }
    });
});
