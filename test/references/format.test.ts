import { formatReference, parseReference, type Reference } from "@trueup/core";
import { isTrueUpError } from "@trueup/spec";
import fc from "fast-check";
import { expect, it } from "vitest";

const part = fc.string({ unit: "binary", minLength: 1, maxLength: 30 }).filter((text) => text.isWellFormed());
const kind = part.filter((text) => !text.includes("."));
const pointer = fc
  .array(fc.string({ unit: "binary", maxLength: 20 }), { minLength: 1, maxLength: 5 })
  .map((tokens) => tokens.map((token) => `/${token.replaceAll("~", "~0").replaceAll("/", "~1")}`).join(""));
const as = fc.constantFrom("string" as const, "base64" as const);

const reference: fc.Arbitrary<Reference> = fc.oneof(
  fc.record(
    {
      type: fc.constant("object" as const),
      object: fc.record(
        { kind, group: fc.oneof(fc.constant(""), part), namespace: part, name: part },
        { requiredKeys: ["kind", "group", "name"] },
      ),
      target: part,
      pointer,
      as,
    },
    { requiredKeys: ["type", "object", "pointer"] },
  ),
  fc.record(
    {
      type: fc.constant("export" as const),
      application: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,40}$/),
      name: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,40}$/),
      as,
    },
    { requiredKeys: ["type", "application", "name"] },
  ),
);

it("whatever is written as a reference reads as the same", () => {
  fc.assert(
    fc.property(reference, (one) => {
      const text = formatReference(one);
      fc.pre(text.length <= 2_048);
      expect(parseReference(text)).toEqual(one);
    }),
    { numRuns: 2_000 },
  );
});

it("any other text is text, or refused with a reason, at once", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc
      .tuple(fc.constantFrom("trueup:v1/", "trueup:v1/object/", "trueup:v1/export/"), fc.string({ unit: "binary" }))
      .map((parts) => parts.join("")),
    fc.tuple(reference.map(formatReference), fc.nat(), fc.string({ maxLength: 3 })).map(([whole, at, insert]) => {
      const cut = at % (whole.length + 1);
      return `${whole.slice(0, cut)}${insert}${whole.slice(cut + 1)}`;
    }),
  );
  fc.assert(
    fc.property(text, (one) => {
      try {
        const found = parseReference(one);
        if (found === undefined) expect(one.startsWith("trueup:v1/")).toBe(false);
        // What reads as a reference is written as one that means the same.
        else expect(parseReference(formatReference(found))).toEqual(found);
      } catch (error) {
        if (!isTrueUpError(error)) throw error;
        expect(error.code).toBe("INVALID");
      }
    }),
    { numRuns: 2_000 },
  );
});
