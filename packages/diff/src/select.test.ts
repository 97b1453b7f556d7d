import type { Manifest, ObjectSelector } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { selects } from "./select.ts";
import { cpuMs } from "./testing/cpu.ts";

const deployment: Manifest = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web-frontend", namespace: "prod" },
};
const namespace: Manifest = { apiVersion: "v1", kind: "Namespace", metadata: { name: "prod" } };

describe("selects", () => {
  it.each<[ObjectSelector, boolean]>([
    [{}, true],
    [{ group: "apps" }, true],
    [{ group: "batch" }, false],
    [{ group: "" }, false],
    [{ group: "apps/v1" }, false],
    [{ kind: "Deployment" }, true],
    [{ kind: "deployment" }, false],
    [{ kind: "Deploy" }, false],
    [{ namespace: "prod" }, true],
    [{ namespace: "test" }, false],
    [{ namespace: "" }, false],
    [{ name: "web-frontend" }, true],
    [{ name: "web" }, false],
    [{ group: "apps", kind: "Deployment", namespace: "prod", name: "web-frontend" }, true],
    [{ group: "apps", kind: "Deployment", namespace: "prod", name: "other" }, false],
    [{ group: "batch", kind: "Deployment" }, false],
    [{ name: "*" }, true],
    [{ name: "web-*" }, true],
    [{ name: "*-frontend" }, true],
    [{ name: "w*d" }, true],
    [{ name: "w*-*d" }, true],
    [{ name: "*front*" }, true],
    [{ name: "*back*" }, false],
    [{ name: "web*back" }, false],
    [{ name: "x*" }, false],
    [{ name: "*x" }, false],
    [{ name: "web-frontend*" }, true],
    [{ name: "*web-frontend" }, true],
    [{ name: "web-frontend*web-frontend" }, false],
    [{ name: "web-f*frontend" }, false],
    [{ name: "web-*n*n*n*" }, false],
    [{ name: "web-*n*end" }, true],
    [{ name: "*e*e*e*" }, false],
    [{ name: "*e*e*" }, true],
    [{ kind: "Deploy*", group: "a*" }, true],
  ])("%j: %s", (selector, expected) => {
    expect(selects(selector, deployment)).toBe(expected);
  });

  it("of an object without group or namespace", () => {
    expect(selects({ group: "", namespace: "" }, namespace)).toBe(true);
    expect(selects({ group: "*", namespace: "*" }, namespace)).toBe(true);
    expect(selects({ namespace: "prod" }, namespace)).toBe(false);
  });

  it("takes linear time", () => {
    const name = "a".repeat(50_000);
    const manifest = { ...namespace, metadata: { name } };
    const pattern = `${"a*".repeat(20_000)}b`;
    expect(cpuMs(() => expect(selects({ name: pattern }, manifest)).toBe(false))).toBeLessThan(500);
  });
});
