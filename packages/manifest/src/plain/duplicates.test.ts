import { expect, it } from "vitest";
import { parseManifests } from "../reader/manifests.ts";
import { duplicates } from "./duplicates.ts";

const declare = (...objects: [apiVersion: string, kind: string, name: string, namespace?: string][]) =>
  parseManifests(
    objects
      .map(([apiVersion, kind, name, namespace]) =>
        JSON.stringify({ apiVersion, kind, metadata: { name, ...(namespace && { namespace }) } }),
      )
      .join("\n---\n"),
    { file: "a.yaml" },
  ).documents;

it("fault 30: the same identity twice is an error that names both places", () => {
  const errors = duplicates(
    declare(
      ["apps/v1", "Deployment", "web", "prod"],
      ["v1", "Service", "web", "prod"],
      ["apps/v1beta1", "Deployment", "web", "prod"],
      ["apps/v1", "Deployment", "web", "prod"],
    ),
  );
  expect(errors.map(({ code, message, origin }) => [code, message, origin])).toEqual([
    [
      "INVALID",
      "a.yaml:5: Deployment.apps prod/web is declared already at a.yaml:1",
      { file: "a.yaml", document: 3, line: 5 },
    ],
    [
      "INVALID",
      "a.yaml:7: Deployment.apps prod/web is declared already at a.yaml:1",
      { file: "a.yaml", document: 4, line: 7 },
    ],
  ]);
});

it("group, kind, namespace and name tell objects apart", () => {
  const objects = declare(
    ["apps/v1", "Deployment", "web", "prod"],
    ["other/v1", "Deployment", "web", "prod"],
    ["v1", "Deployment", "web", "prod"],
    ["apps/v1", "StatefulSet", "web", "prod"],
    ["apps/v1", "Deployment", "web", "test"],
    ["apps/v1", "Deployment", "web"],
    ["apps/v1", "Deployment", "api", "prod"],
    ["apps/v1", "Deployment", 'web"],["', "prod"],
  );
  expect(duplicates(objects)).toEqual([]);
  expect(duplicates([])).toEqual([]);
});
