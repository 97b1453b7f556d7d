import type { Json } from "@trueup/spec";
import { LOOKALIKES, type Random } from "./random.ts";

const INDICATORS = [
  "a: b",
  "a:",
  ":",
  ": a",
  "a #b",
  "#a",
  "- a",
  "-",
  "? a",
  "?",
  "{a}",
  "[a]",
  "&a",
  "*a",
  "!a",
  "|",
  ">",
  "%a",
  "@a",
  "`a`",
  "'a'",
  '"a"',
  ",",
  "---",
  "...",
  "---a",
];
const SPACES = [
  " a",
  "a ",
  " ",
  "\ta",
  "a\t",
  "a\n",
  "\na",
  "a\n\n",
  "\n",
  "\n\n",
  "a\n b",
  "a \nb",
  "  a\nb\n",
  "a\nb ",
  "a\u2028b",
  "\u2029",
  "a \u2028",
  "\u0085",
  "a \u0085\u0085 b",
];
const PIECES = [
  ..."abcxyzABn0123456789",
  ..." \t\n\r:#-?,[]{}&*!|>'\"%@`~.+_=/\\<$^()",
  ..." \u00e9\u6f22\u0661\u00a0\u2028\u2029\ufeff\u{1f600}\u0007\0\u001b\ud7ff\ue000\ufffd",
  " ",
  "\n",
  ": ",
  " #",
  "- ",
  "word ",
  "longer words ",
  "true",
  "1",
  `${"x".repeat(30)} `,
];
const KEYS = [
  "a",
  "b",
  "a1",
  "a2",
  "a10",
  "Kind",
  "name",
  "\u00e9",
  "_x",
  "a-b",
  "a.b",
  "A",
  "1",
  "10",
  "2",
  "x/y",
  "a1b",
  "ab1",
  "\u6f22",
  "z",
  "Z",
  "a".repeat(128),
  "a".repeat(129),
  "\u00e9".repeat(65),
];

function text(random: Random): string {
  if (random.chance(0.35)) return random.pick(random.pick([LOOKALIKES, LOOKALIKES, INDICATORS, SPACES]));
  if (random.chance(0.3)) {
    const words = ["lorem", "ipsum", "a", "dolor", "sit", "'", '"', "x: y", " "];
    const gaps = [" ", " ", " ", "  ", "\n", ""];
    return random.list(60, () => random.pick(words) + random.pick(gaps)).join("");
  }
  return random.list(random.pick([4, 7, 13, 40]), () => random.pick(PIECES)).join("");
}

function number(random: Random): number {
  const sign = random.pick([1, -1]);
  return (
    sign *
    random.pick([
      0,
      1e15 + 0.5,
      0.0001,
      0.00001,
      123456.5,
      1234567.5,
      5e-324,
      1.7976931348623157e308,
      1e20,
      1e21,
      2 ** 63,
      2 ** 64,
      random.below(1_000),
      random.next(),
      random.next() * 1e6,
      random.next() * 10 ** (random.below(60) - 30),
      random.below(2 ** 31) * 2 ** random.below(40),
    ])
  );
}

/** Without NEXT LINE, which Go cannot read back from the JSON it makes in between. */
function key(random: Random): string {
  const made = random.chance(0.6) ? random.pick(KEYS) : text(random);
  return /\u0085|^<<$|^__proto__$/.test(made) ? "k" : made;
}

export function randomValue(random: Random, depth = 4): Json {
  if (depth > 0 && random.chance(0.3))
    return Object.fromEntries(random.list(5, () => [key(random), randomValue(random, depth - 1)]));
  if (depth > 0 && random.chance(0.25)) return random.list(4, () => randomValue(random, depth - 1));
  if (random.chance(0.2)) return number(random);
  return random.chance(0.1) ? random.pick([true, false, null]) : text(random);
}
