import { TrueUpError } from "@trueup/spec";
import { compareText } from "../go/json.ts";
import { gvkKey, kindOrder, ORDER_FIRST, ORDER_LAST, sortText, type Gvk } from "../ids.ts";
import type { Resource } from "../resource.ts";
import type { SortOptions } from "../shapes.ts";
import type { Transformer } from "./transformer.ts";

/** The order of `legacy`: what others need first, webhooks last; `fifo` leaves resources as they came. */
export function sortBy({ order, legacySortOptions }: SortOptions): Transformer {
  if (order !== "fifo" && order !== "legacy") {
    throw new TrueUpError("INVALID", "the field 'sortOptions.order' must be one of [fifo, legacy]");
  }
  if (order === "fifo") {
    if (legacySortOptions === undefined) return () => undefined;
    throw new TrueUpError(
      "INVALID",
      "the field 'sortOptions.legacySortOptions' is set but the selected sort order is 'fifo', not 'legacy'",
    );
  }
  const { orderFirst = [], orderLast = [] } = legacySortOptions ?? {
    orderFirst: [...ORDER_FIRST],
    orderLast: [...ORDER_LAST],
  };
  const orders = kindOrder(orderFirst, orderLast);
  return (resources) => {
    const types = new Map<string, Type>();
    const typeOf = (gvk: Gvk): Type => {
      const key = gvkKey(gvk);
      let type = types.get(key);
      if (type === undefined) types.set(key, (type = { gvk, order: orders.get(gvk.kind) ?? 0, text: sortText(gvk) }));
      return type;
    };
    const keyed = resources.list.map((resource) => ({
      resource,
      type: typeOf(resource.gvk),
      text: placeText(resource),
    }));
    keyed.sort((a, b) => (a.type === b.type ? compareText(a.text, b.text) : compareTypes(a.type, b.type)));
    resources.reorder(keyed.map(({ resource }) => resource));
  };
}

/** What is compared of a group, version and kind: the same value for all of its resources. */
interface Type {
  readonly gvk: Gvk;
  readonly order: number;
  readonly text: string;
}

function compareTypes(a: Type, b: Type): number {
  if (a.order !== b.order) return a.order - b.order;
  // Namespaces of the core come before those of others.
  const isNamespaces =
    a.gvk.kind === "Namespace" && b.gvk.kind === "Namespace" && (a.gvk.group === "" || b.gvk.group === "");
  return isNamespaces ? compareText(b.text, a.text) : compareText(a.text, b.text);
}

const placeText = ({ namespace, name }: Resource): string => `${namespace || "~X"}|${name || "~N"}`;
