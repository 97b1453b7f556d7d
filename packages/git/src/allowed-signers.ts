import { TrueUpError } from "@trueup/spec";

/** A line of an allowed signers file (ssh-keygen(1)). */
export interface AllowedSigner {
  /** As it stands: one or more patterns. */
  readonly principals: string;
  /** The key's blob, in base64. */
  readonly key: string;
  readonly namespaces?: readonly string[];
  /** Milliseconds since the epoch. */
  readonly validAfter?: number;
  readonly validBefore?: number;
}

const KEY_TYPE = /^(?:ssh-|ecdsa-|sk-)/;

/** Throws `INVALID` for a line that is none, `UNSUPPORTED` for certificate authorities: a signer that is passed over in silence would only show later. */
export function parseAllowedSigners(text: string): AllowedSigner[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) return [];
    return [parseLine(trimmed, index + 1)];
  });
}

function parseLine(line: string, number: number): AllowedSigner {
  const invalid = (what: string): TrueUpError => new TrueUpError("INVALID", `allowed signers, line ${number}: ${what}`);
  const [principals = "", second = "", third = "", fourth = ""] = line.match(/(?:[^\s"]|"[^"]*")+/g) ?? [];
  const hasOptions = !KEY_TYPE.test(second);
  const type = hasOptions ? third : second;
  const key = hasOptions ? fourth : third;
  if (!KEY_TYPE.test(type) || !/^[A-Za-z0-9+/]+={0,2}$/.test(key))
    throw invalid("is not `principals [options] type key`");
  const options = hasOptions ? (second.match(/(?:[^,"]|"[^"]*")+/g) ?? []) : [];
  const signer: { -readonly [K in keyof AllowedSigner]: AllowedSigner[K] } = {
    principals: principals.replaceAll('"', ""),
    key,
  };
  for (const option of options) {
    const equals = option.indexOf("=");
    const name = (equals === -1 ? option : option.slice(0, equals)).toLowerCase();
    const value = equals === -1 ? "" : option.slice(equals + 1).replaceAll('"', "");
    if (name === "namespaces") signer.namespaces = value.split(",");
    else if (name === "valid-after") signer.validAfter = parseTime(value) ?? fail();
    else if (name === "valid-before") signer.validBefore = parseTime(value) ?? fail();
    else if (name === "cert-authority")
      throw new TrueUpError(
        "UNSUPPORTED",
        `allowed signers, line ${number}: certificate authorities are not supported`,
      );
    else throw invalid(`option ${name} is not known`);
    function fail(): never {
      throw invalid(`${name} is no time: ${value}`);
    }
  }
  return signer;
}

/** `YYYYMMDD[HHMM[SS]][Z]`; local time unless it ends in Z. */
function parseTime(text: string): number | undefined {
  const match = /^(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?(Z?)$/.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour = "00", minute = "00", second = "00", zone] = match;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`);
  return Number.isNaN(time) ? undefined : time;
}

/** The first line with this key that counts for the namespace at the time. */
export function findSigner(
  signers: readonly AllowedSigner[],
  publicKey: Buffer,
  namespace: string,
  time: number,
): AllowedSigner | undefined {
  const key = publicKey.toString("base64");
  return signers.find(
    (signer) =>
      signer.key === key &&
      (signer.namespaces?.includes(namespace) ?? true) &&
      time >= (signer.validAfter ?? -Infinity) &&
      time < (signer.validBefore ?? Infinity),
  );
}
