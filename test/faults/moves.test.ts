// Fault 34 on targets and stores that outlive the process. Seen to fail with `outgoing` and `incoming` left empty: the object is deleted.
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createController, memoryStore, type Controller } from "@trueup/core";
import { filesystem } from "@trueup/filesystem";
import type { Store, Target } from "@trueup/spec";
import { sqliteStore } from "@trueup/sqlite";
import { memorySource, memoryTarget } from "@trueup/testkit";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";

const config = (name: string, value = "one"): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n  namespace: demo\ndata:\n  value: ${value}\n`;

const controllers: Controller[] = [];
afterEach(
  async () => void (await Promise.all(controllers.splice(0).map(async (controller) => await controller.stop()))),
);

interface Place {
  readonly target: Target;
  /** Of what stands there under this name. */
  readonly identity: (name: string) => Promise<string | undefined>;
}

async function memoryPlace(): Promise<Place> {
  const target = memoryTarget();
  return { target, identity: async (name) => target.live({ kind: "ConfigMap", namespace: "demo", name })?.uid };
}

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "trueup-moves-"));
  onTestFinished(async () => await rm(path, { recursive: true, force: true }));
  return path;
}

async function filesystemPlace(): Promise<Place> {
  const root = await directory();
  const target = filesystem({ root });
  const files = async (name: string): Promise<string | undefined> => {
    const path = join(root, "demo", "ConfigMap", `${name}.yaml`);
    return await stat(path).then(
      () => path,
      () => undefined,
    );
  };
  return { target, identity: files };
}

async function memoryStores(): Promise<() => Store> {
  const store = memoryStore();
  return () => store;
}

describe.each([
  ["memory", "memory", memoryPlace, memoryStores],
  ["memory", "sqlite", memoryPlace, sqlitePlace],
  ["filesystem", "memory", filesystemPlace, memoryStores],
  ["filesystem", "sqlite", filesystemPlace, sqlitePlace],
])("target %s, store %s", (_target, _store, makePlace, makeStore) => {
  it.each([[["giver", "receiver"]], [["receiver", "giver"]]])(
    "fault 34: an object that moves between applications is handed over, not deleted (%s)",
    async (order) => {
      const { target, identity } = await makePlace();
      const open = await makeStore();
      let deletes = 0;
      const counting: Target = {
        ...target,
        delete: async (...args) => {
          deletes++;
          return await target.delete(...args);
        },
      };
      const source = memorySource({
        files: { "g/a.yaml": config("a"), "g/b.yaml": config("b"), "r/c.yaml": config("c") },
      });
      const start = (): Controller => {
        const controller = createController({
          sources: { git: source },
          targets: { live: counting },
          store: open(),
          applications: [
            { name: "giver", source: "git", path: "g", target: "live" },
            { name: "receiver", source: "git", path: "r", target: "live" },
          ],
        });
        controllers.push(controller);
        return controller;
      };
      const synced = async (controller: Controller): Promise<string[]> => {
        const told: string[] = [];
        for (const name of order) {
          const { outcome, error, changes } = await controller.sync(name);
          expect([error?.message, ["succeeded", "settled"].includes(outcome)]).toEqual([undefined, true]);
          told.push(...changes.map(({ action, key }) => `${action} ${key.slice(key.lastIndexOf("/") + 1)}`));
        }
        return told;
      };
      let controller = start();
      await synced(controller);
      const before = await identity("b");
      source.commit({ "g/b.yaml": undefined, "r/b.yaml": config("b") });
      expect(await synced(controller)).toEqual(["update b"]);
      expect([await identity("b"), deletes]).toEqual([before, 0]);
      expect(before).toBeDefined();

      // Back, with other content, and across a restart.
      await controller.stop();
      source.commit({ "g/b.yaml": config("b", "two"), "r/b.yaml": undefined });
      controller = start();
      expect(await synced(controller)).toEqual(["update b"]);
      expect([await identity("b"), deletes]).toEqual([before, 0]);

      source.commit({ "g/b.yaml": undefined });
      expect(await synced(controller)).toEqual(["delete b"]);
      expect([await identity("b"), deletes]).toEqual([undefined, 1]);
    },
  );
});

async function sqlitePlace(): Promise<() => Store> {
  const path = join(await directory(), "state.db");
  const stores: Store[] = [];
  onTestFinished(async () => void (await Promise.all(stores.map(async (store) => await store.close?.()))));
  return () => {
    const store = sqliteStore({ path });
    stores.push(store);
    return store;
  };
}
