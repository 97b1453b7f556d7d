import type { Target } from "@trueup/spec";

/** The live system of the demo, as somebody sees it who does not go through TrueUp. */
export interface LiveSystem {
  /** Where it is, for people. */
  readonly place: string;
  /** What to do by hand to make it drift, for people. */
  readonly edit: string;
  readonly target: Target;
  /** The namespace its objects stand in. */
  readonly namespace: string;
  /** How long a run may take: a cluster starts containers. */
  readonly patienceMs: number;
  /** Puts something there that is not ours. */
  addForeign(): Promise<void>;
  foreignStands(): Promise<boolean>;
  /** Of the Deployment `web`. */
  replicas(): Promise<number | undefined>;
  /** A hand edit, past Git. */
  scale(replicas: number): Promise<void>;
  /** Changes whenever the ConfigMap `settings` is written; undefined where there is none. */
  settingsVersion(): Promise<string | undefined>;
  close(): Promise<void>;
}
