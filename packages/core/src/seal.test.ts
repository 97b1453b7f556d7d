import type { Key, Lease, Store, Tracked } from "@trueup/spec";
import { expect, it } from "vitest";
import { memoryStore } from "./memory/memory-store.ts";
import { createSealer, sealingStore } from "./seal.ts";

const key = "t//K//a" as Key;
const row: Tracked = { key, apiVersion: "v1", dependsOn: [], state: { token: "canary", nested: { n: 1 } } };

async function write(store: Store, tracked: Tracked): Promise<void> {
  const lease = (await store.claim("app", "me", 1_000)) as Lease;
  await store.write([
    {
      application: "app",
      lease,
      rows: [
        { type: "track", tracked },
        { type: "state", state: { failures: 1 } },
      ],
    },
  ]);
  await lease.release();
}

it("a target's state is never written in plain text, and reads back as it was", async () => {
  const inner = memoryStore();
  const store = sealingStore(inner, createSealer("a key of sixteen"));
  await write(store, row);
  const raw = (await inner.read("app")).inventory.get(key);
  expect(JSON.stringify(raw)).not.toContain("canary");
  expect(Object.keys(raw?.state ?? {})).toEqual(["trueup.dev/sealed"]);
  const record = await store.read("app");
  expect(record.inventory.get(key)).toEqual(row);
  expect(record.state).toEqual({ failures: 1 });
});

it("two writes of the same are not told to be the same", async () => {
  const inner = memoryStore();
  const store = sealingStore(inner, createSealer("a key of sixteen"));
  const raw = async (): Promise<unknown> => (await inner.read("app")).inventory.get(key)?.state;
  await write(store, row);
  const first = await raw();
  await write(store, row);
  expect(await raw()).not.toEqual(first);
});

it("another key, another object's state, or a changed byte does not open", async () => {
  const inner = memoryStore();
  await write(sealingStore(inner, createSealer("a key of sixteen")), row);
  const opening = sealingStore(inner, createSealer("another key of sixteen")).read("app");
  await expect(opening).rejects.toMatchObject({
    code: "INVALID",
    key,
    message: `the target's state of ${key} does not open with this controller's key`,
  });
  const other = "t//K//b" as Key;
  const sealed = (await inner.read("app")).inventory.get(key) as Tracked;
  await write(inner, { ...sealed, key: other });
  await expect(sealingStore(inner, createSealer("a key of sixteen")).read("app")).rejects.toMatchObject({ key: other });
});

it("rows without state, and state that was never sealed, pass", async () => {
  const inner = memoryStore();
  const { state: _, ...plain } = row;
  await write(inner, row);
  await write(inner, { ...plain, key: "t//K//b" as Key });
  const { inventory } = await sealingStore(inner, createSealer("a key of sixteen")).read("app");
  expect([...inventory.values()].map(({ state }) => state)).toEqual([row.state, undefined]);
});

it("everything else is the store's own", async () => {
  const inner = memoryStore();
  const store = sealingStore(inner, createSealer("a key of sixteen"));
  await write(store, row);
  expect(await Array.fromAsync(store.list())).toEqual(["app"]);
  await store.settings.set("x", 1);
  expect(await inner.settings.get("x")).toBe(1);
  expect(await Array.fromAsync(store.history())).toEqual([]);
});
