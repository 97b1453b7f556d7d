import type { FoldedWrite, HistoryEntry, HistoryQuery } from "@trueup/spec";
import type { Database } from "./database.ts";

export interface History {
  /** Within a transaction of the caller's. */
  append(write: FoldedWrite): void;
  query(query: HistoryQuery): Iterable<HistoryEntry>;
}

interface Row {
  id: number;
  application: string;
  entry: string;
}

/** Entries fetched at a time: a reader that stops early has not parsed the rest. */
const PAGE = 100;

export function createHistory(db: Database): History {
  const append = db.prepare("INSERT INTO history (application, outcome, entry) VALUES (?, ?, ?)");
  const select = (where: string) =>
    db.prepare(`
      SELECT id, application, entry FROM history
      WHERE ${where} AND id < :before AND (:outcome IS NULL OR outcome = :outcome) ORDER BY id DESC LIMIT :limit`);
  const ofAll = select("TRUE");
  const ofOne = select("application = :application");

  return {
    append({ application, history }) {
      for (const entry of history) append.run(application, entry.outcome, JSON.stringify(entry));
    },
    *query({ application, before = Number.MAX_SAFE_INTEGER, limit = 100, outcome }) {
      for (let left = limit; left > 0; left -= PAGE) {
        const page = { before, outcome: outcome ?? null, limit: Math.min(left, PAGE) };
        const rows = db.run(() =>
          application === undefined ? ofAll.all(page) : ofOne.all({ ...page, application }),
        ) as unknown as Row[];
        for (const { entry, ...row } of rows) yield { ...JSON.parse(entry), ...row };
        if (rows.length < PAGE) return;
        before = rows.at(-1)!.id;
      }
    },
  };
}
