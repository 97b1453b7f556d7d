import { TrueUpError, type Lease } from "@trueup/spec";
import { sleep } from "../apply/call.ts";
import type { Engine } from "../runtime.ts";

/** Does something outside of a run that only who holds the application may do. Waits as long as a lease lasts; throws `CONFLICT` where another holds it still. */
export async function withLease<T>(
  engine: Engine,
  application: string,
  body: (lease: Lease) => Promise<T>,
): Promise<T> {
  const claim = async (): Promise<Lease | undefined> =>
    await engine.store.claim(application, engine.holder, engine.leaseMs);
  let lease = await claim();
  for (let waited = 0; lease === undefined && waited < engine.leaseMs; waited += 100) {
    await sleep(100);
    lease = await claim();
  }
  if (lease === undefined)
    throw new TrueUpError("CONFLICT", `application ${application} is held by another controller`);
  const held = lease;
  // What it finds is that the lease is lost: `valid()` says so to whoever is about to write.
  const renewal = setInterval(() => void held.renew().catch(() => {}), engine.leaseMs / 3);
  try {
    return await body(held);
  } finally {
    clearInterval(renewal);
    await held.release();
  }
}
