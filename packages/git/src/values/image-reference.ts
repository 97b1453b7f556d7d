import { TrueUpError } from "@trueup/spec";

/** `registry.example.com:5000/team/app:1.2@sha256:…`, in parts. */
export interface ImageReference {
  /** With the registry, where it has one. */
  readonly name: string;
  readonly tag?: string;
  /** `sha256:…` */
  readonly digest?: string;
}

// As the OCI distribution specification has them.
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]{32,}$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,254}$/;

/** Never throws: whatever it is, its parts put together are what it was. */
export function parseImage(text: string): ImageReference {
  const at = text.indexOf("@");
  const named = at === -1 ? text : text.slice(0, at);
  const digest = at === -1 ? undefined : text.slice(at + 1);
  // A colon before a slash is a port's.
  const colon = named.indexOf(":", named.lastIndexOf("/") + 1);
  return {
    name: colon === -1 ? named : named.slice(0, colon),
    ...(colon !== -1 && { tag: named.slice(colon + 1) }),
    ...(digest !== undefined && { digest }),
  };
}

export function formatImage({ name, tag, digest }: ImageReference): string {
  return `${name}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/** Throws `INVALID` for a part that no registry takes: it may come from one that is not trusted. */
export function checkImage({ name, tag, digest }: Partial<ImageReference>): void {
  const refuse = (what: string, text: string): TrueUpError =>
    new TrueUpError("INVALID", `${JSON.stringify(text)} is no image's ${what}`);
  if (name !== undefined && (!NAME.test(name) || parseImage(name).tag !== undefined)) throw refuse("name", name);
  if (tag !== undefined && !TAG.test(tag)) throw refuse("tag", tag);
  if (digest !== undefined && !DIGEST.test(digest)) throw refuse("digest", digest);
}
