import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { onAbort } from "./on-abort.ts";

describe("listeners of a signal", () => {
  it("are all called once, but those that were taken off", () => {
    const stop = new AbortController();
    const called: string[] = [];
    const offs = ["a", "b", "c"].map((name) => onAbort(stop.signal, () => void called.push(name)));
    offs[1]?.();
    expect(getEventListeners(stop.signal, "abort")).toHaveLength(1);
    stop.abort();
    expect(called).toEqual(["a", "c"]);
    for (const off of offs) off();
    expect(called).toEqual(["a", "c"]);
  });

  it("leave nothing on a signal that nobody listens to, and come back to it", () => {
    const stop = new AbortController();
    let called = 0;
    const offs = [1, 2].map(() => onAbort(stop.signal, () => void called++));
    for (const off of offs) off();
    expect(getEventListeners(stop.signal, "abort")).toEqual([]);
    const off = onAbort(stop.signal, () => void called++);
    offs[0]?.();
    stop.abort();
    expect(called).toBe(1);
    off();
  });

  it("are called though one of them takes another off, and each as often as it was given", () => {
    const stop = new AbortController();
    let called = 0;
    const count = (): void => void called++;
    const offs = [onAbort(stop.signal, count), onAbort(stop.signal, count)];
    onAbort(stop.signal, () => offs[1]?.());
    stop.abort();
    expect(called).toBe(2);
  });
});
