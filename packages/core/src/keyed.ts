import { hash, hkdfSync } from "node:crypto";
import { canonicalJson, digestOf, type Declared, type Json, type Manifest, type Mask } from "@trueup/spec";
import { project } from "@trueup/diff";

/** Digests that say nothing to those without the key: a Secret's value cannot be guessed from the store. */
export interface Keyed {
  /** Of the value under a mask. */
  fingerprint(manifest: Manifest, mask: Mask): string;
  /** Of a declared object as a whole. */
  declared(declared: Declared): string;
  /** Of one value. */
  value(value: Json | undefined): string;
  /** The key for redaction: equal values show alike within what one controller prints. */
  readonly redaction: string;
  /** Seeds the renderers' random values. */
  readonly random: string;
}

/** Of the folder that the object stands for; `""` where it stands for none. */
export const contentDigest = ({ content }: Declared): string => content?.digest ?? content?.tree.digest ?? "";

/** `secret` is the controller's key, or the one that was made and kept beside the store. */
export function createKeyed(secret: string): Keyed {
  const derive = (purpose: string): string =>
    Buffer.from(hkdfSync("sha256", secret, "", `trueup ${purpose}`, 32)).toString("hex");
  const digests = derive("digests");
  const digest = hmac(digests);
  // A declared object is immutable, and asked about in every plan.
  const known = new WeakMap<Declared, string>();
  // What a write's answer holds is asked about by the target and by the core.
  const last = new WeakMap<Manifest, { readonly mask: Mask; readonly print: string }>();
  return {
    redaction: derive("redaction"),
    random: derive("random"),
    value: (value) => digest(digestOf(value ?? null)),
    fingerprint(manifest, mask) {
      const asked = last.get(manifest);
      if (asked?.mask === mask) return asked.print;
      const print = digest(canonicalJson(project(manifest, mask)));
      last.set(manifest, { mask, print });
      return print;
    },
    declared(declared) {
      let found = known.get(declared);
      if (found === undefined) {
        found = digest(`${declared.digest} ${contentDigest(declared)}`);
        known.set(declared, found);
      }
      return found;
    },
  };
}

const BLOCK = 64;

/**
 * The first 40 digits of HMAC-SHA-256 (RFC 2104) under a key of 64 ASCII characters, a block of SHA-256: two digests in one
 * call each, since an `Hmac` object for each of thousands costs more than what it digests.
 */
export function hmac(key: string): (text: string) => string {
  const pad = (by: number): Buffer => Buffer.from(key, "latin1").map((byte) => byte ^ by) as Buffer;
  const inner = pad(0x36).toString("latin1");
  const outer = Buffer.concat([pad(0x5c), Buffer.alloc(32)]);
  return (text) => {
    hash("sha256", inner + text, "buffer").copy(outer, BLOCK);
    return hash("sha256", outer, "hex").slice(0, 40);
  };
}
