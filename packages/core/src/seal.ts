import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import {
  canonicalJson,
  TrueUpError,
  type ApplicationRecord,
  type PruneHistory,
  type Json,
  type RowChange,
  type Store,
  type TargetState,
  type Tracked,
} from "@trueup/spec";

const SEALED = "trueup.dev/sealed";

/** Opens only what it sealed, for the same thing. */
export interface Sealer {
  /** `boundTo` says what the value is of: it opens for nothing else. */
  seal(value: Json, boundTo: string): string;
  /** Throws where the text was changed, moved, or sealed with another key. */
  open(text: string, boundTo: string): Json;
}

/** AES-256-GCM with a key derived from the controller's. */
export function createSealer(key: string): Sealer {
  const secret = Buffer.from(hkdfSync("sha256", key, "", "trueup target state", 32));
  return {
    seal(value, boundTo) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", secret, nonce).setAAD(Buffer.from(boundTo));
      const body = Buffer.concat([cipher.update(canonicalJson(value), "utf8"), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64");
    },
    open(text, boundTo) {
      const bytes = Buffer.from(text, "base64");
      const decipher = createDecipheriv("aes-256-gcm", secret, bytes.subarray(0, 12))
        .setAAD(Buffer.from(boundTo))
        .setAuthTag(bytes.subarray(12, 28));
      const plain = Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString("utf8");
      return JSON.parse(plain) as Json;
    },
  };
}

/** A store that never sees a target's state in plain text: it is bound to the object's key. */
export function sealingStore(store: Store, sealer: Sealer): Store {
  function seal(tracked: Tracked): Tracked {
    if (tracked.state === undefined) return tracked;
    return { ...tracked, state: { [SEALED]: sealer.seal(tracked.state, tracked.key) } };
  }

  function open(tracked: Tracked): Tracked {
    const sealed = tracked.state?.[SEALED];
    if (typeof sealed !== "string") return tracked;
    try {
      return { ...tracked, state: sealer.open(sealed, tracked.key) as TargetState };
    } catch (error) {
      const message = `the target's state of ${tracked.key} does not open with this controller's key`;
      throw new TrueUpError("INVALID", message, { key: tracked.key, cause: error });
    }
  }

  const sealRow = (row: RowChange): RowChange => (row.type === "track" ? { ...row, tracked: seal(row.tracked) } : row);
  return {
    ...store,
    settings: store.settings,
    claim: async (application, holder, ttlMs) => await store.claim(application, holder, ttlMs),
    list: () => store.list(),
    history: (query) => store.history(query),
    ...(store.prune !== undefined && { prune: async (options: PruneHistory) => await store.prune!(options) }),
    async read(application): Promise<ApplicationRecord> {
      const record = await store.read(application);
      return { ...record, inventory: new Map([...record.inventory].map(([key, tracked]) => [key, open(tracked)])) };
    },
    async write(changes) {
      await store.write(changes.map((change) => ({ ...change, rows: change.rows.map(sealRow) })));
    },
  };
}
