import { createHmac, hkdfSync } from "node:crypto";
import { digestOf, type Declared, type Json, type Manifest, type Mask } from "@trueup/spec";
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
  const hmac = (text: string): string => createHmac("sha256", digests).update(text).digest("hex").slice(0, 40);
  // A declared object is immutable, and asked about in every plan.
  const known = new WeakMap<Declared, string>();
  // What a write's answer holds is asked about by the target and by the core.
  const last = new WeakMap<Manifest, { readonly mask: Mask; readonly print: string }>();
  return {
    redaction: derive("redaction"),
    random: derive("random"),
    value: (value) => hmac(digestOf(value ?? null)),
    fingerprint(manifest, mask) {
      const asked = last.get(manifest);
      if (asked?.mask === mask) return asked.print;
      const print = hmac(digestOf(project(manifest, mask)));
      last.set(manifest, { mask, print });
      return print;
    },
    declared(declared) {
      let digest = known.get(declared);
      if (digest === undefined) {
        digest = hmac(`${declared.digest} ${contentDigest(declared)}`);
        known.set(declared, digest);
      }
      return digest;
    },
  };
}
