import type { Json, JsonObject, Manifest } from "@trueup/spec";
import fc from "fast-check";

/** Field names, among them such as are dangerous to look up carelessly. */
const fieldName: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("a", "b", "c", "name", "items", "env", "x/y", "x~y", "") },
  { weight: 1, arbitrary: fc.constantFrom("constructor", "toString", "hasOwnProperty", "length", "0", "-") },
  { weight: 2, arbitrary: fc.string({ maxLength: 4 }).filter((name) => name !== "__proto__") },
);

const scalar: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(null, true, false, "", "a", "b", "1", 0, 1, 2),
  fc.string({ maxLength: 6 }),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (number === 0 ? 0 : number)),
);

/** Lists of maps with a unique name, from few names: two of them overlap. */
function keyed(item: fc.Arbitrary<JsonObject>): fc.Arbitrary<Json> {
  return fc
    .uniqueArray(fc.constantFrom("p", "q", "r", "s", "t", "u", "v"), { maxLength: 7 })
    .chain((names) => fc.tuple(...names.map((name) => item.map((fields) => ({ ...fields, name })))))
    .map((items) => [...items]);
}

/** Any JSON, rich in lists whose items have a name. */
export const json: fc.Arbitrary<Json> = fc.letrec<{ value: Json; map: JsonObject }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    { weight: 3, arbitrary: scalar },
    { weight: 2, arbitrary: tie("map") },
    { weight: 2, arbitrary: keyed(tie("map")) },
    { weight: 1, arbitrary: fc.array(tie("value"), { maxLength: 5 }) },
    { weight: 1, arbitrary: fc.array(scalar, { maxLength: 8 }) },
  ),
  map: fc.dictionary(fieldName, tie("value"), { maxKeys: 4, noNullPrototype: true }),
})).value;

export const map: fc.Arbitrary<JsonObject> = fc.dictionary(fieldName, json, { maxKeys: 5, noNullPrototype: true });

/** A declared object: its spec and labels are arbitrary. */
export const manifest: fc.Arbitrary<Manifest> = fc
  .record({ spec: map, labels: fc.dictionary(fieldName, fc.string()) })
  .map(({ spec, labels }) => ({
    apiVersion: "example.dev/v1",
    kind: "Thing",
    metadata: { name: "thing", labels: { ...labels }, finalizers: ["example.dev/ours"] },
    spec,
  }));
