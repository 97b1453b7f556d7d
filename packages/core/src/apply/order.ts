import {
  DEPENDS_ON,
  formatKey,
  keyOf,
  parseKey,
  TrueUpError,
  type Declared,
  type Edge,
  type Item,
  type Key,
  type Target,
  targetOf,
} from "@trueup/spec";
import { waveOf } from "../plan/row.ts";

/** A node is an object's key, or a barrier between two waves. */
export type Node = Key | `#wave ${number}`;
export const isBarrier = (node: Node): node is `#wave ${number}` => node.startsWith("#");

/** What must be done before what. Without cycles. */
export interface Graph {
  readonly nodes: ReadonlySet<Node>;
  /** For each node, the nodes that it waits for. */
  readonly before: ReadonlyMap<Node, readonly Node[]>;
  /** For each object, the objects that it names or that its target implies: what is stored, for deletes. */
  readonly dependsOn: ReadonlyMap<Key, readonly Key[]>;
}

type Orderer = Pick<Target, "order">;

/**
 * The order of creates and updates: waves, `depends-on`, references, and what the targets imply. Only edges between the given items count.
 * Throws `CYCLE`, naming the path, and `INVALID` for a `depends-on` that names nothing.
 */
export function order(
  items: readonly Item[],
  targets: ReadonlyMap<string, Orderer>,
  references: readonly Edge[] = [],
): Graph {
  const known = new Map(items.map((item) => [item.key, item]));
  const edges = [
    ...impliedEdges(items, targets),
    ...items.flatMap((item) => declaredEdges(item, known)),
    ...references,
  ];
  const before = new Map<Node, Node[]>();
  const dependsOn = new Map<Key, Key[]>();
  for (const { from, to } of edges) {
    if (from === to || !known.has(from) || !known.has(to)) continue;
    append(before, to, from);
    append(dependsOn, to, from);
  }
  const nodes = new Set<Node>(known.keys());
  addWaves(nodes, before, (key) => waveOf(known.get(key)?.declared as Declared));
  refuseCycles(nodes, before);
  return { nodes, before, dependsOn };
}

/** The order of deletes: the edges that were stored, the waves, and what the targets imply, all backwards. */
export function orderDeletes(items: readonly Item[], targets: ReadonlyMap<string, Orderer>): Graph {
  const known = new Map(items.map((item) => [item.key, item]));
  const before = new Map<Node, Node[]>();
  for (const { from, to } of impliedEdges(items, targets)) {
    if (from !== to && known.has(from) && known.has(to)) append(before, from, to);
  }
  for (const { key, tracked } of items) {
    for (const other of tracked?.dependsOn ?? []) if (known.has(other) && other !== key) append(before, other, key);
  }
  const nodes = new Set<Node>(known.keys());
  addWaves(nodes, before, (key) => -(known.get(key)?.tracked?.wave ?? 0));
  refuseCycles(nodes, before);
  return { nodes, before, dependsOn: new Map() };
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function impliedEdges(items: readonly Item[], targets: ReadonlyMap<string, Orderer>): Edge[] {
  const byTarget = new Map<string, Item[]>();
  for (const item of items) append(byTarget, targetOf(item.key), item);
  return [...byTarget].flatMap(([name, list]) => [...(targets.get(name)?.order?.(list) ?? [])]);
}

/** `[group/]Kind/[namespace/]name`, several with commas; the target and, where it is left out, the namespace are the object's own. */
function declaredEdges({ key, declared }: Item, known: ReadonlyMap<Key, Item>): Edge[] {
  const text = declared?.manifest.metadata.annotations?.[DEPENDS_ON];
  if (text === undefined || declared === undefined) return [];
  const own = parseKey(key);
  return text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "")
    .map((name) => {
      const found = candidates(name, own).find((candidate) => known.has(candidate));
      if (found !== undefined) return { from: found, to: key, reason: DEPENDS_ON };
      const message = `${formatKey(key)}: ${DEPENDS_ON} names ${name}, which is not in this application`;
      throw new TrueUpError("INVALID", message, { key, origin: declared.origin });
    });
}

function candidates(name: string, own: ReturnType<typeof parseKey>): Key[] {
  const parts = name.split("/");
  const made = (group: string, kind: string, namespace: string, name: string): Key =>
    keyOf({ target: own.target, group, kind, namespace, name });
  const [a = "", b = "", c = "", d = ""] = parts;
  switch (parts.length) {
    case 2:
      return [made("", a, own.namespace, b), made("", a, "", b)];
    case 3:
      return [made(a, b, own.namespace, c), made(a, b, "", c), made("", a, b, c)];
    case 4:
      return [made(a, b, c, d)];
    default:
      return [];
  }
}

/** Barriers keep the edges few: everything of a wave comes before its barrier, the barrier before everything of the next. */
function addWaves(nodes: Set<Node>, before: Map<Node, Node[]>, waveOf: (key: Key) => number): void {
  const waves = new Map<number, Key[]>();
  for (const key of nodes as Set<Key>) append(waves, waveOf(key), key);
  const numbers = [...waves.keys()].toSorted((a, b) => a - b);
  for (const [index, wave] of numbers.entries()) {
    const previous = numbers[index - 1];
    if (previous === undefined) continue;
    const barrier: Node = `#wave ${wave}`;
    nodes.add(barrier);
    before.set(barrier, [...(waves.get(previous) ?? [])]);
    if (index > 1) append(before, barrier, `#wave ${previous}` as Node);
    for (const key of waves.get(wave) ?? []) append(before, key, barrier);
  }
}

function refuseCycles(nodes: ReadonlySet<Node>, before: ReadonlyMap<Node, readonly Node[]>): void {
  if (before.size === 0) return;
  const done = new Set<Node>();
  for (const root of nodes) {
    if (done.has(root)) continue;
    // Depth first without recursion: `path` is the way from the root to where we are.
    const path: { node: Node; next: number }[] = [{ node: root, next: 0 }];
    const onPath = new Set<Node>([root]);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const waitsFor = before.get(top.node)?.[top.next++];
      if (waitsFor === undefined) {
        done.add(top.node);
        onPath.delete(top.node);
        path.pop();
      } else if (onPath.has(waitsFor)) {
        const cycle = path.slice(path.findIndex(({ node }) => node === waitsFor)).map(({ node }) => node);
        throw cycleError([...cycle, waitsFor]);
      } else if (!done.has(waitsFor)) {
        path.push({ node: waitsFor, next: 0 });
        onPath.add(waitsFor);
      }
    }
  }
}

function cycleError(path: readonly Node[]): TrueUpError {
  const names = path.map((node) => (isBarrier(node) ? node.slice(1) : formatKey(node)));
  const key = path.find((node): node is Key => !isBarrier(node));
  return new TrueUpError("CYCLE", `these wait for each other: ${names.join(" → ")}`, key === undefined ? {} : { key });
}
