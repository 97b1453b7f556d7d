import { TrueUpError } from "@trueup/spec";

/** Exclusive: the shortest digits of the bounds themselves no longer fit 64 bits. */
const BELOW_INTEGERS = -(2 ** 63);
const ABOVE_INTEGERS = 2 ** 64;

/** A JSON number as go-yaml writes it: integers of 64 bits in full, everything else as Go's `%g`. Throws `INVALID` for NaN and infinities. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TrueUpError("INVALID", `${value} cannot be written as JSON or YAML`);
  if (Number.isInteger(value) && value > BELOW_INTEGERS && value < ABOVE_INTEGERS)
    return value === 0 ? "0" : String(value);
  return formatG(value);
}

/** `strconv.FormatFloat(value, 'g', -1, 64)`: from 1e+06 and below 0.0001 with an exponent, of at least two digits. */
export function formatG(value: number): string {
  const [mantissa = "", exponent = ""] = value.toExponential().split("e");
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(value);
  return `${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

/** The same with the precision of 32 bits: as sigs.k8s.io/yaml names a field whose key is a float. */
export function formatG32(value: number): string {
  const single = Math.fround(value);
  if (!Number.isFinite(single)) return single < 0 ? "-.inf" : ".inf";
  for (let digits = 1; digits <= 9; digits++) {
    const shorter = Number(single.toPrecision(digits));
    if (Math.fround(shorter) === single) return formatG(shorter);
  }
  return formatG(value);
}
