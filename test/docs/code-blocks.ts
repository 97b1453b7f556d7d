import { readFileSync } from "node:fs";

/** A fenced block of a Markdown file. */
export interface CodeBlock {
  readonly file: string;
  readonly line: number;
  readonly language: string;
  readonly code: string;
}

export function codeBlocks(file: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { line: number; language: string; code: string[] } | undefined;
  for (const [index, text] of readFileSync(file, "utf8").split("\n").entries()) {
    if (open === undefined) {
      if (text.startsWith("```") && text.length > 3)
        open = { line: index + 1, language: text.slice(3).trim(), code: [] };
    } else if (text === "```") {
      blocks.push({ file, line: open.line, language: open.language, code: open.code.join("\n") });
      open = undefined;
    } else {
      open.code.push(text);
    }
  }
  return blocks;
}
