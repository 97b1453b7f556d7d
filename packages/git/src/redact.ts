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
      "headers" in credentials
        ? Object.values(credentials.headers).flatMap((value) => [value].concat(value.split(" ")))
        : [
            credentials.password,
            encodeURIComponent(credentials.password),
            credentials.username,
            Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64"),
          ];
    // Short words ("git", "Bearer") would make every message unreadable, and are no secrets.
    for (const value of values) if (value.length >= 8) this.#secrets.add(value);
  }

  redact(text: string): string {
    let redacted = text.replaceAll(/\/\/[^/@\s]{1,1000}@/g, "//***@");
    for (const secret of this.#secrets) redacted = redacted.replaceAll(secret, "***");
    return redacted;
  }
}
