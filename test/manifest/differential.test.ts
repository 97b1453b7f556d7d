// Random values and texts, through ours and through Go's. `TRUEUP_DIFFERENTIAL=100000 vitest run test/manifest/differential`
// asks about more of them; `TRUEUP_SEED` chooses which.
import { isDeepStrictEqual } from "node:util";
import { emitYaml, parseYaml, type Dialect } from "@trueup/manifest";
import type { Json } from "@trueup/spec";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildOracle, startOracle, type Oracle } from "./oracle.ts";
import { seeded } from "./random.ts";
import { randomValue } from "./random-values.ts";
import { randomYaml } from "./random-yaml.ts";

const CASES = Number(process.env["TRUEUP_DIFFERENTIAL"] ?? 3_000);
const SEED = Number(process.env["TRUEUP_SEED"] ?? 1);

/** What we refuse though Go reads it: said in the README, each a rule with tests of its own. */
const REFUSED = [
  /the field is there twice/,
  /unknown tag/,
  /tag (?:suffix|name|handle)/,
  /cannot be kept exactly/,
  /!!binary holds/,
  /the name of an anchor/,
  /must be quoted inside \[\] and \{\}/,
  /a space must stand behind the colon/,
  /an empty line behind a line that ends with a backslash/,
  /a time zone that JSON times cannot have/,
  /a key that is not a string must be quoted/,
  /a key must be a scalar/,
  /half of a surrogate pair/,
  // YAML 1.2 asks for indentation, space or order where go-yaml does without.
  /bad indentation/,
  /end of the stream or a document separator is expected/,
  /a whitespace character is expected/,
  /a line break is expected/,
  /missed comma/,
  /expected ':' after a mapping key/,
  /can not read a block mapping entry/,
  /`<<` takes a map/,
  /not a value of the type/,
  /duplication of an? (?:anchor|tag) property/,
  /too many errors/,
  /contains itself/,
  /a tab before or in \[\] or \{\}/,
  /a line break other than LF and CRLF/,
  /unknown escape sequence/,
];

/** What we read though Go refuses it: the value is not in doubt. */
const READ = [
  /found a tab character/,
  /found unknown escape character/,
  /did not find expected (?:node content|',' or|key|whitespace or line break|alphabetic or numeric)/,
  /mapping (?:values|keys) are not allowed in this context/,
  /found character that cannot start any token/,
  /map merge requires map or sequence of maps/,
  /unsupported map key of type/,
  /cannot decode !!str `.*` as a !!timestamp/,
  // Only of Kustomize, which wants a map and converts it to JSON.
  /cannot unmarshal/,
  /unsupported type: map/,
  /already defined at line/,
  /EOF/,
];

describe("against Go's YAML libraries", () => {
  let oracle: Oracle | undefined;
  let reason: string | undefined;
  beforeAll(async () => {
    const built = await buildOracle();
    if ("reason" in built) reason = built.reason;
    else oracle = startOracle(built.path);
  }, 600_000);
  beforeEach(({ skip }) => {
    if (reason !== undefined) skip(reason);
  });
  afterAll(() => oracle?.close());

  it(`writes ${CASES} random values as sigs.k8s.io/yaml does`, { timeout: 60_000 + CASES * 10 }, async () => {
    const random = seeded(SEED);
    let written = 0;
    for (let i = 0; i < CASES; i++) {
      const value = randomValue(random);
      const { output, error } = await oracle!.ask({ op: "write", value });
      // Control characters, and NEXT LINE at the wrong place: Go cannot read back the JSON that it makes in between.
      if (error !== undefined) continue;
      written++;
      const text = emitYaml(value);
      if (text !== output && (await isSettled(oracle!, value, output))) {
        expect({ value, text }).toEqual({ value, text: output });
      }
    }
    expect(written).toBeGreaterThan(CASES * 0.9);
  });

  it.each<Dialect>(["kubectl", "kustomize"])(
    `reads ${CASES} random texts as go-yaml does for %s, or refuses them`,
    { timeout: 60_000 + CASES * 10 },
    async (dialect) => {
      const random = seeded(SEED);
      const counts = { equal: 0, refusedByBoth: 0, refused: 0, read: 0 };
      for (let i = 0; i < CASES; i++) {
        const text = randomYaml(random);
        // Cut into documents before it is read, or no map and no list: nothing that a file of objects holds.
        if (/^---/m.test(text) || /^ *(?:[&!]\S* +)*[|>]/.test(text)) continue;
        // Kustomize prints comments too, and those behind `|+` with a line feed of their own, which is then read as text.
        if (dialect === "kustomize" && /[|>]2?\+/.test(text) && text.includes("# ")) continue;
        const { output, error } = await oracle!.ask({ op: dialect, text });
        const { documents, errors } = parseYaml(text, { file: "f", dialect });
        const ours = errors[0]?.message;
        if (ours !== undefined && error !== undefined) counts.refusedByBoth++;
        else if (ours !== undefined) {
          counts.refused++;
          if (!REFUSED.some((known) => known.test(ours))) expect({ text, ours }).toEqual({ text, output });
        } else if (error !== undefined) {
          counts.read++;
          if (!READ.some((known) => known.test(error)))
            expect({ text, value: documents[0]?.value }).toEqual({ text, error });
        } else {
          counts.equal++;
          const value: Json = documents[0]?.value ?? null;
          const expected = plainly(JSON.parse(output) as Json);
          if (!isDeepStrictEqual(plainly(value), expected)) expect({ text, value }).toEqual({ text, value: expected });
        }
      }
      expect(counts.equal).toBeGreaterThan(CASES * 0.25);
    },
  );
});

/** Whether Go writes the value so every time: its order of keys runs in circles for some, and then depends on chance. */
async function isSettled(oracle: Oracle, value: Json, output: string): Promise<boolean> {
  for (let i = 0; i < 50; i++) {
    if ((await oracle.ask({ op: "write", value })).output !== output) return false;
  }
  return true;
}

/** Without the sign of zero, which JSON.parse keeps. */
const plainly = (value: Json): unknown => JSON.parse(JSON.stringify(value));
