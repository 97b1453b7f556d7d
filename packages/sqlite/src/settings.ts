import type { Json, Store } from "@trueup/spec";
import type { Database } from "./database.ts";

export function createSettings(db: Database): Store["settings"] {
  const get = db.prepare("SELECT value FROM setting WHERE name = ?");
  const set = db.prepare(
    "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
  );
  const add = db.prepare("INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING");
  const remove = db.prepare("DELETE FROM setting WHERE name = ?");

  const read = (name: string): Json | undefined => {
    const row = get.get(name) as { value: string } | undefined;
    return row === undefined ? undefined : (JSON.parse(row.value) as Json);
  };
  return {
    get: async (name) => db.run(() => read(name)),
    async set(name, value) {
      db.transaction(() => (value === undefined ? remove.run(name) : set.run(name, JSON.stringify(value))));
    },
    async init(name, value) {
      return db.transaction(() => {
        add.run(name, JSON.stringify(value));
        return read(name)!;
      });
    },
  };
}
