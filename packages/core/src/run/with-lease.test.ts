import { describe, expect, it } from "vitest";
import { memoryStore } from "../memory/memory-store.ts";
import type { Engine } from "../runtime.ts";
import { withLease } from "./with-lease.ts";

const engineOn = (store = memoryStore()) => ({ store, holder: "us", leaseMs: 1_000 }) as unknown as Engine;

describe("withLease", () => {
  it("holds the application while the body runs, for longer than a lease lasts, and lets go of it after", async () => {
    const engine = engineOn();
    const answer = await withLease(engine, "web", async (lease) => {
      await new Promise((resolve) => setTimeout(resolve, 1_300));
      expect(lease.valid(), "it was renewed").toBe(true);
      expect(await engine.store.claim("web", "they", 1_000)).toBeUndefined();
      return "done";
    });
    expect(answer).toBe("done");
    expect(await engine.store.claim("web", "they", 1_000)).toBeDefined();
  });

  it("lets go of it where the body throws", async () => {
    const engine = engineOn();
    const failing = withLease(engine, "web", async () => {
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await engine.store.claim("web", "they", 1_000)).toBeDefined();
  });

  it("waits for another who holds it, as long as a lease lasts", async () => {
    const engine = engineOn();
    const theirs = await engine.store.claim("web", "they", 60_000);
    setTimeout(() => void theirs?.release(), 250);
    expect(await withLease(engine, "web", async ({ holder }) => holder)).toBe("us");
  });

  it("is a CONFLICT where another holds it still", async () => {
    const engine = engineOn();
    await engine.store.claim("web", "they", 60_000);
    const from = performance.now();
    await expect(withLease(engine, "web", async () => "never")).rejects.toMatchObject({
      code: "CONFLICT",
      message: "application web is held by another controller",
    });
    expect(performance.now() - from).toBeGreaterThanOrEqual(950);
  });
});
