import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TrueUpError } from "@trueup/spec";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { repositoryDirectory } from "./cache-directory.ts";
import { commitData, MODE, oidOf, treeData, type ObjectType } from "./object.ts";
import { limitsOf } from "./options.ts";
import { buildPack, packEntry } from "./pack-entry.ts";
import { remoteObjects, type RemoteObjects, type RemoteObjectsOptions } from "./remote-objects.ts";
import type { Remote } from "./remote.ts";
import type { FetchRequest } from "./upload-pack.ts";

const URL = "https://git.test/repo";
const ann = { name: "Ann", email: "ann@example.com", time: 0 };

interface Revision {
  readonly id: string;
  readonly file: string;
  readonly other: string;
  readonly entries: ReadonlyMap<string, Buffer>;
}

/** A commit of `d/file` and `other`. */
function revision(content: string): Revision {
  const entries = new Map<string, Buffer>();
  const put = (type: ObjectType, data: Buffer): string => {
    const oid = oidOf(type, data);
    entries.set(oid, packEntry(type, data));
    return oid;
  };
  const file = put("blob", Buffer.from(content));
  const other = put("blob", Buffer.from(`other ${content}`));
  const d = put("tree", treeData([{ name: "file", mode: MODE.file, oid: file }]));
  const tree = put(
    "tree",
    treeData([
      { name: "d", mode: MODE.directory, oid: d },
      { name: "other", mode: MODE.file, oid: other },
    ]),
  );
  const id = put("commit", commitData({ tree, parents: [], author: ann, committer: ann, message: content }));
  return { id, file, other, entries };
}
const one = revision("one\n");
const two = revision("two\n");
const three = revision("three\n");
const entries = new Map([one, two, three].flatMap((each) => [...each.entries]));
const packOf = (...oids: string[]): Buffer => buildPack(oids.map((oid) => entries.get(oid) ?? Buffer.alloc(0)));
const whole = ({ want: [id] }: FetchRequest): Buffer =>
  packOf(...([one, two, three].find((each) => each.id === id)?.entries.keys() ?? []));
const incomplete = new TrueUpError("INCOMPLETE", "cut");

let answer: (request: FetchRequest, signal?: AbortSignal) => Buffer | Promise<Buffer>;
let filter: boolean;
let requests: FetchRequest[];
const opened: RemoteObjects[] = [];
const refuse = async (): Promise<never> => {
  throw new Error("not asked for here");
};
const remote: Remote = {
  list: refuse,
  push: refuse,
  filters: async () => filter,
  close: () => {},
  async fetch(request, signal) {
    requests.push(request);
    return { pack: await answer(request, signal), shallow: [] };
  },
};
function open(options: Partial<RemoteObjectsOptions> = {}): RemoteObjects {
  const objects = remoteObjects(remote, { url: URL, cacheDir: false, limits: limitsOf(), ...options });
  opened.push(objects);
  return objects;
}
beforeEach(() => {
  [answer, filter, requests] = [whole, true, []];
});
afterEach(() => {
  for (const objects of opened.splice(0)) objects.close();
  vi.unstubAllEnvs();
});
const first = (id: string): FetchRequest => ({ want: [id], have: [], depth: 1 });
const against = (id: string, have: string): FetchRequest => ({ want: [id], have: [have], depth: 1 });

describe("remoteObjects", () => {
  it("fetches what is not here, against what is", async () => {
    const objects = open();
    const { tree, commit } = await objects.open(one.id, undefined);
    expect(commit).toMatchObject({ id: one.id, message: "one\n" });
    expect(Buffer.from(await tree.read("d/file")).toString()).toBe("one\n");
    await objects.open(one.id, undefined);
    expect(requests).toEqual([first(one.id)]);
    // Against the one before where nothing better is named.
    await objects.open(two.id, undefined);
    await objects.open(three.id, one.id);
    expect(requests.slice(1)).toEqual([against(two.id, one.id), against(three.id, one.id)]);
    const others = open();
    await others.open(one.id, undefined);
    requests.length = 0;
    await others.open(two.id, three.id);
    expect(requests).toEqual([against(two.id, one.id)]);
    const alone = open();
    requests.length = 0;
    await alone.open(two.id, two.id);
    expect(requests).toEqual([first(two.id)]);
  });

  it("asks for the whole where the difference does not work out", async () => {
    const objects = open();
    await objects.open(one.id, undefined);
    requests.length = 0;
    answer = (request) => {
      if (request.have.length > 0) throw incomplete;
      return whole(request);
    };
    await objects.open(two.id, one.id);
    expect(requests).toEqual([against(two.id, one.id), first(two.id)]);
    requests.length = 0;
    answer = () => {
      throw incomplete;
    };
    await expect(objects.open(three.id, one.id)).rejects.toMatchObject({ code: "INCOMPLETE", message: "cut" });
    expect(requests.length).toBe(2);
    requests.length = 0;
    answer = () => {
      throw new TrueUpError("UNAVAILABLE", "away");
    };
    await expect(objects.open(three.id, one.id)).rejects.toMatchObject({ code: "UNAVAILABLE", message: "away" });
    expect(requests.length).toBe(1);
  });

  it("fetches a commit again of which a part is missing, against nothing", async () => {
    const objects = open();
    await objects.open(one.id, undefined);
    answer = () => packOf(...[...two.entries.keys()].filter((oid) => oid !== two.file));
    await expect(objects.open(two.id, one.id)).rejects.toMatchObject({ code: "INCOMPLETE" });
    requests.length = 0;
    answer = whole;
    const { tree } = await objects.open(two.id, one.id);
    expect(Buffer.from(await tree.read("d/file")).toString()).toBe("two\n");
    expect(requests).toEqual([first(two.id)]);
  });

  it("says when the answer lacks the commit", async () => {
    answer = () => packOf(one.file);
    await expect(open().open(two.id, undefined)).rejects.toMatchObject({
      code: "INCOMPLETE",
      message: `${URL}: the server's pack lacks commit ${two.id}`,
    });
  });

  it("fetches once for all who ask, and anew where the one who did gave up", async () => {
    const objects = open();
    await Promise.all([objects.open(one.id, undefined), objects.open(one.id, undefined)]);
    expect(requests).toEqual([first(one.id)]);
    requests.length = 0;
    const controller = new AbortController();
    answer = async (request, signal) => {
      if (signal === undefined) return whole(request);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      throw new TrueUpError("ABORTED", "aborted");
    };
    const mine = objects.open(two.id, undefined, controller.signal);
    const theirs = objects.open(two.id, undefined);
    const both = Promise.allSettled([mine, theirs]);
    setImmediate(() => controller.abort());
    const [left, right] = await both;
    expect(left).toMatchObject({ status: "rejected", reason: { code: "ABORTED" } });
    expect(right).toMatchObject({ status: "fulfilled", value: { commit: { id: two.id } } });
    expect(requests).toEqual([against(two.id, one.id), against(two.id, one.id)]);
    requests.length = 0;
    answer = () => {
      throw new TrueUpError("UNAVAILABLE", "away");
    };
    const failed = await Promise.allSettled([objects.open(three.id, undefined), objects.open(three.id, undefined)]);
    expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(requests.length).toBe(1);
    answer = whole;
    expect((await objects.open(three.id, undefined)).commit.id).toBe(three.id);
  });
});

describe("remoteObjects, of some paths", () => {
  const sparse = ["d"];
  const filtered = (request: FetchRequest): Buffer => {
    if (request.filter === undefined && request.depth === undefined) return packOf(...request.want);
    const [, , ...rest] = [...one.entries.keys()];
    return request.filter === "blob:none" ? packOf(...rest) : whole(request);
  };

  it("fetches trees, then the files", async () => {
    answer = filtered;
    const objects = open({ sparse });
    const { tree } = await objects.open(one.id, undefined);
    expect(Buffer.from(await tree.read("d/file")).toString()).toBe("one\n");
    expect(requests).toEqual([
      { ...first(one.id), filter: "blob:none" },
      { want: [one.file], have: [] },
    ]);
    expect(objects.store.has(one.other)).toBe(false);
  });

  it("fetches all where the server cannot filter, or gives commits only", async () => {
    filter = false;
    await open({ sparse }).open(one.id, undefined);
    expect(requests).toEqual([first(one.id)]);
    [filter, requests] = [true, []];
    answer = (request) => {
      if (request.want[0] === one.file) throw new TrueUpError("STALE", "not our ref");
      return filtered(request);
    };
    const objects = open({ sparse });
    await objects.open(one.id, undefined);
    expect(requests).toEqual([
      { ...first(one.id), filter: "blob:none" },
      { want: [one.file], have: [] },
      first(one.id),
    ]);
    requests = [];
    answer = (request) => {
      if (request.want[0] === one.file) throw new TrueUpError("UNAVAILABLE", "away");
      return filtered(request);
    };
    const later = open({ sparse });
    await expect(later.open(one.id, undefined)).rejects.toMatchObject({ code: "UNAVAILABLE", message: "away" });
    // The trees are here: only what is missing is asked for.
    [answer, requests] = [filtered, []];
    await later.open(one.id, undefined);
    expect(requests).toEqual([{ want: [one.file], have: [] }]);
  });
});

describe("where objects are kept", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "trueup-remote-objects-"));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it("in a directory of the repository's own, one more for some paths", async () => {
    const [all, some] = [repositoryDirectory(root, URL), repositoryDirectory(root, `${URL}#sparse`)];
    expect(all).not.toBe(some);
    open({ cacheDir: root, url: "https://me:word@git.test/repo?x=y" });
    expect([existsSync(all), existsSync(some)]).toEqual([true, false]);
    open({ cacheDir: root, sparse: ["d"] });
    expect(existsSync(some)).toBe(true);
    const objects = open({ cacheDir: root });
    await objects.open(one.id, undefined);
    const [name] = objects.store.packs();
    expect(existsSync(join(all, `${name}.idx`))).toBe(true);
    expect(existsSync(join(all, "used"))).toBe(true);
  });

  it("in memory where nothing is named and nothing can be written", async () => {
    const file = join(root, "file");
    writeFileSync(file, "");
    for (const name of ["XDG_CACHE_HOME", "LOCALAPPDATA", "HOME", "USERPROFILE"]) vi.stubEnv(name, file);
    const objects = remoteObjects(remote, { url: URL, limits: limitsOf() });
    opened.push(objects);
    expect((await objects.open(one.id, undefined)).commit.id).toBe(one.id);
    expect(() => open({ cacheDir: file })).toThrow(expect.objectContaining({ syscall: "mkdir" }));
    expect(() => open({ cacheDir: false })).not.toThrow();
  });
});
