import type { ApplicationStatus, ControllerEvent } from "@trueup/core";
import { keyOf, type Application, type Key } from "@trueup/spec";
import type { ObservedController } from "./metrics.ts";

export const NOW = 1_767_225_600_000;
export const key: Key = keyOf({ target: "live", group: "", kind: "ConfigMap", namespace: "demo", name: "a" });

/** A controller that says what a test makes it say. */
export interface Puppet extends ObservedController {
  say(event: Untimed<ControllerEvent>, atMs?: number): void;
  readonly set: Map<string, { application: Application; status: ApplicationStatus }>;
}
type Untimed<E> = E extends unknown ? Omit<E, "time"> : never;

export function puppet(applications: Readonly<Record<string, Partial<ApplicationStatus>>> = {}): Puppet {
  const listeners = new Set<(event: ControllerEvent) => void>();
  const set: Puppet["set"] = new Map();
  for (const [name, status] of Object.entries(applications)) {
    const known = { phase: "idle", sync: "synced", health: { status: "healthy" }, failures: 0, objects: 1 } as const;
    const rest = { application: name, approvals: [], current: true };
    set.set(name, { application: { name, source: "repo", target: "live" }, status: { ...known, ...rest, ...status } });
  }
  return {
    set,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    applications: () => [...set.values()].map(({ application }) => application),
    status: (name) => set.get(name)!.status,
    say(event, atMs = 0) {
      for (const listener of listeners) listener({ time: NOW + atMs, ...event });
    },
  };
}
