/** Go's `FormatFloat(x, 'g', -1, 64)`: the shortest digits, with an exponent below -4 and from 6 (`eFrom`; `%v` takes 21). */
export function formatFloat(value: number, eFrom = 6): string {
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [mantissa = "", exponentText = "0"] = value.toExponential().split("e");
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < eFrom) return withoutExponent(value);
  const size = Math.abs(exponent);
  return `${mantissa}e${exponent < 0 ? "-" : "+"}${size < 10 ? "0" : ""}${size}`;
}

/** As Go's encoding/json writes a float64. */
export function jsonNumber(value: number): string {
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-6 && size < 1e21)) return withoutExponent(value);
  const [mantissa = "", exponent = "0"] = value.toExponential().split("e");
  return `${mantissa}e${exponent}`;
}

function withoutExponent(value: number): string {
  const text = String(value);
  if (!text.includes("e")) return text;
  // 1e-5: JavaScript writes an exponent where these callers want none.
  const [mantissa = "", exponent = "0"] = text.split("e");
  const sign = mantissa.startsWith("-") ? "-" : "";
  return `${sign}0.${"0".repeat(-Number(exponent) - 1)}${mantissa.replace("-", "").replace(".", "")}`;
}
