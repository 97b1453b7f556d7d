import { isPrintable } from "../emitter/style.ts";

/**
 * Kustomize prints every document it has read and reads it again. go-yaml v3 prints a folded scalar (`>`) so that it reads
 * differently where an indented line or several line feeds follow a line; what stands there afterwards is what Kustomize goes
 * on with (yaml_emitter_write_folded_scalar in go-yaml's emitterc.go).
 */
export function refold(text: string): string {
  if (!isPrintedFolded(text)) return text;
  // The printer looks at the wrong place: at the beginning of the text, not behind the line feed it is about to write.
  const extra = /^\n*[ \t]/.test(text) ? 0 : 1;
  let result = "";
  let indented = true;
  for (const [run, feeds = "", line = ""] of text.matchAll(/(\n*)([^\n]*)/g)) {
    if (run === "") continue;
    const nextIndented = line === "" || line.startsWith(" ") || line.startsWith("\t");
    const printed = result === "" || indented ? feeds.length : feeds.length + extra;
    if (line === "") result += "\n".repeat(feeds.length === 1 ? 1 : printed);
    else if (result === "" || feeds === "" || indented || nextIndented) result += "\n".repeat(printed);
    else result += printed === 1 ? " " : "\n".repeat(printed - 1);
    result += line;
    indented = nextIndented;
  }
  return result;
}

/** What cannot stand in a block scalar is printed in double quotes, and reads as it was. */
function isPrintedFolded(text: string): boolean {
  if (text.includes(" \n") || text.endsWith(" ")) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code !== 9 && !isPrintable(code)) return false;
  }
  return true;
}
