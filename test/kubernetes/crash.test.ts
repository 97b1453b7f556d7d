import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Manifest } from "@trueup/spec";
import { runToKill, type KillPoint } from "@trueup/testkit";
import { describe, expect, it } from "vitest";
import { useKubernetes } from "../servers/vitest.ts";
import { CRASH_RESULT } from "./crash.files.ts";

const child = new URL("crash.child.ts", import.meta.url);

describe("row 36: killed at any step of an apply", () => {
  const cluster = useKubernetes();

  async function killed(point: KillPoint): Promise<"killed" | "finished"> {
    const namespace = await cluster().namespace();
    const directory = await mkdtemp(join(tmpdir(), "trueup-crash-"));
    try {
      const args = [cluster().kubeconfig, join(directory, "store.db"), namespace];
      const foreign = {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "foreign", namespace },
        data: { a: "theirs" },
      };
      await cluster().request("POST", `/api/v1/namespaces/${namespace}/configmaps`, foreign);
      const ended = await runToKill(child, point, { args });
      if (ended === "finished") return ended;
      // The dead one's lease ends by itself.
      await sleep(1_050);
      expect(await runToKill(child, { step: 0, when: "before" }, { args })).toBe("finished");
      const { body } = await cluster().request<{ items: Manifest[] }>(
        "GET",
        `/api/v1/namespaces/${namespace}/configmaps`,
      );
      const values = Object.fromEntries(
        body.items.map(({ metadata, data }) => [metadata.name, (data as Record<string, string>)["a"]]),
      );
      expect(values, `killed ${point.when} step ${point.step}`).toEqual({ ...CRASH_RESULT, foreign: "theirs" });
      return ended;
    } finally {
      await rm(directory, { recursive: true });
    }
  }

  it.for(["before", "after"] as const)(
    "%s it, the next run ends where Git says, and touches nothing else",
    { timeout: 300_000 },
    async (when) => {
      let steps = 0;
      // Two at a time: a killed one's lease takes a second to end.
      for (let step = 1, over = false; !over; step += 2) {
        const ended = await Promise.all([step, step + 1].map(async (step) => await killed({ step, when })));
        over = ended.includes("finished");
        steps += ended.filter((end) => end === "killed").length;
      }
      expect(steps).toBeGreaterThan(10);
    },
  );
});
