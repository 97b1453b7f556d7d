import { isPrintable, styleOf } from "./style.ts";

const WIDTH = 80;

/** YAML text as it grows, with the column that folding looks at (in characters). */
export class Writer {
  text = "";
  column = 0;

  write(part: string): void {
    this.text += part;
    this.column += part.length;
  }

  newLine(indent: number): void {
    this.text += `\n${" ".repeat(indent)}`;
    this.column = indent;
  }

  /** Writes a string. What does not fit a line of 80 characters goes on in the next, at `indent`, except in a simple key. */
  string(value: string, indent: number, simpleKey: boolean): void {
    const text = foldNextLines(value.toWellFormed());
    const style = styleOf(text, simpleKey);
    if (style === "literal") this.#literal(text, indent);
    else if (style === "double") this.#double(text, indent, simpleKey);
    else if (style === "single") {
      this.write("'");
      this.#flow(text, indent, simpleKey, 1);
      this.write("'");
    } else if (this.column + text.length <= WIDTH) this.write(text);
    else this.#flow(text, indent, simpleKey, 0);
  }

  /** Plain and single quoted: a line ends at a lone space beyond the width; `margin` characters at each end are left alone. */
  #flow(text: string, indent: number, simpleKey: boolean, margin: 0 | 1): void {
    let afterSpace = false;
    let afterBreak = false;
    for (let i = 0; i < text.length; i++) {
      const char = text.charAt(i);
      if (char === " ") {
        const inside = i >= margin && i < text.length - margin;
        if (!simpleKey && !afterSpace && this.column > WIDTH && inside && text.charAt(i + 1) !== " ")
          this.newLine(indent);
        else this.write(char);
        afterSpace = true;
      } else if (char === "\u2028" || char === "\u2029") {
        this.text += char;
        this.column = 0;
        afterBreak = true;
      } else {
        if (afterBreak) this.write(" ".repeat(indent - this.column));
        this.write(char === "'" && margin === 1 ? "''" : char);
        afterSpace = false;
        afterBreak = false;
      }
    }
  }

  #double(text: string, indent: number, simpleKey: boolean): void {
    this.write('"');
    // go-yaml looks for the byte order mark at the start of the text, whatever character it is at.
    const escapeAll = text.startsWith("\ufeff");
    let afterSpace = false;
    let i = 0;
    for (const char of text) {
      const last = i + char.length === text.length;
      if (escapeAll || mustEscape(char)) {
        this.write(escape(char));
        afterSpace = false;
      } else if (char !== " ") {
        this.write(char);
        afterSpace = false;
      } else {
        if (!simpleKey && !afterSpace && this.column > WIDTH && i > 0 && !last) {
          this.newLine(indent);
          if (text.charAt(i + 1) === " ") this.write("\\");
        } else this.write(" ");
        afterSpace = true;
      }
      i += char.length;
    }
    this.write('"');
  }

  #literal(text: string, indent: number): void {
    const hint = /^[ \n\u2028\u2029]/.test(text) ? "2" : "";
    const breaks = /[\n\u2028\u2029]*$/.exec(text)?.[0].length ?? 0;
    const chomping = breaks === 0 ? "-" : breaks > 1 || text.length === 1 ? "+" : "";
    this.write(`|${hint}${chomping}`);
    this.text += "\n";
    this.column = 0;
    const pad = " ".repeat(indent);
    for (const line of text.split(/(?<=[\n\u2028\u2029])/)) {
      const content = line.replace(/[\n\u2028\u2029]$/, "");
      if (content !== "") this.text += pad;
      this.text += line;
      this.column = content === line ? indent + content.length : 0;
    }
  }
}

const mustEscape = (char: string): boolean =>
  char === '"' ||
  char === "\\" ||
  char === "\n" ||
  char === "\u2028" ||
  char === "\u2029" ||
  char.length > 1 ||
  !isPrintable(char.charCodeAt(0));

const SHORT: Readonly<Record<string, string>> = {
  "\0": "0",
  "\u0007": "a",
  "\b": "b",
  "\t": "t",
  "\n": "n",
  "\v": "v",
  "\f": "f",
  "\r": "r",
  "\u001b": "e",
  '"': '"',
  "\\": "\\",
  "\u0085": "N",
  "\u00a0": "_",
  "\u2028": "L",
  "\u2029": "P",
};

function escape(char: string): string {
  const short = SHORT[char];
  if (short !== undefined) return `\\${short}`;
  const hex = (char.codePointAt(0) as number).toString(16).toUpperCase();
  if (hex.length <= 2) return `\\x${hex.padStart(2, "0")}`;
  return hex.length <= 4 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/**
 * sigs.k8s.io/yaml writes JSON, reads that as YAML 1.1 and writes the result. On the way a NEXT LINE character, which JSON
 * does not escape, is a line break inside quotes: one becomes a space, more become one line feed less than they are.
 */
function foldNextLines(text: string): string {
  if (!text.includes("\u0085")) return text;
  return text.replaceAll(/ *\u0085[ \u0085]*/g, (run) => {
    const breaks = run.replaceAll(" ", "").length;
    return breaks === 1 ? " " : "\n".repeat(breaks - 1);
  });
}
