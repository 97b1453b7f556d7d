import { keyConflict, type ApplicationRecord, type FoldedWrite, type Key, type Mask, type Tracked } from "@trueup/spec";
import type { Database } from "./database.ts";

/** State and inventory of applications. The writing methods run within a transaction of the caller's. */
export interface Records {
  read(application: string): ApplicationRecord;
  list(): string[];
  /** What the write gives up. For all applications before any `put`: a handover stands in one write. */
  remove(write: FoldedWrite): void;
  /** Throws `CONFLICT` where a key is another application's. */
  put(write: FoldedWrite): void;
}

export function createRecords(db: Database): Records {
  // In one statement both are of one moment, without a transaction for each of hundreds of applications.
  const rows = db.prepare(`
    SELECT 0 AS id, state AS text, NULL AS mask FROM application WHERE name = ?1
    UNION ALL SELECT id, tracked, mask FROM inventory WHERE application = ?1 ORDER BY id`);
  const names = db.prepare("SELECT name FROM application ORDER BY name");
  const add = db.prepare("INSERT INTO application (name, state) VALUES (?, '{}') ON CONFLICT (name) DO NOTHING");
  const setState = db.prepare(`
    INSERT INTO application (name, state) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET state = excluded.state`);
  const forget = db.prepare("DELETE FROM application WHERE name = ?");
  const track = db.prepare(`
    INSERT INTO inventory (key, application, tracked, mask) VALUES (?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET tracked = excluded.tracked, mask = excluded.mask
    WHERE application = excluded.application`);
  const holder = db.prepare("SELECT application FROM inventory WHERE key = ?");
  const untrack = db.prepare("DELETE FROM inventory WHERE application = ? AND key = ?");
  const untrackAll = db.prepare("DELETE FROM inventory WHERE application = ?");

  return {
    read(application) {
      return db.run(() => {
        const found = rows.all(application) as unknown as Row[];
        const state = found[0]?.id === 0 ? found.shift() : undefined;
        return { application, state: JSON.parse(state?.text ?? "{}"), inventory: parseRows(found) };
      });
    },
    list: () => db.run(() => names.all().map(({ name }) => name as string)),
    remove(write) {
      for (const key of write.untracked) untrack.run(write.application, key);
      if (!write.forget) return;
      untrackAll.run(write.application);
      forget.run(write.application);
    },
    put({ application, tracked, state }) {
      if (state !== undefined) setState.run(application, JSON.stringify(state));
      else if (tracked.size > 0) add.run(application);
      for (const [key, { mask, ...rest }] of tracked) {
        const text = mask === undefined ? null : textOf(mask);
        if (track.run(key, application, JSON.stringify(rest), text).changes === 1) continue;
        throw keyConflict(key, application, holder.get(key)!["application"] as string);
      }
    },
  };
}

/** Thousands of rows share a handful of masks. */
const texts = new WeakMap<Exclude<Mask, true>, string>();

function textOf(mask: Mask): string {
  if (mask === true) return "true";
  let text = texts.get(mask);
  if (text === undefined) {
    text = JSON.stringify(mask);
    texts.set(mask, text);
  }
  return text;
}

/** `id` 0: the state, which stands with the rows of the inventory. */
interface Row {
  id: number;
  text: string;
  mask: string | null;
}

/** Equal masks become one object: thousands of rows have a handful of shapes. */
function parseRows(rows: readonly Row[]): Map<Key, Tracked> {
  const masks = new Map<string, Mask>();
  const inventory = new Map<Key, Tracked>();
  for (const { text, mask: shape } of rows) {
    const row = JSON.parse(text) as Tracked;
    if (shape === null) {
      inventory.set(row.key, row);
      continue;
    }
    let mask = masks.get(shape);
    if (mask === undefined) {
      mask = JSON.parse(shape) as Mask;
      masks.set(shape, mask);
    }
    inventory.set(row.key, { ...row, mask });
  }
  return inventory;
}
