/** A stretch that two sequences share: `length` items from `a` on in the first, from `b` on in the second. */
export interface Run {
  readonly a: number;
  readonly b: number;
  readonly length: number;
}

/** Above this many comparisons (length by length) the middle is not searched, but taken as changed throughout. */
const SEARCH_LIMIT = 1_000_000;

/**
 * What two sequences have in common, in order: the beginning, the end, and between them a longest common
 * subsequence, unless `search` is false or that would take too long.
 */
export function commonRuns<T>(
  a: readonly T[],
  b: readonly T[],
  same: (a: T, b: T) => boolean = Object.is,
  search = true,
): readonly Run[] {
  const shorter = Math.min(a.length, b.length);
  let start = 0;
  while (start < shorter && same(a[start] as T, b[start] as T)) start++;
  let end = 0;
  while (end < shorter - start && same(a[a.length - 1 - end] as T, b[b.length - 1 - end] as T)) end++;
  const runs: Run[] = [];
  if (start > 0) runs.push({ a: 0, b: 0, length: start });
  if (search) runs.push(...longest(a.slice(start, a.length - end), b.slice(start, b.length - end), same, start));
  if (end > 0) runs.push({ a: a.length - end, b: b.length - end, length: end });
  return runs;
}

/** The textbook table of longest common subsequences of all tails, read from its corner. */
function longest<T>(a: readonly T[], b: readonly T[], same: (a: T, b: T) => boolean, offset: number): Run[] {
  if (a.length * b.length > SEARCH_LIMIT) return [];
  const width = b.length + 1;
  const table = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number): number => table[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i * width + j] = same(a[i] as T, b[j] as T) ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const runs: { a: number; b: number; length: number }[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (same(a[i] as T, b[j] as T)) {
      const last = runs.at(-1);
      if (last !== undefined && last.a + last.length === i + offset && last.b + last.length === j + offset)
        last.length++;
      else runs.push({ a: i + offset, b: j + offset, length: 1 });
      i++;
      j++;
    } else if (at(i + 1, j) >= at(i, j + 1)) i++;
    else j++;
  }
  return runs;
}

/** The positions of a longest increasing subsequence of distinct numbers. */
export function longestIncreasing(numbers: readonly number[]): ReadonlySet<number> {
  const tails: number[] = []; // tails[k]: where the best run of k + 1 numbers ends
  const before: number[] = []; // the position before, in the run that ends here
  for (const [position, number] of numbers.entries()) {
    let [low, high] = [0, tails.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((numbers[tails[middle] as number] as number) < number) low = middle + 1;
      else high = middle;
    }
    before[position] = low === 0 ? -1 : (tails[low - 1] as number);
    tails[low] = position;
  }
  const chosen = new Set<number>();
  for (let at = tails.at(-1) ?? -1; at !== -1; at = before[at] as number) chosen.add(at);
  return chosen;
}
