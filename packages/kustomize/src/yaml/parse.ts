import {
  COLLECTION_STYLE,
  EVENT_ID,
  getScalarValue,
  parseEvents,
  SCALAR_STYLE,
  YAMLException,
  type Event,
  type ScalarEvent,
} from "js-yaml";
import { isObject, type ErrorCode, type JsonObject } from "@trueup/spec";
import {
  copyNode,
  DOUBLE,
  FLOW,
  FOLDED,
  LITERAL,
  MAP,
  NO_CONTENT,
  Node,
  scalar,
  SEQ,
  SINGLE,
  STR,
  TAGGED,
} from "./node.ts";
import { MERGE, resolve } from "./scalars.ts";

/** What is wrong with a text, and where; the caller knows the file. */
export class YamlProblem extends Error {
  readonly code: ErrorCode;
  readonly offset: number;
  constructor(code: ErrorCode, reason: string, offset: number) {
    super(reason);
    this.code = code;
    this.offset = offset;
  }
}

export interface ParseLimits {
  /** Levels of nesting. */
  readonly depth: number;
  /** Nodes of one document, those behind aliases counted each time. */
  readonly nodes: number;
  /** Of these, the ones that aliases add. */
  readonly aliased: number;
}

/** Keys of maps that were read, by their text. Kubernetes' objects have the same few hundred again and again. */
export type Keys = Map<string, Node>;
const MAX_KEYS = 1000;

const DEFAULT_PARSE_LIMITS: ParseLimits = { depth: 200, nodes: 2_000_000, aliased: 100_000 };

const NONE = -1;
const STYLES: Readonly<Record<number, number>> = {
  [SCALAR_STYLE.PLAIN]: 0,
  [SCALAR_STYLE.DOUBLE_QUOTED]: DOUBLE,
  [SCALAR_STYLE.SINGLE_QUOTED]: SINGLE,
  [SCALAR_STYLE.LITERAL_BLOCK]: LITERAL,
  [SCALAR_STYLE.FOLDED_BLOCK]: FOLDED,
};

/**
 * The first document of a text, as go-yaml v3 reads it: aliases written out and `<<` merged. Undefined where there is none.
 * Documents that are given the same `keys` share the nodes of equal ones.
 * Throws a `YamlProblem`.
 */
export function parseNode(
  source: string,
  limits: ParseLimits = DEFAULT_PARSE_LIMITS,
  keys: Keys = new Map(),
): Node | undefined {
  try {
    const events = parseEvents(source, { maxDepth: limits.depth + 1 });
    if (events.length < 2) return undefined;
    checkAliases(source, events, limits);
    return new Composer(source, events, limits, keys).document();
  } catch (error) {
    if (error instanceof YAMLException) {
      const deep = error.reason.startsWith("nesting exceeded");
      throw new YamlProblem(
        deep ? "LIMIT" : "INVALID",
        deep ? `nested deeper than ${limits.depth} levels` : error.reason,
        error.mark?.position ?? 0,
      );
    }
    if (error instanceof RangeError) throw new YamlProblem("LIMIT", "nested deeper than the stack allows", 0);
    throw error;
  }
}

/** Counts what aliases will add before any of it is made. */
function checkAliases(source: string, events: readonly Event[], limits: ParseLimits): void {
  if (!events.some((event) => event.type === EVENT_ID.ALIAS)) return;
  const sizes = new Map<string, number>();
  const open: { readonly name: string; nodes: number }[] = [{ name: "", nodes: 0 }];
  let aliased = 0;
  for (const event of events) {
    const inside = open.at(-1) as { nodes: number };
    const name =
      "anchorStart" in event && event.anchorStart !== NONE ? source.slice(event.anchorStart, event.anchorEnd) : "";
    if (event.type === EVENT_ID.SCALAR) {
      inside.nodes++;
      if (name !== "") sizes.set(name, 1);
    } else if (event.type === EVENT_ID.POP && open.length > 1) {
      const { name: closed, nodes } = open.pop() as { name: string; nodes: number };
      (open.at(-1) as { nodes: number }).nodes += nodes;
      if (closed !== "") sizes.set(closed, nodes);
    } else if (event.type === EVENT_ID.MAPPING || event.type === EVENT_ID.SEQUENCE) {
      open.push({ name, nodes: 1 });
    } else if (event.type === EVENT_ID.ALIAS) {
      const nodes = sizes.get(name) ?? 0;
      inside.nodes += nodes;
      aliased += nodes;
      if (aliased > limits.aliased) {
        throw new YamlProblem("LIMIT", `aliases add more than ${limits.aliased} values`, event.anchorStart);
      }
    }
  }
}

interface Anchor {
  /** Undefined while it is being read. */
  node: Node | undefined;
  nodes: number;
}

/** A comment that begins as an object in JSON does. */
const COMMENTED_JSON = /#[ \t]*\{"/;

/** What a comment behind a field, or on the line above it, says of its type. */
function schemaAt(source: string, start: number, end: number): JsonObject | undefined {
  const feed = source.indexOf("\n", end);
  const behind = source.slice(end, feed === -1 ? source.length : feed);
  const hash = behind.search(COMMENTED_JSON);
  if (hash !== -1) return asObject(behind.slice(hash));
  const line = source.lastIndexOf("\n", start);
  const above = source.slice(source.lastIndexOf("\n", line - 1) + 1, Math.max(line, 0)).trim();
  return above.startsWith("#") ? asObject(above) : undefined;
}

function asObject(comment: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(comment.replace(/^#+/, ""));
    return isObject(value) && Object.keys(value).length > 0 ? value : undefined;
  } catch {
    return undefined;
  }
}

class Composer {
  readonly #source: string;
  readonly #events: readonly Event[];
  readonly #limits: ParseLimits;
  readonly #keys: Keys;
  /** Items of the maps and lists that are still being read. */
  readonly #items: Node[] = [];
  readonly #anchors = new Map<string, Anchor>();
  readonly #hasSchemas: boolean;
  #next = 1;
  #nodes = 0;
  #offset = 0;

  constructor(source: string, events: readonly Event[], limits: ParseLimits, keys: Keys) {
    this.#source = source;
    this.#events = events;
    this.#limits = limits;
    this.#keys = keys;
    this.#hasSchemas = COMMENTED_JSON.test(source);
  }

  document(): Node {
    return this.#node();
  }

  #node(): Node {
    const event = this.#events[this.#next++] as Event;
    this.#count(1);
    const before = this.#nodes;
    switch (event.type) {
      case EVENT_ID.SCALAR: {
        const node = this.#scalar(event);
        if (event.anchorStart !== NONE)
          this.#anchors.set(this.#source.slice(event.anchorStart, event.anchorEnd), { node, nodes: 1 });
        return node;
      }
      case EVENT_ID.SEQUENCE:
      case EVENT_ID.MAPPING: {
        this.#offset = event.start;
        const isMap = event.type === EVENT_ID.MAPPING;
        const anchor: Anchor = { node: undefined, nodes: 0 };
        if (event.anchorStart !== NONE)
          this.#anchors.set(this.#source.slice(event.anchorStart, event.anchorEnd), anchor);
        const tag = event.tagStart === NONE ? "" : tagName(this.#source.slice(event.tagStart, event.tagEnd));
        const explicit = tag !== "" && tag !== "!";
        const content = isMap ? this.#fields() : this.#list();
        const node = new Node(
          isMap ? "map" : "list",
          explicit ? tag : isMap ? MAP : SEQ,
          "",
          (explicit ? TAGGED : 0) | (event.style === COLLECTION_STYLE.FLOW ? FLOW : 0),
          content,
        );
        anchor.node = node;
        anchor.nodes = this.#nodes - before + 1;
        return node;
      }
      case EVENT_ID.ALIAS: {
        const name = this.#source.slice(event.anchorStart, event.anchorEnd);
        const anchor = this.#anchors.get(name);
        if (anchor === undefined)
          throw new YamlProblem("INVALID", `unknown anchor '${name}' referenced`, event.anchorStart);
        if (anchor.node === undefined)
          throw new YamlProblem("INVALID", `anchor '${name}' value contains itself`, event.anchorStart);
        this.#offset = event.anchorStart;
        this.#count(anchor.nodes - 1);

        return copyNode(anchor.node);
      }
      default:
        throw new YamlProblem("INVALID", "unexpected end of the document", this.#offset);
    }
  }

  #list(): readonly Node[] {
    const first = this.#items.length;
    while (!this.#ends()) this.#items.push(this.#node());
    return this.#taken(first);
  }

  #fields(): readonly Node[] {
    const first = this.#items.length;
    while (!this.#ends()) {
      const field = this.#events[this.#next] as Event;
      this.#items.push(this.#key());
      const value = this.#node();
      if (this.#hasSchemas && field.type === EVENT_ID.SCALAR)
        value.schema = schemaAt(this.#source, field.valueStart, field.valueEnd);
      this.#items.push(value);
    }
    return this.#merged(this.#taken(first));
  }

  /** Whether the map or list does; its end is then behind. */
  #ends(): boolean {
    if ((this.#events[this.#next] as Event).type !== EVENT_ID.POP) return false;
    this.#next++;
    return true;
  }

  /** In a list that has room for them and no more: one that grew has room for sixteen more. */
  #taken(first: number): Node[] {
    return this.#items.splice(first);
  }

  #key(): Node {
    const event = this.#events[this.#next] as Event;
    const isPlain =
      event.type === EVENT_ID.SCALAR &&
      event.style === SCALAR_STYLE.PLAIN &&
      event.anchorStart === NONE &&
      event.tagStart === NONE;
    if (!isPlain) return this.#node();
    this.#next++;
    this.#count(1);
    if (event.valueStart !== NONE) this.#offset = event.valueStart;
    const name = getScalarValue(this.#source, event);
    let key = this.#keys.get(name);
    if (key !== undefined) return key;
    // A copy: a part of a text keeps all of it in memory, and this key may outlive its document.
    const copied = Buffer.from(name).toString();
    key = scalar(copied, resolve(copied, "v3").tag);
    if (this.#keys.size < MAX_KEYS) this.#keys.set(copied, key);
    return key;
  }

  /** Before anything is copied: an alias bomb never comes to exist. */
  #count(nodes: number): void {
    this.#nodes += nodes;
    if (this.#nodes > this.#limits.nodes) {
      throw new YamlProblem("LIMIT", `more than ${this.#limits.nodes} values, with aliases written out`, this.#offset);
    }
  }

  #scalar(event: ScalarEvent): Node {
    if (event.valueStart !== NONE) this.#offset = event.valueStart;
    const value = getScalarValue(this.#source, event);
    const style = STYLES[event.style] ?? 0;
    const tag = event.tagStart === NONE ? "" : tagName(this.#source.slice(event.tagStart, event.tagEnd));
    if (tag !== "" && tag !== "!") return new Node("scalar", tag, value, style | TAGGED, NO_CONTENT);
    return new Node("scalar", style === 0 ? resolve(value, "v3").tag : STR, value, style, NO_CONTENT);
  }

  /** What the map says itself stands; of a list of merged maps, the first wins. */
  #merged(content: Node[]): readonly Node[] {
    let at = -1;
    for (let i = 0; i < content.length; i += 2) {
      if ((content[i] as Node).tag !== MERGE) continue;
      if (at !== -1) throw new YamlProblem("INVALID", "duplicate merge key", this.#offset);
      at = i;
    }
    if (at === -1) return content;
    const [, source] = content.splice(at, 2) as [Node, Node];
    const merged = new Map<string, readonly [Node, Node]>();
    for (const from of this.#mergeSources(source)) {
      for (let i = 0; i < from.content.length; i += 2) {
        const key = from.content[i] as Node;
        if (!merged.has(key.value)) merged.set(key.value, [key, from.content[i + 1] as Node]);
      }
    }
    const own = new Set<string>();
    for (let i = 0; i < content.length; i += 2) own.add((content[i] as Node).value);
    for (const [name, [key, value]] of merged) if (!own.has(name)) content.push(key, value);
    return content;
  }

  #mergeSources(source: Node): readonly Node[] {
    const sources = source.kind === "list" ? source.content : [source];
    for (const from of sources) {
      if (from.kind !== "map") {
        throw new YamlProblem("INVALID", "map merge requires map or sequence of maps as the value", this.#offset);
      }
    }
    return sources;
  }
}

const PREFIX = "tag:yaml.org,2002:";

function tagName(raw: string): string {
  const verbatim = raw.startsWith("!<") ? raw.slice(2, -1) : raw;
  return verbatim.startsWith(PREFIX) ? `!!${verbatim.slice(PREFIX.length)}` : verbatim;
}
