import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { failing, garbage, hanging, lostAnswer, slow } from "./faults.ts";
import { intercept, type Call } from "./intercept.ts";
import { memoryTarget } from "./memory-target.ts";
import { drive } from "./target-driver.ts";
import { runToKill } from "./crash.ts";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const web = { apiVersion: "v1", kind: "App", metadata: { name: "web" }, spec: { replicas: 2 } };

/** A class with private fields, a frozen member and one that is no function. */
class Thing {
  readonly name = "thing";
  readonly settings = Object.freeze({ get: async (name: string) => `${name} of ${this.#state}` });
  #state = "thing";
  async set(state: string): Promise<string> {
    await Promise.resolve();
    this.#state = state;
    return state;
  }
  list(): string {
    return this.#state;
  }
}

describe("intercept", () => {
  it("stands before every method, and counts each by itself", async () => {
    const calls: Call[] = [];
    const thing = intercept(new Thing(), (call, proceed) => {
      calls.push(call);
      return proceed();
    });
    await thing.set("a");
    await thing.set("b");
    expect([thing.name, thing.list(), await thing.settings.get("x")]).toEqual(["thing", "b", "x of b"]);
    expect(calls).toEqual([
      { method: "set", nth: 1, args: ["a"] },
      { method: "set", nth: 2, args: ["b"] },
      { method: "list", nth: 1, args: [] },
      { method: "settings.get", nth: 1, args: ["x"] },
    ]);
  });

  it("looks like what it wraps: members are there or not, the same each time, and spread", () => {
    const target = memoryTarget({ watch: false });
    const wrapped = intercept(Object.freeze(target), (_, proceed) => proceed());
    expect(wrapped.watch).toBeUndefined();
    expect("watch" in wrapped).toBe(false);
    expect(wrapped.observe).toBe(wrapped.observe);
    expect(Object.keys({ ...wrapped })).toEqual(Object.keys(target));
  });
});

describe("faults", () => {
  const outcomes = async (target: { observe: (...args: never[]) => Promise<unknown> }, times: number) => {
    const app = drive(memoryTarget());
    const found: string[] = [];
    for (let index = 0; index < times; index++) {
      const observe = target.observe as unknown as (items: readonly never[], context: unknown) => Promise<unknown>;
      found.push(
        await observe([], app.context()).then(
          (answer) => (answer instanceof Map ? "ok" : String(answer)),
          (error: Error) => error.message,
        ),
      );
    }
    return found;
  };
  const message = (nth: number) => `observe: the injected fault of call ${nth}`;

  it("failing: every call, the nth, some, or those that a test picks; and nothing reaches the target", async () => {
    const target = memoryTarget();
    expect(await outcomes(failing(target), 2)).toEqual([message(1), message(2)]);
    expect(target.calls.observe).toBe(0);
    expect(await outcomes(failing(target, { method: "observe", on: 2 }), 3)).toEqual(["ok", message(2), "ok"]);
    expect(await outcomes(failing(target, { method: ["apply", "observe"], on: [1, 3] }), 3)).toEqual([
      message(1),
      "ok",
      message(3),
    ]);
    expect(await outcomes(failing(target, { on: ({ nth }) => nth > 1 }), 3)).toEqual(["ok", message(2), message(3)]);
    expect(await outcomes(failing(target, { method: "apply" }), 1)).toEqual(["ok"]);
    expect(await outcomes(failing(target, { error: new Error("mine") }), 1)).toEqual(["mine"]);
  });

  it("failing: a rejection, or a throw where the method is synchronous", async () => {
    const target = failing(memoryTarget(), {});
    const promise = target.observe([], drive(memoryTarget()).context());
    await expect(promise).rejects.toMatchObject({ code: "UNAVAILABLE", retryable: true });
    expect(() => target.health?.({ manifest: web })).toThrow("health: the injected fault of call 1");
  });

  it("fault 42, lostAnswer: it is done, and nobody is told", async () => {
    const memory = memoryTarget();
    const app = drive(lostAnswer(memory, { method: "apply", on: 1 }));
    await expect(app.sync(web)).rejects.toMatchObject({
      code: "TIMEOUT",
      message: "apply: the answer of call 1 was lost",
    });
    expect(memory.objects()).toHaveLength(1);
    const { uid } = memory.live({ kind: "App", name: "web" })!;
    expect((await app.sync(web)).live.uid).toBe(uid);
    await expect(outcomes(lostAnswer(memory, { error: new Error("mine") }), 1)).resolves.toEqual(["mine"]);
  });

  it("fault 59, hanging: it never answers, whatever the signal says", async () => {
    const memory = memoryTarget();
    const target = hanging(memory, { method: "observe", on: 1 });
    const context = drive(memory).context(AbortSignal.abort());
    const settled = await Promise.race([
      target.observe([], context).then(() => "answered"),
      new Promise((resolve) => setTimeout(resolve, 30, "hangs")),
    ]);
    expect([settled, memory.calls.observe]).toEqual(["hangs", 0]);
    expect(await outcomes(target, 1)).toEqual(["ok"]);
  });

  it("fault 58, garbage: it answers what is in no contract", async () => {
    const memory = memoryTarget();
    expect(await outcomes(garbage(memory, { on: 1 }), 2)).toEqual(["undefined", "ok"]);
    expect(await outcomes(garbage(memory, { answer: 7 }), 1)).toEqual(["7"]);
    expect(garbage(memory, { answer: "ill" }).health?.({ manifest: web })).toBe("ill");
    expect(memory.calls.observe).toBe(1);
  });

  it("slow: it answers late, with the effect done before", async () => {
    const memory = memoryTarget();
    const app = drive(slow(memory, { method: "apply", ms: 50 }));
    const start = performance.now();
    const syncing = app.sync(web);
    await expect.poll(() => memory.objects().length, { interval: 2 }).toBe(1);
    expect(performance.now() - start).toBeLessThan(45);
    await syncing;
    expect(performance.now() - start).toBeGreaterThanOrEqual(49);
  });

  it("stand around each other", async () => {
    const target = slow(failing(memoryTarget(), { on: 2 }), { on: 1, ms: 1 });
    expect(await outcomes(target, 2)).toEqual(["ok", message(2)]);
  });
});

describe("killAt", () => {
  const program = (body: string): string => `
    import { appendFileSync } from "node:fs";
    import { killAt } from ${JSON.stringify(fileURLToPath(new URL("crash.ts", import.meta.url)))};
    const [file] = process.argv.slice(2);
    const write = (text) => appendFileSync(file, text);
    const wrap = killAt();
    const one = wrap({ a: async () => { await 0; write("a"); }, s: () => write("s") });
    const two = wrap({ b: async () => { await 0; write("b"); throw new Error("b"); } });
    ${body}
  `;
  const run = async (body: string, step: number, when: "before" | "after", timeoutMs = 20_000) => {
    const folder = mkdtempSync(join(tmpdir(), "trueup-kill-"));
    try {
      writeFileSync(join(folder, "child.mts"), program(body));
      writeFileSync(join(folder, "out"), "");
      const options = { args: [join(folder, "out")], timeoutMs };
      const outcome = await runToKill(join(folder, "child.mts"), { step, when }, options);
      return `${outcome} ${readFileSync(join(folder, "out"), "utf8")}`;
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  const body = `await one.a(); one.s(); await two.b().catch(() => {}); write("!");`;

  it(
    "ends the process before or after the effect of the nth call of any wrapped object",
    { timeout: 60_000 },
    async () => {
      expect(await run(body, 1, "before")).toBe("killed ");
      expect(await run(body, 1, "after")).toBe("killed a");
      expect(await run(body, 2, "before")).toBe("killed a");
      expect(await run(body, 2, "after")).toBe("killed as");
      expect(await run(body, 3, "after")).toBe("killed asb");
      expect(await run(body, 4, "before")).toBe("finished asb!");
    },
  );

  it("says when the child ends otherwise", { timeout: 60_000 }, async () => {
    await expect(run(`throw new Error("broken child");`, 9, "before")).rejects.toThrow(
      /ended with code 1 before step 9:[^]*broken child/,
    );
    await expect(run(`setInterval(() => {}, 1000);`, 9, "before", 2000)).rejects.toThrow("did not end at step 9");
  });
});
