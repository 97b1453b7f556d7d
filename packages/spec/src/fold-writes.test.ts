import { expect, it } from "vitest";
import { foldWrites, keyConflict } from "./fold-writes.ts";
import type { Key } from "./identity.ts";
import type { Lease, RowChange, Write } from "./store.ts";

const key = (name: string): Key => `t//K//${name}` as Key;
const tracked = (name: string, wave = 0) => ({ key: key(name), apiVersion: "v1", dependsOn: [], wave });
const track = (name: string, wave?: number): RowChange => ({ type: "track", tracked: tracked(name, wave) });
const untrack = (name: string): RowChange => ({ type: "untrack", key: key(name) });
const state = (inputs: string): RowChange => ({ type: "state", state: { inputs } });
const history = (run: string): RowChange => ({
  type: "history",
  entry: { run, startedAt: 1, finishedAt: 2, trigger: "t", outcome: "succeeded", changes: [] },
});
const FORGET: RowChange = { type: "forget" };

const write = (application: string, ...rows: RowChange[]): Write => ({
  application,
  lease: { application } as Lease,
  rows,
});

/** As plain data. */
const fold = (...changes: Write[]) =>
  foldWrites(changes).map(({ application, forget, untracked, tracked, history, ...rest }) => ({
    application,
    forget,
    untracked: [...untracked],
    tracked: Object.fromEntries(Array.from(tracked.values(), ({ key, wave }) => [key.slice(6), wave])),
    history: history.map(({ run }) => run),
    ...rest,
  }));

const NOTHING = { forget: false, untracked: [], tracked: {}, history: [] };

it("nothing comes to nothing", () => {
  expect(fold()).toEqual([]);
  expect(fold(write("web"))).toEqual([{ application: "web", ...NOTHING }]);
});

it("rows of one application come together, in the order of first mention", () => {
  expect(
    fold(write("web", track("a"), history("1")), write("api", track("b")), write("web", track("c"), history("2"))),
  ).toEqual([
    { ...NOTHING, application: "web", tracked: { a: 0, c: 0 }, history: ["1", "2"] },
    { ...NOTHING, application: "api", tracked: { b: 0 } },
  ]);
});

it("the last row about a key wins", () => {
  expect(
    fold(write("web", track("a", 1), track("a", 2), track("b"), untrack("b"), untrack("c"), track("c", 3))),
  ).toEqual([{ ...NOTHING, application: "web", tracked: { a: 2, c: 3 }, untracked: [key("b")] }]);
});

it("the last state wins", () => {
  expect(fold(write("web", state("1"), state("2")))).toEqual([
    { ...NOTHING, application: "web", state: { inputs: "2" } },
  ]);
});

it("what stands before a forget is gone, but for history; what stands behind it is kept", () => {
  const before = [track("a"), untrack("b"), state("1"), history("1")];
  const forgotten = { ...NOTHING, application: "web", forget: true, history: ["1"] };
  expect(fold(write("web", ...before, FORGET))).toEqual([forgotten]);
  expect(Object.keys(foldWrites([write("web", ...before, FORGET)])[0]!)).not.toContain("state");
  expect(fold(write("web", ...before, FORGET, track("c"), untrack("d"), state("2")))).toEqual([
    { ...forgotten, tracked: { c: 0 }, untracked: [key("d")], state: { inputs: "2" } },
  ]);
});

it("two applications that track a key are a CONFLICT, also where one gave it up first", () => {
  const conflict = expect.objectContaining({
    code: "CONFLICT",
    retryable: false,
    key: key("a"),
    message: 'application "api" cannot track t//K//a: application "web" does',
  });
  expect(() => fold(write("web", track("a")), write("api", track("a")))).toThrow(conflict);
  expect(() => fold(write("web", untrack("a"), track("a")), write("api", track("b"), track("a")))).toThrow(conflict);
  expect(fold(write("web", track("a"), untrack("a")), write("api", track("a")))).toHaveLength(2);
});

it("a lease is for its own application only", () => {
  expect(() => fold({ ...write("web"), lease: { application: "api" } as Lease })).toThrow(
    expect.objectContaining({
      code: "INVALID",
      message: 'a write to application "web" with the lease of "api"',
    }),
  );
});

it("keyConflict names both and the key", () => {
  expect(keyConflict(key("a"), "web", "api").message).toBe(
    'application "web" cannot track t//K//a: application "api" does',
  );
});
