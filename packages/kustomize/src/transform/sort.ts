import { TrueUpError } from "@trueup/spec";
import { compareText } from "../go/json.ts";
import { formatGvk, gvkKey, kindOrder, ORDER_FIRST, ORDER_LAST, sortText, type ResId } from "../ids.ts";
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
    const keyed = resources.list.map((resource) => {
      const { id } = resource;
      return { resource, id, order: orders.get(id.kind) ?? 0, gvk: gvkKey(id), kind: sortText(id), text: idText(id) };
    });
    keyed.sort((a, b) => {
      if (a.gvk === b.gvk) return compareText(a.text, b.text);
      if (a.order !== b.order) return a.order - b.order;
      // Namespaces of the core come before those of others.
      const isNamespaces =
        a.id.kind === "Namespace" && b.id.kind === "Namespace" && (a.id.group === "" || b.id.group === "");
      return isNamespaces ? compareText(b.kind, a.kind) : compareText(a.kind, b.kind);
    });
    resources.reorder(keyed.map(({ resource }) => resource));
  };
}

const idText = (id: ResId): string => `${formatGvk(id)}|${id.namespace || "~X"}|${id.name || "~N"}`;
