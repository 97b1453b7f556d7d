import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { isObject, type WatchEvent } from "@trueup/spec";
import { filesystem } from "./filesystem.ts";
import { watchTree } from "./tree-watch.ts";
import {
  context,
  file,
  itemOf,
  keyFor,
  observe,
  place,
  PLANNED,
  service,
  sync,
  toYaml,
  type Place,
} from "./testing/place.ts";

const PATH = "prod/Service.example.dev/web.yaml";
const KEY = keyFor(service("web"));

interface Watched {
  readonly events: WatchEvent[];
  /** The first event that passes, of those since the last call; and how long it took. */
  next(test: (event: WatchEvent) => boolean): Promise<{ readonly event: WatchEvent; readonly ms: number }>;
  /** What was told, once nothing more comes. */
  settled(): Promise<readonly string[]>;
}

async function watch({ target }: Pick<Place, "target">, installation = "test"): Promise<Watched> {
  const events: WatchEvent[] = [];
  const stop = await target.watch?.({ installation }, (event) => events.push(event));
  onTestFinished(async () => await stop?.());
  const begin = () => performance.now();
  return {
    events,
    async next(test) {
      const start = begin();
      while (performance.now() - start < 2000) {
        const event = events.find(test);
        if (event !== undefined) {
          events.splice(0, events.indexOf(event) + 1);
          return { event, ms: performance.now() - start };
        }
        await sleep(1);
      }
      throw new Error(`not told within 2,000 ms; told: ${events.map(describeEvent).join(", ")}`);
    },
    async settled() {
      for (let count = -1; count !== events.length;) {
        count = events.length;
        await sleep(100);
      }
      return events.splice(0).map(describeEvent);
    },
  };
}

function describeEvent(event: WatchEvent): string {
  if (event.type === "lost") return `lost: ${event.error.message}`;
  if (event.type === "resynced") return "resynced";
  const name = event.key.slice(event.key.lastIndexOf("/") + 1);
  if (event.type === "gone") return `gone ${name}`;
  const { spec, unreadable } = event.live.manifest;
  const value = isObject(spec) ? (spec["replicas"] ?? spec["content"] ?? spec["contentBase64"]) : unreadable;
  return `changed ${name}: ${JSON.stringify(value)}`;
}

const changed = (event: WatchEvent): boolean => event.type === "changed";
const edited = (at: Place, replicas: number): string =>
  at.read(PATH)!.replace(/replicas: \d+/, `replicas: ${replicas}`);

describe("a hand edit is told", () => {
  it("within 100 ms, mostly within 20", async () => {
    using at = place();
    await sync(at.target, service("web"));
    const { next } = await watch(at);
    const times: number[] = [];
    for (let replicas = 10; replicas < 30; replicas++) {
      at.write(PATH, edited(at, replicas));
      const { event, ms } = await next((event) => describeEvent(event) === `changed web: ${replicas}`);
      expect(event).toMatchObject({
        key: KEY,
        live: { uid: expect.stringMatching(/\/prod\/Service\.example\.dev\/web\.yaml$/) },
      });
      times.push(ms);
    }
    const median = times.toSorted((a, b) => a - b)[10];
    expect(median).toBeLessThan(60); // a machine with nothing else to do: 12
  });

  it.each<[string, (path: string, text: string) => void]>([
    ["written in place", (path, text) => writeFileSync(path, text)],
    [
      "cut off and written again in steps",
      (path, text) => {
        writeFileSync(path, "");
        for (const line of text.split(/(?<=\n)/)) appendFileSync(path, line);
      },
    ],
    [
      "written beside and renamed over, as sed -i does",
      (path, text) => {
        writeFileSync(join(path, "../sedA1b2C3"), text);
        renameSync(join(path, "../sedA1b2C3"), path);
      },
    ],
    [
      "removed, and another moved to its place, which may get its inode number",
      (path, text) => {
        rmSync(path);
        writeFileSync(join(path, "../other"), text);
        renameSync(join(path, "../other"), path);
      },
    ],
    [
      "moved to a backup and written anew, as vim does",
      (path, text) => {
        writeFileSync(join(path, "../.web.yaml.swp"), "swap");
        writeFileSync(join(path, "../4913"), "");
        rmSync(join(path, "../4913"));
        renameSync(path, `${path}~`);
        writeFileSync(path, text);
        rmSync(`${path}~`);
        rmSync(join(path, "../.web.yaml.swp"));
      },
    ],
  ])("when it is %s, each time", async (_, edit) => {
    using at = place();
    const row = await sync(at.target, service("web"));
    const watched = await watch(at);
    for (const replicas of [3, 4, 5]) {
      edit(join(at.root, PATH), edited(at, replicas));
      await watched.next((event) => describeEvent(event) === `changed web: ${replicas}`);
      await sync(at.target, service("web"), row);
      // The put right is ours, and not told; nor are the editor's own files.
      expect((await watched.settled()).filter((text) => text !== `changed web: ${replicas}`)).toEqual([]);
    }
  });

  it("when a program does it", async () => {
    using at = place();
    await sync(at.target, service("web"));
    const { next } = await watch(at);
    execFileSync("sed", ["-i", "s/replicas: 2/replicas: 8/", join(at.root, PATH)]);
    expect(describeEvent((await next(changed)).event)).toBe("changed web: 8");
  });

  it("when it breaks the file, with the owner's mark that it had", async () => {
    using at = place();
    await sync(at.target, service("web"));
    const { next } = await watch(at);
    at.write(PATH, "broken: [");
    const { event } = await next(changed);
    expect(describeEvent(event)).toBe('changed web: "the file does not hold one manifest"');
    expect(event.type === "changed" && at.target.ownerOf?.(event.live, event.key)).toEqual({
      installation: "test",
      application: "web",
    });
  });

  it("of a raw file: content, mode, removal", async () => {
    using at = place();
    const motd = file("motd", { path: "etc/motd", content: "hello", mode: "0644" });
    await sync(at.target, motd);
    const { next } = await watch(at);
    at.write("etc/motd", "mine");
    expect(describeEvent((await next(changed)).event)).toBe('changed motd: "mine"');
    chmodSync(join(at.root, "etc/motd"), 0o600);
    const { event } = await next(changed);
    expect(event).toMatchObject({ live: { manifest: { spec: { mode: "0600" } } } });
    rmSync(join(at.root, "etc/motd"));
    await next(({ type }) => type === "gone");
  });

  it("also of objects that stood there before the target was opened", async () => {
    using at = place();
    await sync(at.target, service("web"));
    await sync(at.target, file("motd", { path: "etc/motd", content: "hello" }));
    const { next } = await watch({ target: filesystem({ root: at.root }) });
    at.write(PATH, edited(at, 9));
    expect(describeEvent((await next(changed)).event)).toBe("changed web: 9");
  });
});

describe("nothing is told", () => {
  it("of our own writes", async () => {
    using at = place();
    const watched = await watch(at);
    const rows = await Promise.all(Array.from({ length: 50 }, (_, index) => sync(at.target, service(`web-${index}`))));
    const motd = await sync(at.target, file("motd", { path: "etc/motd", content: "hello" }));
    expect(await watched.settled()).toEqual([]);
    await sync(at.target, service("web-0", { replicas: 3 }), rows[0]);
    await sync(at.target, file("motd", { path: "etc/motd", content: "hi" }), motd);
    for (const row of [...rows, motd]) await at.target.delete(row, { status: "absent" }, context());
    expect(await watched.settled()).toEqual([]);
  });

  it("where nothing changed but a time, or where only others' files did", async () => {
    using at = place();
    await sync(at.target, service("web"));
    const watched = await watch(at);
    utimesSync(join(at.root, PATH), 1, 1);
    at.write(PATH, at.read(PATH)!);
    at.write("notes.txt", "mine");
    at.write("prod/Service.example.dev/notes.txt", "mine");
    at.write("prod/Service.example.dev/foreign.yaml", toYaml(service("foreign")));
    mkdirSync(join(at.root, "empty"));
    expect((await watched.settled()).filter((text) => text !== "changed web: 2")).toEqual([]);
  });

  it("of another installation's objects", async () => {
    using at = place();
    await sync(at.target, service("web"));
    const mine = await watch(at);
    const theirs = await watch(at, "elsewhere");
    at.write(PATH, edited(at, 5));
    await mine.next(changed);
    expect(await theirs.settled()).toEqual([]);
    at.write(PATH, at.read(PATH)!.replace("tracking-id: test:", "tracking-id: elsewhere:"));
    expect((await mine.next(({ type }) => type === "gone")).event).toEqual({ type: "gone", key: KEY });
    await theirs.next(changed);
  });
});

describe("removals and folders", () => {
  it("a file, then put back", async () => {
    using at = place();
    await sync(at.target, service("web"));
    const { next } = await watch(at);
    const text = at.read(PATH)!;
    rmSync(join(at.root, PATH));
    expect((await next(({ type }) => type === "gone")).event).toEqual({ type: "gone", key: KEY });
    at.write(PATH, text);
    expect(describeEvent((await next(changed)).event)).toBe("changed web: 2");
  });

  it("a folder with all that is in it, made again each time", async () => {
    using at = place();
    const { next, events } = await watch(at);
    for (let round = 0; round < 3; round++) {
      await sync(at.target, service("web"));
      await sync(at.target, service("api"));
      rmSync(join(at.root, "prod"), { recursive: true });
      // Told in any order; where the machine is slow, the end of one round is told in the next: never one too few.
      await expect
        .poll(() => events.map(describeEvent), { timeout: 5000 })
        .toEqual(expect.arrayContaining(["gone api", "gone web"]));
      events.length = 0;
    }
    await sync(at.target, service("web"));
    at.write(PATH, edited(at, 7));
    expect(describeEvent((await next(changed)).event)).toBe("changed web: 7");
  });

  it("a folder that is removed and made again by hand in one go", async () => {
    using at = place();
    await sync(at.target, service("web"));
    const { next } = await watch(at);
    const text = at.read(PATH)!;
    for (let replicas = 3; replicas < 8; replicas++) {
      rmSync(join(at.root, "prod"), { recursive: true });
      at.write(PATH, text.replace("replicas: 2", `replicas: ${replicas}`));
      await next((event) => describeEvent(event) === `changed web: ${replicas}`);
      await sleep(30);
      at.write(PATH, text.replace("replicas: 2", `replicas: ${replicas}0`));
      await next((event) => describeEvent(event) === `changed web: ${replicas}0`);
    }
  });

  it("a folder that is moved away, changed there, and moved back", async () => {
    using at = place();
    using elsewhere = place();
    await sync(at.target, service("web"));
    const { next, settled } = await watch(at);
    const [from, to] = [join(at.root, "prod"), join(elsewhere.root, "prod")];
    renameSync(from, to);
    await next(({ type }) => type === "gone");
    writeFileSync(
      join(to, "Service.example.dev/web.yaml"),
      readFileSync(join(to, "Service.example.dev/web.yaml"), "utf8").replace("replicas: 2", "replicas: 6"),
    );
    expect(await settled()).toEqual([]);
    renameSync(to, from);
    expect(describeEvent((await next(changed)).event)).toBe("changed web: 6");
    at.write(PATH, edited(at, 7));
    expect(describeEvent((await next(changed)).event)).toBe("changed web: 7");
  });

  it("a folder that a link took the place of", async () => {
    using at = place();
    using outside = place();
    await sync(at.target, service("web"));
    const { next, settled } = await watch(at);
    renameSync(join(at.root, "prod"), join(outside.root, "prod"));
    symlinkSync(join(outside.root, "prod"), join(at.root, "prod"));
    await next(({ type }) => type === "gone");
    outside.write(PATH, "theirs");
    expect(await settled()).toEqual([]);
  });

  it("a folder made by hand, with a copy of our file: the copy is ours again", async () => {
    using at = place();
    await sync(at.target, service("web"));
    const text = at.read(PATH)!;
    rmSync(join(at.root, "prod"), { recursive: true });
    const { next } = await watch(at);
    at.write(PATH, text.replace("replicas: 2", "replicas: 4"));
    expect(describeEvent((await next(changed)).event)).toBe("changed web: 4");
  });

  it("a namespace that is named like the root", async () => {
    using at = place();
    const namespace = at.root.split("/").at(-1)!.toLowerCase();
    const root = join(at.root, namespace);
    const target = filesystem({ root });
    const manifest = service("web", { replicas: 2 }, namespace);
    await target.identity?.();
    const { next } = await watch({ target });
    await sync(target, manifest);
    const path = join(root, namespace, "Service.example.dev/web.yaml");
    writeFileSync(path, readFileSync(path, "utf8").replace("replicas: 2", "replicas: 5"));
    expect(describeEvent((await next((event) => describeEvent(event) === "changed web: 5")).event)).toBe(
      "changed web: 5",
    );
  });
});

describe("a watch that went blind", () => {
  it("says so when the root is gone, and sees again when it is back", async () => {
    using at = place();
    using away = place();
    await sync(at.target, service("web"));
    const { next } = await watch(at);
    renameSync(at.root, join(away.root, "root"));
    const { event } = await next(({ type }) => type === "lost");
    expect(describeEvent(event)).toMatch(/^lost: the directory cannot be watched: /);
    writeFileSync(
      join(away.root, "root", PATH),
      readFileSync(join(away.root, "root", PATH), "utf8").replace("replicas: 2", "replicas: 9"),
    );
    renameSync(join(away.root, "root"), at.root);
    expect(describeEvent((await next(changed)).event)).toBe("changed web: 9");
    await next(({ type }) => type === "resynced");
    at.write(PATH, edited(at, 10));
    expect(describeEvent((await next(changed)).event)).toBe("changed web: 10");
  });

  it("because more happened than the queue holds, reads everything anew", async () => {
    using at = place();
    at.write("a/b/0", "x");
    at.write("a/b/1", "x");
    const told: string[] = [];
    const listener = {
      changed: async (changes: ReadonlyMap<string, unknown>) => void told.push(...changes.keys()),
      lost: (error: unknown) => void told.push(String(error)),
      resynced: async (files: ReadonlySet<string>) => void told.push(`resynced ${[...files].toSorted().join(" ")}`),
    };
    const tree = await watchTree(at.root, listener, { queueLength: 200 });
    onTestFinished(() => tree.close());
    const burst = (writes: number) => {
      // By turns: the kernel makes one of equal events in a row.
      for (let index = 0; index < writes; index++) at.write(`a/b/${index % 2}`, "y".repeat(index % 7));
    };
    for (let round = 0; round < 5; round++) {
      burst(20);
      await sleep(30);
    }
    expect(new Set(told)).toEqual(new Set(["a/b/0", "a/b/1"]));
    told.length = 0;
    burst(400);
    await expect.poll(() => told, { interval: 10 }).toContain("resynced a/b/0 a/b/1");
    expect(told[0]).toBe("Error: more events than the system's queue holds");
    await sleep(50);
    told.length = 0;
    at.write("a/b/2", "x");
    await sleep(50);
    expect(told).toEqual(["a/b/2"]);
  });

  it("cannot begin where there is no directory", async () => {
    using at = place();
    at.write("file", "");
    await expect(
      filesystem({ root: join(at.root, "file") }).watch?.({ installation: "test" }, () => {}),
    ).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});

it("what a write finds changed meanwhile is told after it", async () => {
  using at = place();
  const row = await sync(at.target, service("web"));
  const watched = await watch(at);
  const seen = await observe(at.target, service("web", { replicas: 3 }), row);
  const applying = at.target.apply(itemOf(service("web", { replicas: 3 }), row), PLANNED, seen, context());
  await applying;
  at.write(PATH, edited(at, 4));
  await watched.next((event) => describeEvent(event) === "changed web: 4");
  expect(statSync(join(at.root, PATH)).isFile()).toBe(true);
});

it("two who watch one target both hear, and one goes on when the other stops", async () => {
  using at = place();
  await sync(at.target, service("web"));
  const first: WatchEvent[] = [];
  const stop = await at.target.watch?.({ installation: "test" }, (event) => first.push(event));
  const second = await watch(at);
  at.write(PATH, edited(at, 3));
  await second.next(changed);
  expect(first.map(describeEvent)).toEqual(["changed web: 3"]);
  await stop?.();
  at.write(PATH, edited(at, 4));
  await second.next(changed);
  expect(first).toHaveLength(1);
});
