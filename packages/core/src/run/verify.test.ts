import { keyOf, TrueUpError, type Health, type Key, type Target } from "@trueup/spec";
import { memoryTarget } from "@trueup/testkit";
import { expect, it } from "vitest";
import { createHealthWaiter } from "../apply/health.ts";
import { config, history, world } from "../testing/world.ts";
import { verify } from "./verify.ts";

const [a, b] = ["a", "b"].map((name) => keyOf({ target: "t", group: "", kind: "K", namespace: "", name })) as [
  Key,
  Key,
];

const waiter = (healths: Readonly<Record<Key, Health>>, timeoutMs = 20) => {
  const health = createHealthWaiter({ observe: async () => new Map(), timeoutMs: () => timeoutMs });
  for (const [key, value] of Object.entries(healths)) health.report(key as Key, value);
  return health;
};
const never = new AbortController().signal;

it("says the worst, in its target's words where it has some", async () => {
  const health = waiter({ [a]: { status: "suspended" }, [b]: { status: "degraded", message: "1 of 2" } });
  const asked: Key[] = [];
  const explain = async (key: Key): Promise<string> => {
    asked.push(key);
    return "1 of 2 (Pod x: ImagePullBackOff)";
  };
  expect(await verify({ health, keys: [a, b], signal: never, explain })).toEqual({
    status: "degraded",
    message: "K b is degraded: 1 of 2 (Pod x: ImagePullBackOff)",
  });
  expect(asked).toEqual([b]);
  expect(await verify({ health, keys: [a, b], signal: never })).toMatchObject({ message: "K b is degraded: 1 of 2" });
  expect(await verify({ health, keys: [a], signal: never, explain })).toMatchObject({ message: "K a is suspended" });
  expect(asked, "what is suspended was meant to be").toEqual([b]);
  const silent = async (): Promise<undefined> => undefined;
  expect(await verify({ health, keys: [b], signal: never, explain: silent })).toMatchObject({
    message: "K b is degraded: 1 of 2",
  });
  expect(await verify({ health, keys: [], signal: never, explain })).toEqual({ status: "healthy" });
});

it("says how long was waited", async () => {
  const health = waiter({ [a]: { status: "progressing", message: "0 of 1" } });
  const explain = async (): Promise<string> => "0 of 1 (Pod x: Pending)";
  expect(await verify({ health, keys: [a], signal: never, explain })).toEqual({
    status: "degraded",
    reason: "Timeout",
    message: "K a is degraded: not healthy within 20 ms: 0 of 1 (Pod x: Pending)",
  });
});

it("waits for none of the others once one is broken, and says at each step for how many it waits", async () => {
  const health = waiter({ [a]: { status: "progressing" }, [b]: { status: "progressing" } }, 60_000);
  const steps: string[] = [];
  const onWaiting = (waiting: number, total: number): void => void steps.push(`${waiting} of ${total}`);
  const well = keyOf({ target: "t", group: "", kind: "K", namespace: "", name: "well" });
  const verified = verify({ health, keys: [a, well, b], signal: never, onWaiting });
  health.report(b, { status: "degraded", message: "it fell over" });
  expect(await verified).toEqual({ status: "degraded", message: "K b is degraded: it fell over" });
  expect(steps).toEqual(["1 of 3", "2 of 3", "1 of 3", "0 of 3"]);
});

it("waits on for the others where one only rests; what became healthy is not told of", async () => {
  const health = waiter({ [a]: { status: "progressing" }, [b]: { status: "suspended" } }, 60_000);
  let done = false;
  const verified = verify({ health, keys: [a, b], signal: never }).finally(() => (done = true));
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(done).toBe(false);
  health.report(a, { status: "healthy" });
  expect(await verified).toEqual({ status: "suspended", message: "K b is suspended" });
});

it("asks nobody once something newer is there", async () => {
  const newer = new AbortController();
  const health = waiter({ [a]: { status: "progressing" } }, 10_000);
  const explain = async (): Promise<string> => {
    throw new Error("asked");
  };
  const verified = verify({ health, keys: [a], signal: newer.signal, explain });
  newer.abort();
  expect(await verified).toEqual({ status: "progressing", message: "K a is progressing" });
});

it("stands in history; a target that fails to explain harms nothing", async () => {
  const target = memoryTarget({ health: () => ({ status: "degraded", message: "broken" }) });
  const explains: Pick<Target, "explain"> = {
    explain: async ({ key }, { application }) => ({ message: `${application}: ${key} finds no node` }),
  };
  const told = world({ "a.yaml": config("a", "1") }, {}, { target: Object.assign(target, explains) });
  expect((await told.controller.sync("web")).error?.message).toBe(
    "ConfigMap demo/a is degraded: web: memory//ConfigMap/demo/a finds no node",
  );
  expect((await history(told.controller))[0]?.error?.message).toContain("finds no node");

  const broken = memoryTarget({ health: () => ({ status: "degraded", message: "broken" }) });
  const fails: Pick<Target, "explain"> = {
    explain: async () => {
      throw new TrueUpError("UNAVAILABLE", "no answer");
    },
  };
  const { controller } = world({ "a.yaml": config("a", "1") }, {}, { target: Object.assign(broken, fails) });
  expect((await controller.sync("web")).error?.message).toBe("ConfigMap demo/a is degraded: broken");
});
