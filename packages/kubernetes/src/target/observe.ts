import { setTimeout as sleep } from "node:timers/promises";
import {
  parseKey,
  toTrueUpError,
  TrueUpError,
  type CallContext,
  type Item,
  type Key,
  type Observed,
} from "@trueup/spec";
import type { Resource } from "../api/discovery.ts";
import { mayRead } from "./impersonation.ts";
import { readMany } from "./read.ts";
import { apiVersionOfItem, checkAllowed, resourceOf, type System } from "./system.ts";

interface Group {
  readonly resource: Resource;
  readonly namespace: string;
  readonly items: Item[];
}

/** From the watch cache where it knows, else read; what could not be read is `unknown`, for its own objects only. */
export async function observe(
  system: System,
  items: readonly Item[],
  context: CallContext,
): Promise<ReadonlyMap<Key, Observed>> {
  context.signal?.throwIfAborted();
  const answers = new Map<Key, Observed>();
  const groups = await byResource(system, items, context, answers);
  const kinds = new Map<Resource, Set<string>>();
  for (const { resource, namespace } of groups) {
    const namespaces = kinds.get(resource) ?? new Set();
    kinds.set(resource, namespaces.add(namespace));
  }
  await Promise.all([...kinds].map(async ([resource, used]) => await system.cache.use(resource, used, context)));
  await Promise.all(
    groups.map(async (group) => {
      try {
        await observeGroup(system, group, context, answers);
      } catch (thrown) {
        context.signal?.throwIfAborted();
        const error = toTrueUpError(thrown);
        for (const { key } of group.items) if (!answers.has(key)) answers.set(key, { status: "unknown", error });
      }
    }),
  );
  return answers;
}

async function byResource(
  system: System,
  items: readonly Item[],
  context: CallContext,
  answers: Map<Key, Observed>,
): Promise<readonly Group[]> {
  const groups = new Map<string, Group>();
  const resources = new Map<string, Promise<Resource | undefined>>();
  for (const item of items) {
    const { key, declared } = item;
    const { group, kind, namespace } = parseKey(key);
    const apiVersion = apiVersionOfItem(item);
    const id = `${apiVersion} ${group} ${kind}`;
    try {
      checkAllowed(system, key);
      let asked = resources.get(id);
      if (asked === undefined) {
        asked = resourceOf(system, key, apiVersion, context.signal, declared !== undefined);
        resources.set(id, asked);
      }
      const resource = await asked;
      // A kind that is surely not served has no objects: its CRD may stand in the same plan.
      if (resource === undefined) answers.set(key, { status: "absent" });
      else {
        const found = groups.get(`${id} ${namespace}`) ?? { resource, namespace, items: [] };
        groups.set(`${id} ${namespace}`, found);
        found.items.push(item);
      }
    } catch (thrown) {
      context.signal?.throwIfAborted();
      answers.set(key, { status: "unknown", error: toTrueUpError(thrown) });
    }
  }
  return [...groups.values()];
}

async function observeGroup(
  system: System,
  { resource, namespace, items }: Group,
  context: CallContext,
  answers: Map<Key, Observed>,
): Promise<void> {
  const unread: Key[] = [];
  // Of what has no row yet nothing is concluded from "absent" but that it is made, where nothing stands.
  let fresh = false;
  // What is known was read with our rights: it is shown to those who could have read it with theirs.
  const shown = await mayRead(system, resource, namespace, context);
  for (const { key, tracked } of items) {
    const known = shown
      ? system.cache.look(resource, key, namespace, tracked, context)
      : { status: "unwatched" as const };
    if (known.status === "found" || known.status === "settled") answers.set(key, known);
    else {
      unread.push(key);
      fresh ||= tracked !== undefined;
    }
  }
  if (unread.length === 0) return;
  const found = await readMany(system, resource, namespace, unread, { ...context, fresh });
  for (const key of unread) {
    const live = found.get(key);
    answers.set(key, live === undefined ? { status: "absent" } : { status: "found", live });
  }
}

/** A definition is established before it is discovered: by some milliseconds, or seconds where the server is busy. */
const DISCOVERED_WITHIN_MS = 5_000;

/** For a plan, an apply or a delete: the kind, or why it cannot be written. Waits for one whose definition was just applied. */
export async function needResource(system: System, item: Item, signal: AbortSignal | undefined): Promise<Resource> {
  checkAllowed(system, item.key);
  const apiVersion = apiVersionOfItem(item);
  for (const from = performance.now(); performance.now() - from < DISCOVERED_WITHIN_MS;) {
    const resource = await resourceOf(system, item.key, apiVersion, signal, item.declared !== undefined);
    if (resource !== undefined) return resource;
    await sleep(100, undefined, signal === undefined ? {} : { signal });
  }
  const { kind } = parseKey(item.key);
  throw new TrueUpError("NOT_FOUND", `the server does not serve ${apiVersion} ${kind}`, {
    key: item.key,
    retryable: true,
  });
}
