import type { Json, Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { celCheck } from "./cel.ts";

const object = (status: Json | undefined, metadata: object = {}, kind = "Cluster"): Manifest => ({
  apiVersion: "example.org/v1",
  kind,
  metadata: { name: "a", generation: 2, ...metadata },
  ...(status !== undefined && { status }),
});
const check = celCheck({
  apiVersion: "example.org/v1beta1",
  kind: "Cluster",
  inProgress: "status.phase == 'Scaling'",
  failed: "status.conditions.exists(c, c.type == 'Failed' && c.status == 'True')",
  current: "status.phase == 'Ready' && status.nodes >= 2",
});
const judged = (manifest: Manifest): string | undefined => check({ manifest })?.status;

describe("a health check by CEL", () => {
  it("asks in progress, failed and current, in this order", () => {
    expect(judged(object({ phase: "Scaling", conditions: [{ type: "Failed", status: "True" }] }))).toBe("progressing");
    expect(judged(object({ phase: "Ready", nodes: 2, conditions: [{ type: "Failed", status: "True" }] }))).toBe(
      "degraded",
    );
    expect(judged(object({ phase: "Ready", nodes: 2, conditions: [] }))).toBe("healthy");
  });

  it("takes a field that is not there for false, and what says nothing for progressing", () => {
    expect(judged(object(undefined))).toBe("progressing");
    expect(judged(object({ phase: "Ready", conditions: [] }))).toBe("progressing");
    expect(judged(object({ phase: "Other", nodes: 1, conditions: [] }))).toBe("progressing");
  });

  it("believes nothing about a generation that was not observed, or what is being deleted", () => {
    expect(judged(object({ phase: "Ready", nodes: 2, conditions: [], observedGeneration: 1 }))).toBe("progressing");
    expect(judged(object({ phase: "Ready", nodes: 2, conditions: [] }, { deletionTimestamp: "2026" }))).toBe(
      "progressing",
    );
  });

  it("says nothing of other kinds and groups", () => {
    expect(judged(object({}, {}, "Other"))).toBeUndefined();
    expect(check({ manifest: { ...object({}), apiVersion: "v1" } })).toBeUndefined();
  });

  it("says what cannot be decided, and refuses what is no expression", () => {
    const odd = celCheck({ apiVersion: "example.org/v1", current: "status.phase" });
    expect(odd({ manifest: object({ phase: "Ready" }) })).toEqual({
      status: "unknown",
      reason: "InvalidCELExpression",
      message: "current: is neither true nor false",
    });
    expect(() => celCheck({ apiVersion: "example.org/v1", current: "status.(" })).toThrow(
      expect.objectContaining({ code: "INVALID" }),
    );
    expect(() => celCheck({ apiVersion: "example.org/v1", current: `a${" || a".repeat(1_000)}` })).toThrow(
      expect.objectContaining({ code: "LIMIT" }),
    );
  });
});
