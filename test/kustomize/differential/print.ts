import type { Random } from "./random.ts";

/** A scalar as it shall stand in the file: `010`, `'yes'`, `~`. */
export class Raw {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export const raw = (text: string): Raw => new Raw(text);

export type Value =
  | string
  | number
  | boolean
  | null
  | Raw
  | readonly Value[]
  | { readonly [key: string]: Value | undefined };

const SAFE = /^[A-Za-z][A-Za-z0-9 ./_-]*$/;
const RESERVED = /^(?:true|false|null|yes|no|on|off|y|n)$/i;

/** YAML with quotes, flow style and long texts chosen at random. */
export function print(value: Value, random: Random): string {
  return `${printValue(value, 0, random).replace(/^\n/, "")}\n`;
}

function printValue(value: Value, indent: number, random: Random): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return " []";
    if (random.chance(0.05)) return ` ${flow(value)}`;
    const pad = " ".repeat(indent);
    return (value as readonly Value[])
      .map((item) => {
        const text = printValue(item, indent + 2, random);
        return `\n${pad}-${text.startsWith("\n") ? ` ${text.slice(1).trimStart()}` : text}`;
      })
      .join("");
  }
  if (value instanceof Raw) return ` ${value.text}`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, field]) => field !== undefined);
    if (entries.length === 0) return " {}";
    if (random.chance(0.04)) return ` ${flow(value)}`;
    const pad = " ".repeat(indent);
    return entries
      .map(([key, field]) => {
        const isList = Array.isArray(field);
        const text = printValue(field as Value, isList && random.chance(0.5) ? indent : indent + 2, random);
        return `\n${pad}${printKey(key)}:${text}${!text.includes("\n") && random.chance(0.02) ? " # comment" : ""}`;
      })
      .join("");
  }
  if (typeof value === "string") return printText(value, indent, random);
  return ` ${String(value)}`;
}

const printKey = (key: string): string => (SAFE.test(key) && !RESERVED.test(key) ? key : JSON.stringify(key));

function printText(text: string, indent: number, random: Random): string {
  if (/^[^\s#][^\n]*(?:\n[^\s#][^\n]*)*\n?$/.test(text) && text.includes("\n") && random.chance(0.6)) {
    const pad = " ".repeat(indent + 2);
    const lines = text.replace(/\n$/, "").split("\n");
    return ` |${text.endsWith("\n") ? "" : "-"}${lines.map((line) => `\n${pad}${line}`).join("")}`;
  }
  const choice = random.below(4);
  if (choice < 2 && SAFE.test(text) && !RESERVED.test(text) && !text.endsWith(" ")) return ` ${text}`;
  if (choice === 2 && !text.includes("\n") && !/\p{Cc}/u.test(text)) return ` '${text.replaceAll("'", "''")}'`;
  return ` ${JSON.stringify(text)}`;
}

function flow(value: Value): string {
  if (value instanceof Raw) return value.text === "" || /[,{}[\]:#\n|>]/.test(value.text) ? "null" : value.text;
  if (Array.isArray(value)) return `[${(value as readonly Value[]).map(flow).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, field]) => field !== undefined);
    return `{${entries.map(([key, field]) => `${printKey(key)}: ${flow(field as Value)}`).join(", ")}}`;
  }
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
