const SUFFIXES: Readonly<Record<string, readonly [base: bigint, power: number]>> = {
  n: [10n, -9],
  u: [10n, -6],
  m: [10n, -3],
  "": [10n, 0],
  k: [10n, 3],
  M: [10n, 6],
  G: [10n, 9],
  T: [10n, 12],
  P: [10n, 15],
  E: [10n, 18],
  Ki: [2n, 10],
  Mi: [2n, 20],
  Gi: [2n, 30],
  Ti: [2n, 40],
  Pi: [2n, 50],
  Ei: [2n, 60],
};

/** The amount that a quantity stands for, in thousand-millionths, rounded up as Kubernetes does; undefined where it is none. */
export function amountOf(quantity: string | number): bigint | undefined {
  const match =
    /^([+-]?)(\d{0,40})(?:\.(\d{0,40}))?(?:[eE]([+-]?\d{1,2})|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?)$/.exec(
      String(quantity),
    );
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", exponent, suffix = ""] = match;
  if (whole === "" && fraction === "") return undefined;
  const [base, power] = exponent === undefined ? (SUFFIXES[suffix] ?? [10n, 0]) : ([10n, Number(exponent)] as const);
  const up = (base: bigint, power: number): bigint => (power > 0 ? base ** BigInt(power) : 1n);
  const numerator = BigInt(whole + fraction) * up(base, power) * 10n ** 9n;
  const denominator = 10n ** BigInt(fraction.length) * up(base, -power);
  const amount = (numerator + denominator - 1n) / denominator;
  return sign === "-" ? -amount : amount;
}
