/** The same numbers for the same seed (mulberry32). */
export interface Random {
  /** From 0 to 1, without 1. */
  next(): number;
  /** From 0 to `limit`, without `limit`. */
  below(limit: number): number;
  pick<T>(choices: readonly T[]): T;
  chance(probability: number): boolean;
  /** As many as `make` is called for: 0 to `limit`, without `limit`. */
  list<T>(limit: number, make: () => T): T[];
}

export function seeded(seed: number): Random {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    next,
    below,
    pick: (choices) => choices[below(choices.length)]!,
    chance: (probability) => next() < probability,
    list: (limit, make) => Array.from({ length: below(limit) }, make),
  };
}

/** Text that reads as something else, or nearly does. */
export const LOOKALIKES: readonly string[] = [
  ..."yes no on off y n Y N true True TRUE yEs null Null ~ << = inf NaN none e1 1e 1.2.3 1,000".split(" "),
  ..."0 -0 7 +7 0644 -010 08 0888 0o7 0O17 0x1F 0X1f 0b101 0B11 -0x1f +0x1f 0x 0b 0o 0b12 0_7 1_000 1__0 1_ _1 0x_1f".split(
    " ",
  ),
  ..."1.5 .5 5. -.5 +.5 .1_0 .1__0 .e1 1e3 1E3 1e3_0 012e1 0.1e-7 1e400 1e-400 0x1p3 123456789.123456789".split(" "),
  ..."9007199254740992 -9007199254740991 1:30 190:20:30.5 2001-01-01 2001-1-1 2001-13-01 2001-02-30".split(" "),
  ..."2001-12-14t21:59:43.10-05:00 2001-12-14T21:59:43Z 2001-12-14T1:2:3,5Z 2001-12-14T21:59:43+25:00".split(" "),
  "2001-12-14 21:59:43.10",
  "2001-12-14  1:2:3",
  "\u0661",
];
