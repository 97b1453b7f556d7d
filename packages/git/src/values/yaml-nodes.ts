import { COLLECTION_STYLE, EVENT_ID, getScalarValue, parseEvents, type Event, type ScalarEvent } from "js-yaml";

/** Where things stand in a text; offsets are of UTF-16 code units. */
export type YamlNode = MapNode | ListNode | ScalarNode | AliasNode;

interface Placed {
  /** -1 for an empty value. */
  readonly start: number;
  /** The anchor's name (`&name`). */
  readonly anchor?: string;
  readonly tagged: boolean;
  /** Inside `[]` or `{}`. */
  readonly flow: boolean;
}
export interface MapNode extends Placed {
  readonly type: "map";
  readonly fields: { readonly key: YamlNode; value: YamlNode }[];
}
export interface ListNode extends Placed {
  readonly type: "list";
  readonly items: YamlNode[];
}
export interface ScalarNode extends Placed {
  readonly type: "scalar";
  readonly event: ScalarEvent;
  /** As it reads, whatever its type. */
  readonly text: string;
}
export interface AliasNode extends Placed {
  readonly type: "alias";
}

/** More than any parser of ours takes: those are asked first. */
const MAX_DEPTH = 1000;

/** The root of each document; undefined for an empty one. Throws js-yaml's `YAMLException`. */
export function yamlNodes(text: string): (YamlNode | undefined)[] {
  const roots: (YamlNode | undefined)[] = [];
  const open: (MapNode | ListNode | "document")[] = [];
  // The key of each open map whose value is still to come.
  const keys = new Map<MapNode, YamlNode>();

  const put = (node: YamlNode): void => {
    const parent = open.at(-1);
    if (parent === undefined || parent === "document") roots[roots.length - 1] = node;
    else if (parent.type === "list") parent.items.push(node);
    else {
      const key = keys.get(parent);
      keys.delete(parent);
      if (key === undefined) keys.set(parent, node);
      else parent.fields.push({ key, value: node });
    }
  };

  for (const event of parseEvents(text, { maxDepth: MAX_DEPTH })) {
    const parent = open.at(-1);
    const inside = parent !== undefined && parent !== "document" && parent.flow;
    if (event.type === EVENT_ID.DOCUMENT) {
      roots.push(undefined);
      open.push("document");
    } else if (event.type === EVENT_ID.POP) open.pop();
    else {
      const node = nodeOf(text, event, inside);
      put(node);
      if (node.type === "map" || node.type === "list") open.push(node);
    }
  }
  return roots;
}

type NodeEvent = Exclude<Event, { type: typeof EVENT_ID.DOCUMENT } | { type: typeof EVENT_ID.POP }>;

function nodeOf(text: string, event: NodeEvent, inside: boolean): YamlNode {
  const { anchorStart, anchorEnd } = event;
  if (event.type === EVENT_ID.ALIAS) return { type: "alias", start: anchorStart, tagged: false, flow: inside };
  const placed = {
    start: event.type === EVENT_ID.SCALAR ? event.valueStart : event.start,
    tagged: event.tagStart !== -1,
    ...(anchorStart !== -1 && { anchor: text.slice(anchorStart, anchorEnd) }),
  };
  if (event.type === EVENT_ID.SCALAR)
    return { type: "scalar", ...placed, flow: inside, event, text: getScalarValue(text, event) };
  const flow = inside || event.style === COLLECTION_STYLE.FLOW;
  return event.type === EVENT_ID.MAPPING
    ? { type: "map", ...placed, flow, fields: [] }
    : { type: "list", ...placed, flow, items: [] };
}
