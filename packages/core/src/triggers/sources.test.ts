import { TrueUpError, type Source } from "@trueup/spec";
import { hanging, memorySource } from "@trueup/testkit";
import { describe, expect, it, vi } from "vitest";
import type { ControllerEvent, Untimed } from "../events.ts";
import { sourceHead } from "./sources.ts";

function headOf(source: Source, timeoutMs = 1_000) {
  const events: Untimed<ControllerEvent>[] = [];
  const head = sourceHead("repo", source, {
    emit: (event) => events.push(event),
    resolveTimeoutMs: timeoutMs,
    openTimeoutMs: timeoutMs,
  });
  return { head, events };
}

describe("resolve", () => {
  it("asks, unless it asked a moment ago; questions at the same time are one", async () => {
    const source = memorySource({ files: { a: "1" } });
    const { head, events } = headOf(source);
    expect(head.revision).toBeUndefined();
    const answers = await Promise.all([head.resolve(), head.resolve(), head.resolve({ maxAgeMs: 5 })]);
    expect(answers.map(({ id }) => id)).toEqual(["r1", "r1", "r1"]);
    expect(source.calls.resolve).toBe(1);
    await head.resolve({ maxAgeMs: 60_000 });
    expect(source.calls.resolve).toBe(1);
    source.commit({ a: "2" });
    expect((await head.resolve()).id).toBe("r2");
    expect(head.revision?.id).toBe("r2");
    await head.resolve();
    expect(
      events.map((event) => (event.type === "source-resolved" ? [event.revision.id, event.changed] : event.type)),
    ).toEqual([
      ["r1", true],
      ["r2", true],
      ["r2", false],
    ]);
  });

  it("a failure is told, and keeps what was known", async () => {
    const source = memorySource({ files: { a: "1" } });
    const { head, events } = headOf(source);
    await head.resolve();
    source.fail(new Error("down"));
    await expect(head.resolve()).rejects.toMatchObject({ code: "UNAVAILABLE", message: "down", retryable: true });
    expect(head.revision?.id).toBe("r1");
    expect(events.at(-1)).toMatchObject({ type: "source-failed", source: "repo", error: { message: "down" } });
    source.fail(undefined);
    expect((await head.resolve()).id).toBe("r1");
  });

  it("fault 5: a source that never answers has a deadline", async () => {
    const { head } = headOf(hanging(memorySource({ files: { a: "1" } }), { method: "resolve" }), 20);
    await expect(head.resolve()).rejects.toMatchObject({
      code: "TIMEOUT",
      message: "source repo: resolve did not answer within 20 ms",
    });
  });

  it("who has given up before asks nothing: a failure that nobody hears would end the process", async () => {
    const source = memorySource({ files: { a: "1" } });
    const { head } = headOf(source);
    source.fail(new Error("down"));
    const unheard: unknown[] = [];
    const hear = (error: unknown): void => void unheard.push(error);
    process.on("unhandledRejection", hear);
    const signal = AbortSignal.abort();
    await expect(head.resolve({ signal })).rejects.toMatchObject({
      code: "ABORTED",
      message: "source repo: resolve was aborted",
    });
    await new Promise((resolve) => setTimeout(resolve, 10));
    process.off("unhandledRejection", hear);
    expect(unheard).toEqual([]);
    expect(source.calls.resolve).toBe(0);
  });

  it("who gives up does not take the answer from the others", async () => {
    const source = memorySource({ files: { a: "1" } });
    const slow: Source = {
      ...source,
      resolve: async () => (await new Promise((resolve) => setTimeout(resolve, 30)), { id: "r9" }),
    };
    const { head } = headOf(slow);
    const stop = new AbortController();
    const given = head.resolve({ signal: stop.signal });
    const other = head.resolve();
    stop.abort();
    await expect(given).rejects.toMatchObject({ code: "ABORTED" });
    expect((await other).id).toBe("r9");
  });

  it("an answer that is no revision is the source's fault", async () => {
    for (const answer of [undefined, {}, { id: "" }]) {
      const { head } = headOf({ ...memorySource(), resolve: async () => answer as never });
      await expect(head.resolve()).rejects.toMatchObject({
        code: "INTERNAL",
        message: "source repo: resolve answered no revision",
      });
    }
  });
});

describe("open", () => {
  const opening = () => {
    const source = memorySource({ files: { a: "1" } });
    const closed: string[] = [];
    const opened: string[] = [];
    const counted: Source = {
      ...source,
      async open(revision, options) {
        opened.push(`${revision.id} after ${options?.previous?.id ?? "nothing"}`);
        const snapshot = await source.open(revision, options);
        return { ...snapshot, close: () => void closed.push(revision.id) };
      },
    };
    return { source, closed, opened, ...headOf(counted) };
  };

  it("a revision is opened once for all, and closed when nobody holds it and a newer one is there", async () => {
    const { head, source, opened, closed, events } = opening();
    const first = await head.resolve();
    const [a, b] = await Promise.all([head.open(first), head.open(first)]);
    expect(opened).toEqual(["r1 after nothing"]);
    a.release();
    a.release();
    source.commit({ a: "2" });
    const c = await head.open(await head.resolve());
    expect(opened[1]).toBe("r2 after r1");
    expect(closed).toEqual([]);
    b.release();
    await vi.waitFor(() => expect(closed).toEqual(["r1"]));
    c.release();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(closed).toEqual(["r1"]);
    await head.open(await head.resolve());
    expect(opened).toHaveLength(2);
    expect(
      events.filter(({ type }) => type === "source-opened").map((event) => "relation" in event && event.relation),
    ).toEqual(["unknown", "forward"]);
    await head.close();
    expect(closed).toEqual(["r1", "r2"]);
  });

  it("the newest stays open without a user; an older one does not", async () => {
    const { head, source, closed } = opening();
    const old = await head.resolve();
    source.commit({ a: "2" });
    (await head.open(await head.resolve())).release();
    (await head.open(old)).release();
    await vi.waitFor(() => expect(closed).toEqual(["r1"]));
  });

  it("a failure is not remembered", async () => {
    const { head, source, opened } = opening();
    const revision = await head.resolve();
    source.fail(new TrueUpError("UNAVAILABLE", "down"));
    await expect(head.open(revision)).rejects.toThrow("down");
    source.fail(undefined);
    await head.open(revision);
    expect(opened).toHaveLength(2);
  });

  it("has a deadline that names the revision", async () => {
    const { head } = headOf(hanging(memorySource({ files: { a: "1" } }), { method: "open" }), 20);
    await expect(head.open({ id: "0123456789abcdef" })).rejects.toMatchObject({
      code: "TIMEOUT",
      message: "source repo: open 0123456789ab did not answer within 20 ms",
    });
  });
});

it("watches where the source can", () => {
  const source = memorySource();
  let woken = 0;
  const undo = headOf(source).head.watch(() => woken++);
  source.commit({ a: "1" });
  undo?.();
  source.commit({ a: "2" });
  expect(woken).toBe(1);
  const { watch: _, ...unwatched } = source;
  expect(headOf(unwatched).head.watch(() => {})).toBeUndefined();
});
