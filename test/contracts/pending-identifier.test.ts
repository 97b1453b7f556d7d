/** A cloud that chooses identifiers itself, takes its time, and knows what is ours only by a token that we made up and stored first. */
import { createController, memoryStore } from "@trueup/core";
import { TrueUpError, type Key, type Observed, type Store, type Target } from "@trueup/spec";
import { memorySource } from "@trueup/testkit";
import { randomUUID } from "node:crypto";
import { describe, expect, it, onTestFinished } from "vitest";

/** One disk an accepted request; each takes `polls` questions until it is there. A token that was used before answers the first request. */
function cloud({ polls = 2 } = {}) {
  const requests = new Map<string, { id: string; left: number; size: number }>();
  return {
    disks: new Map<string, number>(),
    created: 0,
    failNext: undefined as Error | undefined,
    create(token: string, size: number): string {
      if (!requests.has(token)) {
        this.created += 1;
        requests.set(token, { id: `disk-${this.created}`, left: polls, size });
      }
      const answer = this.failNext;
      this.failNext = undefined;
      if (answer !== undefined) throw answer;
      return token;
    },
    poll(request: string): string | undefined {
      const found = requests.get(request);
      if (found === undefined) throw new TrueUpError("NOT_FOUND", `no request ${request}`);
      if (--found.left > 0) return undefined;
      this.disks.set(found.id, found.size);
      return found.id;
    },
  };
}

type Memory = { readonly token?: string; readonly request?: string; readonly id?: string };

function disks(server: ReturnType<typeof cloud>): Target {
  const live = (name: string, id: string) => ({
    manifest: { apiVersion: "disks/v1", kind: "Disk", metadata: { name }, size: server.disks.get(id) ?? 0 },
    uid: id,
  });
  return {
    name: "cloud",
    async observe(items) {
      return new Map(
        items.map(({ key, tracked }): [Key, Observed] => {
          const { id } = (tracked?.state ?? {}) as Memory;
          const there = id !== undefined && server.disks.has(id);
          return [key, there ? { status: "found", live: live(nameOf(key), id) } : { status: "absent" }];
        }),
      );
    },
    async apply({ key, declared, tracked }, _planned, _seen, { checkpoint }) {
      const { token = randomUUID(), request, id } = (tracked?.state ?? {}) as Memory;
      const size = declared?.manifest["size"] as number;
      if (id !== undefined && server.disks.has(id)) {
        server.disks.set(id, size);
        return { status: "done", live: live(nameOf(key), id) };
      }
      if (request === undefined) {
        await checkpoint({ token });
        return { status: "pending", state: { token, request: server.create(token, size) }, retryAfterMs: 5 };
      }
      const made = server.poll(request);
      if (made === undefined) return { status: "pending", state: { token, request }, retryAfterMs: 5 };
      return { status: "done", live: live(nameOf(key), made), state: { id: made } };
    },
    async delete({ state }) {
      server.disks.delete((state as Memory | undefined)?.id ?? "");
      return { status: "gone" };
    },
  };
}

const nameOf = (key: Key): string => key.slice(key.lastIndexOf("/") + 1);
const disk = (size: number, name = "data"): string =>
  `{apiVersion: disks/v1, kind: Disk, metadata: {name: ${name}}, size: ${size}}\n`;

describe("a target whose server chooses the identifier and answers pending", () => {
  /** A controller; several on one store are the same one, restarted. `patience` is how long it waits in a run. */
  function controller(server: ReturnType<typeof cloud>, store: Store, patience = 60_000) {
    const source = memorySource({ files: { "disk.yaml": disk(10) } });
    const made = createController({
      sources: { git: source },
      targets: { cloud: disks(server) },
      store,
      applications: [{ name: "data", source: "git", target: "cloud", healthTimeoutMs: patience }],
    });
    onTestFinished(async () => await made.stop());
    return { source, sync: async () => await made.sync("data"), stop: async () => await made.stop() };
  }
  const row = async (store: Store) => (await store.read("data")).inventory.values().next().value;

  it("waits for the server, then knows the object by its identifier", async () => {
    const [server, store] = [cloud(), memoryStore()];
    const { source, sync } = controller(server, store);
    expect((await sync()).outcome).toBe("succeeded");
    expect(await row(store)).toMatchObject({ uid: "disk-1", state: { id: "disk-1" } });
    expect((await sync()).changes).toEqual([]);
    source.commit({ "disk.yaml": disk(20) });
    expect((await sync()).changes).toMatchObject([{ action: "update", outcome: "done" }]);
    expect([...server.disks]).toEqual([["disk-1", 20]]);
    source.replace({ "other.yaml": disk(5, "other") });
    expect((await sync()).changes.map(({ action, outcome }) => [action, outcome])).toEqual([
      ["create", "done"],
      ["delete", "done"],
    ]);
    expect([...server.disks.keys()]).toEqual(["disk-2"]);
  });

  it("goes on after a restart where it stopped, without a second request", async () => {
    const [server, store] = [cloud({ polls: 3 }), memoryStore()];
    const before = controller(server, store, 2);
    const first = await before.sync();
    expect(first).toMatchObject({ outcome: "blocked", retryAfterMs: 5, changes: [{ outcome: "pending" }] });
    await before.stop();
    expect(await row(store)).toMatchObject({ state: { request: expect.any(String) } });
    expect((await controller(server, store).sync()).outcome).toBe("succeeded");
    expect([server.created, ...server.disks.keys()]).toEqual([1, "disk-1"]);
  });

  it("finds by its token what was made when the answer was lost", async () => {
    const [server, store] = [cloud(), memoryStore()];
    server.failNext = new TrueUpError("TIMEOUT", "the answer was lost");
    const before = controller(server, store);
    expect((await before.sync()).outcome).toBe("failed");
    await before.stop();
    expect(await row(store)).toMatchObject({ state: { token: expect.any(String) } });
    expect((await controller(server, store).sync()).outcome).toBe("succeeded");
    expect([server.created, ...server.disks.keys()]).toEqual([1, "disk-1"]);
  });
});
