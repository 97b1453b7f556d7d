import type { ApplicationState, Lease, RowChange } from "@trueup/spec";
import { expect, it } from "vitest";
import { memoryStore } from "../memory/memory-store.ts";
import { createRuntime, type Engine, type Runtime } from "../runtime.ts";
import { keyFor } from "../testing/planning.ts";
import { readRecord } from "./read-record.ts";

/** An application whose record was written by somebody, and a way to run it anew. */
async function stored(state: ApplicationState = {}) {
  const store = memoryStore();
  const key = keyFor("a");
  let reads = 0;
  const engine = {
    applications: new Map(),
    now: () => 7,
    store: { ...store, read: async (name: string) => (reads++, await store.read(name)) },
  } as unknown as Engine;
  const claimed = async (body: (lease: Lease) => Promise<void>): Promise<void> => {
    const lease = (await store.claim("web", "test", 10_000))!;
    await body(lease);
    await lease.release();
  };
  const write = async (...rows: RowChange[]): Promise<void> =>
    await claimed(async (lease) => await store.write([{ application: "web", lease, rows }]));
  await write({ type: "track", tracked: { key, apiVersion: "v1", dependsOn: [] } }, { type: "state", state });
  const runtime: Runtime = createRuntime(
    { name: "web", source: "repo", target: "live" },
    new Map(),
    async () => new Map(),
  );
  const read = async () => {
    const persisted: RowChange[] = [];
    let overtaken: boolean | undefined;
    await claimed(async (lease) => {
      const persist = async (rows: readonly RowChange[]): Promise<void> => void persisted.push(...rows);
      overtaken = await readRecord(engine, runtime, lease, { record: () => expect.fail("recorded"), persist });
      expect(runtime.record?.token).toBe(lease.token);
    });
    return { overtaken, persisted };
  };
  return { read, runtime, write, key, reads: () => reads };
}

it("is read before the first run: nobody was overtaken", async () => {
  const { read, runtime, key } = await stored({ failures: 2, revision: { id: "r5" } });
  expect(await read()).toEqual({ overtaken: false, persisted: [] });
  expect([...runtime.record!.inventory.keys()]).toEqual([key]);
  expect(runtime.owners.get(key)).toBe(runtime);
  expect([runtime.status.failures, runtime.status.revision]).toEqual([2, { id: "r5" }]);
});

it("is known where nobody claimed the application since", async () => {
  const { read, runtime, reads } = await stored();
  await read();
  runtime.observed.add("memory");
  runtime.status.revision = { id: "ours" };
  const { inventory } = runtime.record!;
  expect([await read(), reads()]).toEqual([{ overtaken: false, persisted: [] }, 1]);
  expect(runtime.record!.inventory).toBe(inventory);
  expect([...runtime.observed]).toEqual(["memory"]);
  expect(runtime.status).toMatchObject({ failures: 0, revision: { id: "ours" } });
});

it("is read anew where another had it since: what was seen then counts no longer", async () => {
  const { read, runtime, write, key } = await stored();
  await read();
  runtime.observed.add("memory");
  await write({ type: "untrack", key }, { type: "state", state: { revision: { id: "theirs" } } });
  expect(await read()).toEqual({ overtaken: true, persisted: [] });
  expect([runtime.record!.inventory.size, runtime.owners.size, runtime.observed.size]).toEqual([0, 0, 0]);
  expect(runtime.status.revision).toEqual({ id: "theirs" });
});

it("tells of a run that did not end, once", async () => {
  const intent = { run: "x", startedAt: 3, trigger: "commit", changes: [] };
  const { read, runtime } = await stored({ failures: 1, intent } as unknown as ApplicationState);
  const entry = { run: "x", startedAt: 3, trigger: "commit", finishedAt: 7, outcome: "interrupted", changes: [] };
  expect(await read()).toEqual({
    overtaken: false,
    persisted: [
      { type: "history", entry },
      { type: "state", state: { failures: 1 } },
    ],
  });
  expect(runtime.record!.state).toEqual({ failures: 1 });
  expect(await read()).toEqual({ overtaken: false, persisted: [] });
});
