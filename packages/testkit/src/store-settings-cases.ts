import assert from "node:assert/strict";
import type { Json } from "@trueup/spec";
import type { Case } from "./case.ts";
import { storeCase, type StoreHarness } from "./store-harness.ts";

const VALUES: readonly Json[] = [false, 0, "", null, [], {}, { stop: { by: "anna", at: [1, 2.5] } }];

export function settingsCases(harness: StoreHarness): readonly Case[] {
  return [
    storeCase(harness, "settings: set, replaced, removed, seen through every handle", async (open) => {
      const [first, second] = [await open(), await open()];
      assert.equal(await first.settings.get("stop"), undefined);
      for (const value of VALUES) {
        await first.settings.set("stop", value);
        assert.deepEqual(await second.settings.get("stop"), value);
      }
      await second.settings.set("other", 1);
      await first.settings.set("stop", undefined);
      assert.equal(await second.settings.get("stop"), undefined);
      assert.equal(await first.settings.get("other"), 1);
      await first.settings.set("stop", undefined);
    }),
    storeCase(harness, "settings: init sets what is absent and answers what stands there", async (open) => {
      const store = await open();
      assert.deepEqual(await store.settings.init("key", { k: 1 }), { k: 1 });
      assert.deepEqual(await store.settings.init("key", { k: 2 }), { k: 1 });
      assert.deepEqual(await store.settings.get("key"), { k: 1 });
      for (const [i, value] of VALUES.entries()) {
        await store.settings.set(`set ${i}`, value);
        assert.deepEqual(await store.settings.init(`set ${i}`, "other"), value);
        assert.deepEqual(await store.settings.get(`set ${i}`), value);
      }
    }),
    storeCase(harness, "settings: of inits at the same time, all answer the one that won", async (open) => {
      const stores = await Promise.all(Array.from({ length: 8 }, open));
      const answers = await Promise.all(stores.map((store, i) => store.settings.init("key", `from ${i}`)));
      const stands = await stores[0]!.settings.get("key");
      assert.ok(typeof stands === "string" && /^from [0-7]$/.test(stands), JSON.stringify(stands));
      assert.deepEqual(
        answers,
        answers.map(() => stands),
      );
    }),
    storeCase(harness, "settings: names are data", async (open) => {
      const store = await open();
      for (const name of ["__proto__", "it's", "constructor", ""]) {
        assert.equal(await store.settings.get(name), undefined);
        await store.settings.set(name, name);
        assert.equal(await store.settings.get(name), name);
      }
    }),
    storeCase(harness, "settings: later changes of the caller's object are not seen", async (open) => {
      const store = await open();
      const [set, init] = [{ list: [1] }, { list: [1] }];
      await store.settings.set("set", set);
      await store.settings.init("init", init);
      for (const value of [set, init]) value.list.push(2);
      assert.deepEqual(await store.settings.get("set"), { list: [1] });
      assert.deepEqual(await store.settings.get("init"), { list: [1] });
    }),
  ];
}
