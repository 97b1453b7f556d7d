import { COLLECTION_STYLE, EVENT_ID, getScalarValue, SCALAR_STYLE } from "js-yaml";
import type { Event, ScalarEvent } from "js-yaml";
import type { Json } from "@trueup/spec";
import type { Limits } from "./limits.ts";
import { readJson } from "./json.ts";
import { mergeOver, mergeSources, mergeUnder, type Fields } from "./merge.ts";
import { foldSeparators, loneCarriageReturn, misread, misreadLineBreak } from "./misread.ts";
import { parse, tooDeep, type Parsed } from "./parse.ts";
import { Problem, type Finding } from "./problem.ts";
import { refold } from "./refold.ts";
import { keyName, resolvePlain, Unreadable, type Dialect, type Scalar } from "./scalars.ts";
import { resolveTagged, tagName } from "./tags.ts";
import { countFeeds, lineAt } from "./text.ts";

export interface ComposeOptions {
  readonly dialect: Dialect;
  readonly limits: Limits;
  /** Is told the line (from 1, in the document) of every field and item. */
  readonly onPosition?: (path: readonly (string | number)[], line: number) => void;
}

export interface Composed {
  /** Undefined where the document is empty (no value at all, not even `null`) or could not be read. */
  readonly value: Json | undefined;
  readonly findings: readonly Finding[];
}

interface Anchor {
  /** Undefined while the anchored value is still being read. */
  value: Json | undefined;
  /** How many values it holds, aliases written out. */
  values: number;
  /** How many levels of collections it holds, aliases written out. */
  levels: number;
}

/** Names that reach an object's prototype in code less careful than ours. */
const FORBIDDEN = new Set(["__proto__", "constructor"]);

/** More than these of one document help nobody. */
const MAX_PROBLEMS = 100;

const NONE = -1;

const FOREIGN_BREAK =
  "a line break other than LF and CRLF (CR, U+0085, U+2028 or U+2029); write it as an escape in double quotes";

/** Reads the text of one document to a value. Aliases share their value: what is returned must not be changed. */
export function compose(source: string, options: ComposeOptions): Composed {
  const plain = options.onPosition === undefined ? readJson(source, options.limits.depth) : undefined;
  if (plain !== undefined) return { value: plain, findings: [] };
  const problems: Problem[] = [];
  let text = source;
  let value: Json | undefined;
  try {
    const carriageReturn = loneCarriageReturn(source);
    if (carriageReturn !== -1) throw new Problem("INVALID", FOREIGN_BREAK, carriageReturn);
    const parsed = parse(source, options.limits.depth);
    text = parsed.text;
    const lineBreak = misreadLineBreak(text, parsed.events);
    if (lineBreak !== -1) throw new Problem("INVALID", FOREIGN_BREAK, lineBreak);
    if (parsed.events.length > 0) value = new Composer(parsed, options, problems).document();
  } catch (error) {
    problems.push(toProblem(error));
  }
  if (problems.length === 0) return { value, findings: [] };
  // What is missing at the end is reported at the last line that holds anything.
  const end = text.trimEnd().length;
  const findings = problems.map(({ code, reason, field, offset }) => {
    return { code, reason, field, line: lineAt(text, Math.min(offset, end)) };
  });
  return { value: undefined, findings };
}

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  // A depth limit that the caller raised beyond what the stack holds.
  if (error instanceof RangeError) return new Problem("LIMIT", "nested deeper than the stack allows", 0);
  throw error;
}

class Composer {
  readonly #text: string;
  readonly #events: readonly Event[];
  readonly #options: ComposeOptions;
  readonly #problems: Problem[];
  readonly #path: (string | number)[] = [];
  #next = 0;
  /** Offset of the last event that had one: where an error is reported for an event that has none. */
  #offset = 0;
  #depth = 0;
  /** How deep it has gone in the innermost collection, those behind aliases included. */
  #deepest = 0;
  /** How many `[` and `{` are open. */
  #flow = 0;
  /** Values read so far, those behind aliases counted each time. */
  #values = 0;
  #aliased = 0;
  /** The last position that was told, and its line. */
  #told = { offset: 0, line: 1 };
  #anchors = new Map<string, Anchor>();

  constructor({ text, events }: Parsed, options: ComposeOptions, problems: Problem[]) {
    this.#text = text;
    this.#events = events;
    this.#options = options;
    this.#problems = problems;
  }

  document(): Json {
    this.#next = 1;
    const value = this.#value();
    this.#next++;
    const more = this.#events[this.#next];
    if (more !== undefined)
      this.#fail("a document that follows `...` without `---`", this.#startOf(this.#events[this.#next + 1]));
    return value;
  }

  #value(): Json {
    const event = this.#take();
    this.#values++;
    switch (event.type) {
      case EVENT_ID.SCALAR: {
        const before = this.#values;
        const value = this.#scalar(event);
        if (typeof value === "string") this.#values += value.length >>> 6;
        if (event.anchorStart !== NONE)
          this.#anchor(event.anchorStart, event.anchorEnd, value, this.#values - before + 1);
        return value;
      }
      case EVENT_ID.SEQUENCE:
      case EVENT_ID.MAPPING: {
        const isMap = event.type === EVENT_ID.MAPPING;
        if (event.tagStart !== NONE) this.#collectionTag(event.tagStart, event.tagEnd, isMap ? "!!map" : "!!seq");
        const { anchorStart, anchorEnd } = event;
        const anchor = anchorStart === NONE ? undefined : this.#anchor(anchorStart, anchorEnd, undefined, 0);
        const before = this.#values;
        const outside = this.#deepest;
        const flow = event.style === COLLECTION_STYLE.FLOW ? 1 : 0;
        this.#deepest = ++this.#depth;
        if (this.#depth > this.#options.limits.depth) this.#over(tooDeep(this.#options.limits.depth), event.start);
        this.#flow += flow;
        const value = isMap ? this.#mapping() : this.#sequence();
        this.#flow -= flow;
        this.#depth--;
        if (anchor !== undefined) {
          anchor.value = value;
          anchor.values = this.#values - before + 1;
          anchor.levels = this.#deepest - this.#depth;
        }
        this.#deepest = Math.max(this.#deepest, outside);
        return value;
      }
      case EVENT_ID.ALIAS:
        return this.#alias(event.anchorStart, event.anchorEnd);
      default:
        throw new Error(`unexpected event ${event.type}`);
    }
  }

  #sequence(): Json[] {
    const items: Json[] = [];
    while (!this.#atEnd()) {
      this.#path.push(items.length);
      this.#tellPosition(this.#startOf(this.#events[this.#next]));
      items.push(this.#value());
      this.#path.pop();
    }
    return items;
  }

  #mapping(): Fields {
    const map: Fields = {};
    const { dialect } = this.#options;
    // What merges brought in may be overridden, what the map itself says must be said once.
    let own: Set<string> | undefined;
    let merged: readonly Fields[] | undefined;
    while (!this.#atEnd()) {
      const event = this.#events[this.#next] as Event;
      const offset = this.#startOf(event);
      if (this.#isMerge(event)) {
        this.#next++;
        this.#values++;
        if (merged !== undefined) this.#report("`<<` is there twice", offset);
        own ??= new Set(Object.keys(map));
        this.#path.push("<<");
        const sources = mergeSources(this.#value());
        this.#path.pop();
        if (sources === undefined) this.#fail("`<<` takes a map or a list of maps", offset);
        if (dialect === "kubectl") mergeOver(map, sources);
        else merged = sources;
        continue;
      }
      const key = this.#key(event, offset);
      this.#path.push(key);
      this.#tellPosition(offset);
      if (FORBIDDEN.has(key)) {
        this.#report("the field's name is not allowed", offset);
        this.#value();
      } else {
        const duplicate = own === undefined ? Object.hasOwn(map, key) : own.has(key);
        if (duplicate) this.#report("the field is there twice", offset);
        own?.add(key);
        map[key] = this.#value();
      }
      this.#path.pop();
    }
    if (merged !== undefined) mergeUnder(map, merged);
    return map;
  }

  /** The name of a field. kubectl takes numbers and booleans for their text, Kustomize does so in the outermost map only. */
  #key(event: Event, offset: number): string {
    if (event.type === EVENT_ID.MAPPING || event.type === EVENT_ID.SEQUENCE) {
      this.#fail("a key must be a scalar", offset);
    }
    const told = this.#problems.length;
    const value = this.#value();
    if (this.#problems.length > told) return "";
    if (typeof value === "object" && value !== null) this.#fail("a key must be a scalar", offset); // an alias of a map
    // Only text that begins with a digit may be a date, which Kustomize does not take for a string.
    if (typeof value === "string" && (this.#options.dialect === "kubectl" || !(value < ":"))) return value;
    const text = event.type === EVENT_ID.SCALAR ? getScalarValue(this.#text, event) : String(value);
    if (this.#options.dialect === "kustomize") {
      const isText = value === text || (event.type === EVENT_ID.SCALAR && event.style !== SCALAR_STYLE.PLAIN);
      if (!isText && (value === null || this.#depth > 1))
        this.#fail("a key that is not a string must be quoted", offset);
      return text;
    }
    const name = value === null ? undefined : keyName(value, text);
    if (name === undefined) this.#fail("a key must be a scalar other than null", offset);
    return name;
  }

  #isMerge(event: Event): boolean {
    if (event.type !== EVENT_ID.SCALAR || event.valueEnd - event.valueStart !== 2) return false;
    if (event.style !== SCALAR_STYLE.PLAIN || !this.#text.startsWith("<<", event.valueStart)) return false;
    return event.tagStart === NONE || this.#tag(event.tagStart, event.tagEnd) === "!!merge";
  }

  #scalar(event: ScalarEvent): Json {
    const text = getScalarValue(this.#text, event);
    const reason = misread(this.#text, event, text, this.#flow > 0);
    const value = reason === undefined ? this.#resolve(text, event) : new Unreadable(reason);
    if (value instanceof Unreadable) {
      this.#report(value.reason, this.#offset);
      return null;
    }
    if (typeof value === "string" && !event.fast && !value.isWellFormed()) {
      this.#report("half of a surrogate pair", this.#offset);
    }
    return value;
  }

  #resolve(text: string, event: ScalarEvent): Scalar | Unreadable {
    const { dialect } = this.#options;
    const plain = event.style === SCALAR_STYLE.PLAIN;
    let value: Scalar | Unreadable = text;
    if (event.tagStart !== NONE) value = resolveTagged(this.#tag(event.tagStart, event.tagEnd), text, dialect);
    // Kustomize prints what it has read before it reads it again, with quotes where flow style needs them.
    else if (plain && this.#flow > 0 && dialect === "kustomize" && (text === "" || text.includes(":"))) return text;
    else if (plain) value = resolvePlain(text, dialect);
    else if (event.style === SCALAR_STYLE.SINGLE_QUOTED) value = foldSeparators(text);
    const folded = dialect === "kustomize" && event.style === SCALAR_STYLE.FOLDED_BLOCK;
    return folded && typeof value === "string" ? refold(value) : value;
  }

  #tag(start: number, end: number): string {
    return tagName(this.#text.slice(start, end));
  }

  #collectionTag(start: number, end: number, expected: string): void {
    const tag = this.#tag(start, end);
    if (tag !== expected && tag !== "!") this.#fail(`unknown tag ${tag}`, start);
  }

  #anchor(start: number, end: number, value: Json | undefined, values: number): Anchor {
    const anchor: Anchor = { value, values, levels: 0 };
    const name = this.#text.slice(start, end);
    // YAML 1.2 allows more characters, YAML 1.1 would end the name at one and read on.
    if (!/^[A-Za-z0-9_-]+$/.test(name)) this.#fail("the name of an anchor is made of letters, digits, - and _", start);
    this.#anchors.set(name, anchor);
    return anchor;
  }

  #alias(start: number, end: number): Json {
    const name = this.#text.slice(start, end);
    const anchor = this.#anchors.get(name);
    if (anchor === undefined) this.#fail(`there is no anchor ${name} before this alias`, start);
    if (anchor.value === undefined) this.#fail(`the anchor ${name} contains itself`, start);
    const { depth, aliasedValues } = this.#options.limits;
    this.#deepest = Math.max(this.#deepest, this.#depth + anchor.levels);
    if (this.#deepest > depth) this.#over(tooDeep(depth), start);
    this.#values += anchor.values - 1;
    this.#aliased += anchor.values;
    if (this.#aliased > aliasedValues) this.#over(`aliases add more than ${aliasedValues} values`, start);
    return anchor.value;
  }

  #take(): Event {
    const event = this.#events[this.#next++] as Event;
    this.#offset = this.#startOf(event);
    return event;
  }

  #atEnd(): boolean {
    if ((this.#events[this.#next] as Event).type !== EVENT_ID.POP) return false;
    this.#next++;
    return true;
  }

  #startOf(event: Event | undefined): number {
    switch (event?.type) {
      case EVENT_ID.SCALAR:
        return event.valueStart === NONE ? (event.tagStart === NONE ? this.#offset : event.tagStart) : event.valueStart;
      case EVENT_ID.MAPPING:
      case EVENT_ID.SEQUENCE:
        return event.start;
      case EVENT_ID.ALIAS:
        return event.anchorStart;
      default:
        return this.#offset;
    }
  }

  #tellPosition(offset: number): void {
    const { onPosition } = this.#options;
    if (onPosition === undefined) return;
    // Positions come in the order of the text.
    this.#told = { offset, line: this.#told.line + countFeeds(this.#text, this.#told.offset, offset) };
    onPosition(this.#path, this.#told.line);
  }

  /** For what leaves the rest of the document readable. */
  #report(reason: string, offset: number): void {
    this.#problems.push(new Problem("INVALID", reason, offset, [...this.#path]));
    if (this.#problems.length >= MAX_PROBLEMS)
      throw new Problem("INVALID", "too many errors, the rest is not read", offset);
  }

  #over(reason: string, offset: number): never {
    throw new Problem("LIMIT", reason, offset, [...this.#path]);
  }

  #fail(reason: string, offset: number): never {
    throw new Problem("INVALID", reason, offset, [...this.#path]);
  }
}
