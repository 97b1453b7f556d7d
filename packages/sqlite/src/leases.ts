import { checkTtl, holdLease, TrueUpError, type HeldLease, type Lease } from "@trueup/spec";
import type { Commits } from "./commits.ts";
import type { Database } from "./database.ts";

export interface Leases {
  claim(application: string, holder: string, ttlMs: number): Promise<Lease | undefined>;
  /** Within the transaction that writes: throws `LEASE_LOST`, and tells the holder, where the lease is not the last one given out. */
  check(lease: Lease): void;
  close(): void;
}

interface Row {
  token: number;
  ttl_ms: number;
  expires_at: number | null;
}

/**
 * Milliseconds since the machine started: on one clock for all its processes, and never set. A database with a
 * write-ahead log belongs to one machine, so this is what all who share it have in common; the time of day is not.
 */
const machineNow = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;

/** More time left than it ever had: the machine was restarted since, and with it went the holder. */
function isHeld({ ttl_ms: ttlMs, expires_at: expiresAt }: Row, now: number): boolean {
  return expiresAt !== null && expiresAt > now && expiresAt - now <= ttlMs;
}

/** Leases stand in the database, so that processes exclude each other. They need not survive a loss of power: their holders do not. */
export function createLeases(db: Database, commits: Commits): Leases {
  /** The last one of each application that was claimed here. */
  const held = new Map<string, HeldLease>();
  const find = db.prepare("SELECT token, ttl_ms, expires_at FROM lease WHERE application = ?");
  const claim = db.prepare(`
    INSERT INTO lease (application, holder, token, ttl_ms, expires_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (application) DO UPDATE
    SET holder = excluded.holder, token = excluded.token, ttl_ms = excluded.ttl_ms, expires_at = excluded.expires_at`);
  const ours = "application = ? AND token = ? AND expires_at IS NOT NULL";
  const check = db.prepare(`SELECT 1 FROM lease WHERE ${ours}`);
  const extend = db.prepare(`UPDATE lease SET expires_at = ? WHERE ${ours}`);
  const release = db.prepare(`UPDATE lease SET expires_at = NULL WHERE ${ours}`);
  const quickly = <T>(body: () => T): Promise<T> => commits.run(body, { durable: false });

  return {
    async claim(application, holder, ttlMs) {
      checkTtl(ttlMs);
      const claimedAt = performance.now();
      const tokens = await quickly(() => {
        const now = machineNow();
        const last = find.get(application) as Row | undefined;
        if (last !== undefined && isHeld(last, now)) return undefined;
        const token = (last?.token ?? 0) + 1;
        claim.run(application, holder, token, ttlMs, now + ttlMs);
        return { token, previous: last?.token };
      });
      if (tokens === undefined) return undefined;
      const { token } = tokens;
      held.get(application)?.lose();
      const mine = holdLease({
        application,
        holder,
        ...tokens,
        ttlMs,
        claimedAt,
        extend: () => quickly(() => extend.run(machineNow() + ttlMs, application, token).changes === 1),
        release: async () => void (await quickly(() => release.run(application, token))),
      });
      held.set(application, mine);
      return mine.lease;
    },
    check({ application, token }) {
      if (check.get(application, token) !== undefined) return;
      const mine = held.get(application);
      if (mine?.lease.token === token) mine.lose();
      throw new TrueUpError("LEASE_LOST", `the lease of application "${application}" is stale`);
    },
    close() {
      for (const mine of held.values()) mine.lose();
    },
  };
}
