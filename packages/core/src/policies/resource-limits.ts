import { isObject, type JsonObject } from "@trueup/spec";
import { containersOf } from "./containers.ts";
import { severityOf, textsOf } from "./parameters.ts";
import type { Policy } from "./policy.ts";
import { writtenBy } from "./written.ts";

/**
 * Every container says what it may use. Parameters: `limits` (default `cpu` and `memory`), `requests` (default none),
 * `severity`. Ephemeral containers, which cannot say it, are left out.
 */
export const resourceLimits: Policy = (input) => {
  const { parameters } = input;
  const severity = severityOf(parameters);
  const wanted = {
    limits: textsOf(parameters, "limits", ["cpu", "memory"]),
    requests: textsOf(parameters, "requests", []),
  };
  return [...writtenBy(input)].flatMap(([key, { manifest }]) =>
    containersOf(manifest)
      .filter(({ list }) => list !== "ephemeralContainers")
      .flatMap(({ name, container }) => {
        const missing = [...missingOf(container, "limits", wanted), ...missingOf(container, "requests", wanted)];
        return missing.length === 0
          ? []
          : [{ severity, key, message: `container ${name} has no ${missing.join(", ")}` }];
      }),
  );
};

function missingOf(
  { resources }: JsonObject,
  field: "limits" | "requests",
  wanted: Readonly<Record<typeof field, readonly string[]>>,
): readonly string[] {
  const given = isObject(resources) ? resources[field] : undefined;
  return wanted[field]
    .filter((name) => !isObject(given) || given[name] === undefined)
    .map((name) => `${field}.${name}`);
}
