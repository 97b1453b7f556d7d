import type { Key, Tracked } from "@trueup/spec";
import { findHolders, findIncoming, findMoves, keptRows, type Moves } from "./moves.ts";
import { plan, type Planning, type PlanOptions } from "./plan.ts";
import type { Engine, Runtime } from "../runtime.ts";

type Options = PlanOptions & Required<Pick<PlanOptions, "signal">>;

/** A plan that knows what moves between applications: what comes in is as if it were ours, what goes is left alone. */
export async function planWithMoves(
  engine: Engine,
  runtime: Runtime,
  options: Options,
): Promise<{ readonly planned: Planning; readonly moves: Moves }> {
  const { revision, rendered, signal } = options;
  const moves = await findMoves(engine, runtime, revision, rendered, signal);
  const planned = await plan(withMoves(options, moves));
  // Of an application that has not run here yet only a mark tells, or its record: asked once something stands in the way.
  const holders = new Map(planned.holders);
  const unmarked: Key[] = [];
  for (const [key, { code }] of planned.failures) {
    if (moves.refused.has(key)) holders.delete(key);
    else if (code === "NOT_OURS" && !holders.has(key)) unmarked.push(key);
  }
  for (const [key, holder] of await findHolders(engine, runtime, unmarked)) holders.set(key, holder);
  const found = await findIncoming(engine, runtime, revision, holders, signal);
  if (found.incoming.size === 0 && found.refused.size === 0) return { planned, moves };
  const all: Moves = {
    ...moves,
    incoming: new Map([...moves.incoming, ...found.incoming]),
    refused: new Map([...moves.refused, ...found.refused]),
  };
  return { planned: await plan(withMoves(options, all)), moves: all };
}

function withMoves(options: Options, moves: Moves): PlanOptions {
  const { incoming, refused } = moves;
  const rows = Array.from(incoming, ([key, { tracked }]): [Key, Tracked] => [key, tracked]);
  return {
    ...options,
    inventory: rows.length === 0 ? options.inventory : new Map([...options.inventory, ...rows]),
    kept: keptRows(moves),
    refused,
  };
}
