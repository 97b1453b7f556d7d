import type { Graph, Node } from "./order.ts";

export type StepOutcome = "done" | "failed" | "skipped";

/**
 * The step machine of a run: which nodes may start now, given what became of the others. Pure: no clock, no calls.
 * A node that failed stops only what waits for it.
 */
export interface Stepper {
  /** Nodes that may start, each handed out once. */
  ready(): readonly Node[];
  /** Nodes that will not start since `because` of them failed; each handed out once. */
  skipped(): readonly { readonly node: Node; readonly because: Node }[];
  complete(node: Node, outcome: StepOutcome): void;
  /** Every node is through. */
  readonly finished: boolean;
}

export function createStepper(graph: Graph): Stepper {
  const waiting = new Map<Node, number>();
  const after = new Map<Node, Node[]>();
  const outcomes = new Map<Node, StepOutcome>();
  let startable: Node[] = [];
  let dropped: { node: Node; because: Node }[] = [];

  for (const node of graph.nodes) {
    const before = new Set(graph.before.get(node));
    waiting.set(node, before.size);
    if (before.size === 0) startable.push(node);
    for (const other of before) {
      const list = after.get(other);
      if (list === undefined) after.set(other, [node]);
      else list.push(node);
    }
  }

  function settle(node: Node, outcome: StepOutcome): void {
    const open: { node: Node; outcome: StepOutcome }[] = [{ node, outcome }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (outcomes.has(next.node)) continue;
      outcomes.set(next.node, next.outcome);
      if (next.outcome === "skipped" && next.node !== node) dropped.push({ node: next.node, because: node });
      for (const follower of after.get(next.node) ?? []) {
        if (next.outcome !== "done") {
          open.push({ node: follower, outcome: "skipped" });
          continue;
        }
        const left = (waiting.get(follower) ?? 0) - 1;
        waiting.set(follower, left);
        if (left === 0 && !outcomes.has(follower)) startable.push(follower);
      }
    }
  }

  return {
    ready() {
      const nodes = startable;
      startable = [];
      return nodes;
    },
    skipped() {
      const nodes = dropped;
      dropped = [];
      return nodes;
    },
    complete(node, outcome) {
      settle(node, outcome);
    },
    get finished() {
      return outcomes.size === graph.nodes.size;
    },
  };
}
