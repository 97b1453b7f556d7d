import type { Credentials } from "./options.ts";

/** The repository's address for people: no user, password or query. */
export function displayUrl(url: string): string {
  try {
    const parsed = new URL(url);
    return `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
  } catch {
    return url.replace(/^[^/@]*@/, "");
  }
}

/** Takes what was given to a server out of what came back from it. */
export class Redactor {
  readonly #secrets = new Set<string>();

  add(credentials: Credentials): void {
    const values =
      "headers" in credentials ? Object.values(credentials.headers).flatMap(secretsOfHeader) : secretsOf(credentials);
    // Short words ("git", "Bearer") would make every message unreadable, and are no secrets.
    for (const value of values) if (value.length >= 8) this.#secrets.add(value);
  }

  redact(text: string): string {
    let redacted = text.replaceAll(/\/\/[^/@\s]{1,1000}@/g, "//***@");
    for (const secret of this.#secrets) redacted = redacted.replaceAll(secret, "***");
    return redacted;
  }
}

function secretsOf({ username, password }: { username: string; password: string }): string[] {
  const pair = `${username}:${password}`;
  return [password, encodeURIComponent(password), username, Buffer.from(pair).toString("base64")];
}

function secretsOfHeader(value: string): string[] {
  const [scheme = "", rest = ""] = value.split(" ");
  if (scheme.toLowerCase() !== "basic") return [value, ...value.split(" ")];
  const [username = "", ...password] = Buffer.from(rest, "base64").toString().split(":");
  return [value, ...secretsOf({ username, password: password.join(":") })];
}
