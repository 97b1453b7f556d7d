/**
 * Sorts the keys of a map as go-yaml v2 does. Its order runs in circles for some keys (`a10`, `a1b`, `a2`), where Go's
 * result depends on chance; here equal maps are written equally whatever the order of their keys was.
 */
export function sortKeys(keys: readonly string[]): readonly string[] {
  if (keys.length > MANY || !keys.every((key) => SIMPLE.test(key))) return keys.toSorted().toSorted(compareKeys);
  return insertionSorted(keys);
}

/** Above it, the engine's sort is faster. */
const MANY = 16;

/** By code unit. The engine's own sort allocates more than a kilobyte each time, and a map of a manifest has a few keys. */
function insertionSorted(keys: readonly string[]): readonly string[] {
  const sorted = [...keys];
  for (let i = 1; i < sorted.length; i++) {
    const key = sorted[i] as string;
    let at = i;
    for (; at > 0 && (sorted[at - 1] as string) > key; at--) sorted[at] = sorted[at - 1] as string;
    sorted[at] = key;
  }
  return sorted;
}

/**
 * The order in which go-yaml v2 writes the keys of a map: by code point, except that letters stand after everything else
 * and that runs of digits compare as numbers (`a2` before `a10`).
 */
function compareKeys(a: string, b: string): number {
  if (SIMPLE.test(a) && SIMPLE.test(b)) return a < b ? -1 : a > b ? 1 : 0;
  const left = Array.from(a);
  const right = Array.from(b);
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    const x = left[i] as string;
    const y = right[i] as string;
    if (x === y) continue;
    const xLetter = LETTER.test(x);
    const yLetter = LETTER.test(y);
    if (xLetter !== yLetter) return xLetter ? 1 : -1;
    if (!xLetter) {
      const numbers = compareNumbers(left, right, i);
      if (numbers !== 0) return numbers;
    }
    return (x.codePointAt(0) as number) - (y.codePointAt(0) as number);
  }
  return left.length - right.length;
}

/** Letters only: their order is that of their code units. */
const SIMPLE = /^[A-Za-z]*$/;
const LETTER = /^\p{L}$/u;
const DIGIT = /^\p{Nd}$/u;

/** Compares the digits that begin at `from`, where the two first differ; a longer run (more leading zeros) stands after an equal shorter one. */
function compareNumbers(left: readonly string[], right: readonly string[], from: number): number {
  // A zero after digits of which one is not zero is a digit like any other: `10` before `11`.
  const continued = (left[from] === "0" || right[from] === "0") && endsInNumber(left, from);
  const x = numberAt(left, from, continued);
  const y = numberAt(right, from, continued);
  if (x.value !== y.value) return x.value < y.value ? -1 : 1;
  return x.end - y.end;
}

function endsInNumber(text: readonly string[], end: number): boolean {
  for (let i = end - 1; i >= 0 && DIGIT.test(text[i] as string); i--) if (text[i] !== "0") return true;
  return false;
}

function numberAt(text: readonly string[], from: number, continued: boolean): { value: bigint; end: number } {
  let value = continued ? 1n : 0n;
  let end = from;
  for (; end < text.length && DIGIT.test(text[end] as string); end++) {
    value = BigInt.asIntN(64, value * 10n + BigInt((text[end] as string).codePointAt(0) as number) - 48n);
  }
  return { value, end };
}
