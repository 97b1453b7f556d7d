import { TrueUpError } from "@trueup/spec";

const MAX_UINT64 = 2 ** 64;
const MIN_INT64 = -(2 ** 63);

/** As Go prints it: integers of 64 bits in full, everything else as `strconv.FormatFloat(x, 'g', -1, 64)`. Throws `INVALID` for NaN and infinities. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TrueUpError("INVALID", `${value} cannot be written as JSON or YAML`);
  if (Number.isInteger(value) && value >= MIN_INT64 && value < MAX_UINT64) return value === 0 ? "0" : String(value);
  const [mantissa = "", exponent = ""] = value.toExponential().split("e");
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(value);
  const digits = String(Math.abs(power)).padStart(2, "0");
  return `${mantissa}e${power < 0 ? "-" : "+"}${digits}`;
}
