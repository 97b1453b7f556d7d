import { check, settle } from "./check.ts";
import { happen } from "./happen.ts";
import type { Sequence } from "./sequence.ts";
import { inVirtualTime } from "./time.ts";
import { createWorld } from "./world.ts";

/** What a sequence met, to see that it met anything. */
export interface Met {
  readonly runs: number;
  readonly writes: number;
  readonly deletes: number;
  readonly deaths: number;
  readonly interrupted: number;
  readonly checks: number;
}

/** Runs one sequence. Throws with what was wrong, and what led to it. */
export async function runSequence({ setup, steps }: Sequence): Promise<Met> {
  return await inVirtualTime(setup.random, async (time) => {
    const world = createWorld(setup, time);
    const unhandled = (error: unknown): void => void world.wrong.push(`nobody heard of ${String(error)}`);
    process.on("unhandledRejection", unhandled);
    let checks = 0;
    const checkNow = async (): Promise<void> => {
      world.trace.push("— check —");
      await settle(world);
      await check(world);
      checks++;
      if (world.wrong.length === 0) return;
      throw new Error(`${world.wrong.join("\n")}\n\n${world.trace.slice(-1_000).join("\n")}`);
    };
    try {
      for (let index = 0; index < setup.processes; index++) await world.start(index);
      for (const step of steps) {
        world.trace.push(`— ${JSON.stringify(step)}`);
        if (step.do === "check") await checkNow();
        else await happen(world, step);
        await time.pass(step.waitMs);
      }
      await checkNow();
      const interrupted = await Array.fromAsync(world.store.history({ limit: 100_000, outcome: "interrupted" }));
      return {
        runs: world.trace.filter((line) => line.includes("run-finished")).length,
        writes: world.writes.length,
        deletes: world.writes.filter(({ action }) => action === "delete").length,
        deaths: world.trace.filter((line) => line.endsWith(" dies")).length,
        interrupted: interrupted.length,
        checks,
      };
    } finally {
      process.off("unhandledRejection", unhandled);
      for (const one of world.running) one?.process.kill();
    }
  });
}
