import { LOOKALIKES, type Random } from "./random.ts";

const QUOTED = [
  "'a'",
  '"a"',
  "'it''s'",
  String.raw`"a\nb"`,
  String.raw`"\u00e9\x41\t\0"`,
  '"a\\\n   b"',
  "'a\n\n  b'",
  '"a\n  b  \n   c"',
  String.raw`"\e\N\_\L"`,
  "''",
  '""',
  "'1'",
  '"true"',
  String.raw`"\U0001F600"`,
  '"a \\\n  \\ b"',
  "'# no'",
  "': x'",
  "'\u00e9\u6f22'",
];
const TAGS = [
  "!!str",
  "!!int",
  "!!float",
  "!!bool",
  "!!null",
  "!!binary",
  "!!timestamp",
  "!!map",
  "!!seq",
  "!",
  "!!js/function",
  "!<tag:yaml.org,2002:str>",
];
const BLOCK_LINES = ["text", "  more", "", "a: b", "# c", "- x", "\ttab", "trail  ", "---x"];
const MUTATIONS = [
  ":",
  "#",
  " ",
  "\n",
  "-",
  "'",
  '"',
  "\t",
  "?",
  "[",
  "]",
  "{",
  "}",
  ",",
  "&",
  "*",
  "!",
  "|",
  ">",
  "%",
  "@",
  "`",
  "\r",
  "x",
];

/** YAML of all kinds, most of it sound, some of it broken by one character. */
export function randomYaml(random: Random): string {
  let keys = 0;
  const anchors: string[] = [];

  const tag = (): string => (random.chance(0.06) ? `${random.pick(TAGS)} ` : "");
  const anchor = (): string => {
    if (!random.chance(0.08)) return "";
    const name = random.pick(["a", "b", "c1", "x-y"]);
    anchors.push(name);
    return `&${name} `;
  };
  const properties = (): string => tag() + anchor();

  function block(indent: string): string {
    const header = random.pick(["|", ">"]) + random.pick(["", "-", "+", ""]) + random.pick(["", "", "2", "1", " # c"]);
    const lines = [random.pick(BLOCK_LINES), ...random.list(4, () => random.pick(BLOCK_LINES))];
    return `${header}\n${lines.map((line) => (line === "" ? "" : indent + line)).join("\n")}${random.pick(["", "\n", "\n\n"])}`;
  }

  function scalar(indent: string, inFlow: boolean): string {
    const kind = random.next();
    if (kind < 0.1) return anchors.length > 0 ? `*${random.pick(anchors)}` : "x";
    if (kind < 0.6)
      return properties() + (inFlow ? random.pick(LOOKALIKES).replaceAll(/[,[\]{}]/g, "") : random.pick(LOOKALIKES));
    if (kind < 0.75) return properties() + random.pick(QUOTED).replaceAll("\n", `\n${indent}`);
    if (kind < 0.85 && !inFlow) return properties() + block(`${indent}  `);
    if (kind < 0.9) return `plain\n${indent}  multi\n\n${indent}  line`;
    return anchor() + random.pick(["foo bar", "http://x:80/", ...(inFlow ? [] : ["a, b", "x # c", ":a", "?x"])]);
  }

  function key(): string {
    const kind = random.next();
    if (kind < 0.75) return `${random.pick(["a", "b", "c", "d", "name", "x-"])}${keys++}`;
    if (kind < 0.85) return `${random.pick(LOOKALIKES)}${random.pick(["", String(keys++)])}`;
    if (kind < 0.9) return "<<";
    return kind < 0.95 ? random.pick(["'q'", '"dq"', '"<<"', "'a b'"]) : `${anchor()}${random.pick(["k1", "k2"])}`;
  }

  function flow(depth: number): string {
    if (depth <= 0 || random.chance(0.5)) return scalar("      ", true);
    if (random.chance(0.5)) {
      return `${properties()}[${random.list(4, () => flow(depth - 1)).join(random.pick([", ", ",", ",\n      "]))}${random.pick(["", "", ","])}]`;
    }
    return `${properties()}{${random.list(4, () => key() + random.pick([": ", ":", ": ", " : "]) + flow(depth - 1)).join(", ")}}`;
  }

  function node(depth: number, indent: string): string {
    const kind = random.next();
    if (depth <= 0 || kind < 0.35) return ` ${scalar(indent, false)}\n`;
    if (kind < 0.45) return ` ${flow(2)}${random.pick(["", " # comment"])}\n`;
    if (kind < 0.65) {
      const own = indent + random.pick(["", "  ", " "]);
      const item = (): string =>
        `${own}-${random.chance(0.3) ? ` ${key()}:${node(depth - 1, `${own}  `)}` : node(depth - 1, `${own}  `)}`;
      return ` ${properties()}\n${[item(), ...random.list(3, item)].join(random.pick(["", "", "\n", "# c\n"]))}`;
    }
    return ` ${properties()}\n${map(depth, indent + random.pick(["  ", "  ", " ", "    "]))}`;
  }

  function map(depth: number, indent: string): string {
    const entry = (): string =>
      random.chance(0.03)
        ? `${indent}? ${key()}\n${indent}:${node(depth - 1, indent)}`
        : `${indent}${key()}:${node(depth - 1, indent)}`;
    return [entry(), ...random.list(4, entry)].join(random.pick(["", "", "", `${indent}# comment\n`]));
  }

  function mutated(text: string): string {
    const kind = random.next();
    const at = random.below(text.length);
    if (kind < 0.7) return text;
    if (kind < 0.8) return text.slice(0, at) + text.slice(at + 1);
    return kind < 0.95 ? text.slice(0, at) + random.pick(MUTATIONS) + text.slice(at) : text.replaceAll("\n", "\r\n");
  }

  const text = mutated(random.chance(0.9) ? map(3, "") : `- ${node(2, "  ").trimStart()}`);
  return text.endsWith("\n") ? text : `${text}\n`;
}
