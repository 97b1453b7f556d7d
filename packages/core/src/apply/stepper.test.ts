import { keyOf, type Key } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import type { Graph, Node } from "./order.ts";
import { createStepper } from "./stepper.ts";

const key = (name: string): Key => keyOf({ target: "t", group: "", kind: "K", namespace: "", name });
/** `{ b: ["a"] }`: b waits for a. */
function graphOf(before: Readonly<Record<string, readonly string[]>>): Graph {
  const names = new Set([...Object.keys(before), ...Object.values(before).flat()]);
  return {
    nodes: new Set([...names].map(key)),
    before: new Map(Object.entries(before).map(([name, others]) => [key(name), others.map(key)])),
    dependsOn: new Map(),
  };
}
const short = (nodes: readonly Node[]): string[] => nodes.map((node) => node.at(-1) ?? "").toSorted();

describe("the step machine", () => {
  it("hands out what waits for nothing, once", () => {
    const stepper = createStepper(graphOf({ a: [], b: [], c: ["a"] }));
    expect(short(stepper.ready())).toEqual(["a", "b"]);
    expect(stepper.ready()).toEqual([]);
    expect(stepper.finished).toBe(false);
  });

  it("hands out a node when all that it waits for is done", () => {
    const stepper = createStepper(graphOf({ c: ["a", "b"] }));
    stepper.ready();
    stepper.complete(key("a"), "done");
    expect(stepper.ready()).toEqual([]);
    stepper.complete(key("b"), "done");
    expect(short(stepper.ready())).toEqual(["c"]);
    stepper.complete(key("c"), "done");
    expect(stepper.finished).toBe(true);
    expect(stepper.skipped()).toEqual([]);
  });

  it("a failure skips what waits for it, through others, and nothing else", () => {
    const stepper = createStepper(graphOf({ b: ["a"], c: ["b"], d: [], e: ["c", "d"] }));
    expect(short(stepper.ready())).toEqual(["a", "d"]);
    stepper.complete(key("a"), "failed");
    const skipped = stepper.skipped();
    expect(short(skipped.map(({ node }) => node))).toEqual(["b", "c", "e"]);
    expect(new Set(skipped.map(({ because }) => because))).toEqual(new Set([key("a")]));
    expect(stepper.skipped()).toEqual([]);
    expect(stepper.finished).toBe(false);
    stepper.complete(key("d"), "done");
    expect(stepper.ready()).toEqual([]);
    expect(stepper.finished).toBe(true);
  });

  it("skips a node once, though two of those it waits for fail", () => {
    const stepper = createStepper(graphOf({ c: ["a", "b"] }));
    stepper.complete(key("a"), "failed");
    stepper.complete(key("b"), "failed");
    expect(stepper.skipped()).toEqual([{ node: key("c"), because: key("a") }]);
  });

  it("completing twice counts once", () => {
    const stepper = createStepper(graphOf({ c: ["a", "b"] }));
    stepper.complete(key("a"), "done");
    stepper.complete(key("a"), "done");
    stepper.ready();
    expect(stepper.finished).toBe(false);
    stepper.complete(key("b"), "done");
    expect(short(stepper.ready())).toEqual(["c"]);
  });

  it("an edge that is named twice is one", () => {
    const stepper = createStepper(graphOf({ b: ["a", "a"] }));
    stepper.complete(key("a"), "done");
    expect(short(stepper.ready())).toContain("b");
  });

  it("nothing to do is finished", () => {
    expect(createStepper(graphOf({})).finished).toBe(true);
  });

  it("walks ten thousand in a row", () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `n${i}`);
    const before = Object.fromEntries(names.slice(1).map((name, i) => [name, [names[i] ?? ""]]));
    const stepper = createStepper(graphOf(before));
    let walked = 0;
    for (let ready = stepper.ready(); ready.length > 0; ready = stepper.ready()) {
      for (const node of ready) {
        walked++;
        stepper.complete(node, "done");
      }
    }
    expect(walked).toBe(10_000);
    expect(stepper.finished).toBe(true);
  });
});
