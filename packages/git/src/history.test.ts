import { TrueUpError } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { remoteHistory } from "./history.ts";
import { commitData, oidOf, type ObjectType } from "./object.ts";
import { memoryStore, type Objects } from "./object-store.ts";
import { limitsOf } from "./options.ts";
import { buildPack, packEntry } from "./pack-entry.ts";
import { ingestPack } from "./pack-ingest.ts";
import type { Remote } from "./remote.ts";
import type { FetchRequest } from "./upload-pack.ts";

const ann = { name: "Ann", email: "ann@example.com", time: 0 };
const EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
const UNLIMITED = { packObjects: Infinity, inflatedBytes: Infinity, objectBytes: Infinity };

interface Made {
  readonly id: string;
  readonly type: ObjectType;
  readonly data: Buffer;
}
function made(type: ObjectType, data: Buffer): Made {
  return { id: oidOf(type, data), type, data };
}
const commit = (message: string, ...parents: Made[]): Made =>
  made(
    "commit",
    Buffer.from(
      commitData({ tree: EMPTY_TREE, parents: parents.map(({ id }) => id), author: ann, committer: ann, message }),
    ),
  );
const packOf = (...objects: Made[]): Buffer => buildPack(objects.map(({ type, data }) => packEntry(type, data)));

/** root - a - b - c, and root - x. */
const root = commit("root");
const a = commit("a", root);
const b = commit("b", a);
const c = commit("c", b);
const x = commit("x", root);

interface Asked {
  readonly requests: (FetchRequest & { signal?: AbortSignal })[];
  filtersAsked: number;
}

function remoteOf(answers: (request: FetchRequest) => Buffer, filter: boolean): Remote & Asked {
  const refuse = async (): Promise<never> => {
    throw new Error("not asked for here");
  };
  const self: Remote & Asked = {
    requests: [],
    filtersAsked: 0,
    list: refuse,
    push: refuse,
    close: () => {},
    async filters() {
      self.filtersAsked++;
      return filter;
    },
    async fetch(request, signal) {
      self.requests.push({ ...request, ...(signal && { signal }) });
      return { pack: answers(request), shallow: [] };
    },
  };
  return self;
}
async function here(...objects: Made[]): Promise<Objects> {
  const store = memoryStore(1_000_000);
  store.add(await ingestPack(packOf(...objects), { limits: UNLIMITED, base: () => undefined }));
  return store;
}
const nothing = memoryStore(1_000_000);

describe("remoteHistory", () => {
  it("asks for nothing where what is here tells", async () => {
    const remote = remoteOf(() => packOf(), true);
    const { relation } = remoteHistory(remote, await here(root, a, b, x), limitsOf());
    expect(await relation(b.id, a.id)).toBe("forward");
    expect(await relation(a.id, b.id)).toBe("older");
    expect(await relation(x.id, b.id)).toBe("forced");
    expect(await relation(c.id, c.id)).toBe("same");
    expect([remote.filtersAsked, remote.requests]).toEqual([0, []]);
  });

  it("asks for commits alone where the server can filter, a few of them first", async () => {
    const remote = remoteOf(() => packOf(), true);
    const { relation } = remoteHistory(remote, nothing, limitsOf({ history: 200 }));
    expect(await relation(c.id, x.id)).toBe("unknown");
    const ask = (from: Made, depth: number): FetchRequest => ({ want: [from.id], have: [], depth, filter: "tree:0" });
    expect(remote.requests).toStrictEqual([ask(c, 50), ask(x, 50), ask(c, 200), ask(x, 200)]);
    remote.requests.length = 0;
    const { signal } = new AbortController();
    expect(await remoteHistory(remote, nothing, limitsOf({ history: 7 })).relation(c.id, x.id, signal)).toBe("unknown");
    expect(remote.requests).toStrictEqual([c, x, c, x].map((from) => ({ ...ask(from, 7), signal })));
  });

  it("asks for what a commit that is here stands on where it cannot", async () => {
    const remote = remoteOf(() => packOf(), false);
    const { relation } = remoteHistory(remote, await here(c), limitsOf({ history: 60 }));
    expect(await relation(c.id, x.id)).toBe("unknown");
    const ask = (depth: number): FetchRequest => ({
      want: [c.id],
      have: [c.id],
      depth,
      bytes: 64 * 1024 * 1024,
    });
    expect(remote.requests).toStrictEqual([ask(50), ask(60)]);
    expect(remote.filtersAsked).toBe(1);
  });

  it("stops where it knows, and remembers", async () => {
    const remote = remoteOf(() => packOf(c, b, a, root), true);
    const { relation } = remoteHistory(remote, nothing, limitsOf());
    expect(await relation(c.id, a.id)).toBe("forward");
    expect(remote.requests.length).toBe(1);
    expect(await relation(c.id, root.id)).toBe("forward");
    expect(await relation(a.id, b.id)).toBe("older");
    expect([remote.requests.length, remote.filtersAsked]).toEqual([1, 1]);
  });

  it("puts together what several answers tell", async () => {
    const remote = remoteOf(({ want: [id] }) => (id === c.id ? packOf(c, b, a, root) : packOf(x)), true);
    const { relation } = remoteHistory(remote, nothing, limitsOf());
    expect(await relation(c.id, x.id)).toBe("forced");
    expect(remote.requests.map(({ want }) => want)).toEqual([[c.id], [x.id]]);
    const other = remoteOf(({ want: [id] }) => (id === b.id ? packOf(b, a, root) : packOf(c)), true);
    expect(await remoteHistory(other, nothing, limitsOf()).relation(b.id, c.id)).toBe("older");
  });

  it("takes nothing but commits, and none over the limit", async () => {
    const file = made("blob", Buffer.from("content\n"));
    const tree = made("tree", Buffer.alloc(0));
    const remote = remoteOf(() => packOf(file, tree, b, a, root), true);
    expect(await remoteHistory(remote, nothing, limitsOf()).relation(b.id, root.id)).toBe("forward");
    const large = commit("large".repeat(1000), a);
    const sized = remoteOf(() => packOf(large, a, root), true);
    const history = remoteHistory(sized, nothing, limitsOf({ objectBytes: 1000 }));
    expect(await history.relation(a.id, root.id)).toBe("forward");
    expect(await history.relation(large.id, root.id)).toBe("unknown");
  });

  it("completes answers with what is here", async () => {
    // A copy of `c` up to its message, as a delta.
    const keep = c.data.length - 1;
    const changed = made("commit", Buffer.concat([c.data.subarray(0, keep), Buffer.from("d")]));
    const size = (length: number): number[] => [(length & 0x7f) | 0x80, length >> 7];
    const delta = Buffer.from([
      ...size(c.data.length),
      ...size(c.data.length),
      0x90 | 0x20,
      keep & 0xff,
      keep >> 8,
      1,
      100,
    ]);
    const whole = packEntry("blob", delta);
    // The same compressed bytes behind the header of a delta against an id.
    const head = Buffer.from(whole);
    const bytes = delta.length < 16 ? 1 : 2;
    head[0] = ((head[0] ?? 0) & 0x8f) | 0x70;
    const entry = Buffer.concat([head.subarray(0, bytes), Buffer.from(c.id, "hex"), head.subarray(bytes)]);
    const remote = remoteOf(() => buildPack([entry]), true);
    const store = await here(c);
    expect(await remoteHistory(remote, store, limitsOf()).relation(changed.id, b.id)).toBe("forward");
    expect(remote.requests.length).toBe(1);
  });

  it("what the server cannot say stays unknown; what else fails does not", async () => {
    const failing = (error: unknown): Remote & Asked =>
      remoteOf(() => {
        throw error;
      }, true);
    const gone = failing(new TrueUpError("STALE", "no longer there"));
    expect(await remoteHistory(gone, nothing, limitsOf()).relation(c.id, x.id)).toBe("unknown");
    expect(gone.requests.length).toBe(1);
    const damaged = remoteOf(() => Buffer.from("PACK"), true);
    expect(await remoteHistory(damaged, nothing, limitsOf()).relation(c.id, x.id)).toBe("unknown");
    const broken = failing(new RangeError("ours"));
    await expect(remoteHistory(broken, nothing, limitsOf()).relation(c.id, x.id)).rejects.toThrow("ours");
  });

  it("a call that is aborted says so, whatever came of it", async () => {
    const aborted = { code: "ABORTED", message: "aborted" };
    const controller = new AbortController();
    const remote = remoteOf(() => {
      controller.abort();
      return packOf(c, b, a, root);
    }, true);
    const history = remoteHistory(remote, nothing, limitsOf());
    await expect(history.relation(c.id, a.id, controller.signal)).rejects.toMatchObject(aborted);
    const failing = remoteOf(() => {
      throw new TrueUpError("STALE", "no longer there");
    }, true);
    await expect(
      remoteHistory(failing, nothing, limitsOf()).relation(c.id, a.id, AbortSignal.abort()),
    ).rejects.toMatchObject(aborted);
  });
});
