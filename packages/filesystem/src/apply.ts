import { TrueUpError, type Applied, type Item, type Observed, type Planned, type WriteContext } from "@trueup/spec";
import { applyObject } from "./apply-object.ts";
import { applyRawFile } from "./apply-raw-file.ts";
import { isRawKey } from "./find.ts";
import type { System } from "./system.ts";
import { checkGoOn, type Applying } from "./writing.ts";

export async function apply(
  system: System,
  item: Item,
  planned: Planned,
  seen: Observed,
  context: WriteContext,
): Promise<Applied> {
  const { declared } = item;
  if (declared === undefined) throw new TrueUpError("INTERNAL", "apply without a declared object", { key: item.key });
  const identity = await system.identity();
  checkGoOn(context);
  const applying: Applying = { system, identity, item: { ...item, declared }, planned, seen, context };
  return isRawKey(item.key) ? await applyRawFile(applying) : await applyObject(applying);
}
