import fc from "fast-check";

/** Names of objects that come and go; the last is a Namespace, whose deletion needs an approval. */
export const OBJECTS = ["c0", "c1", "c2", "c3", "n0"] as const;
export const APPLICATIONS = ["a", "b"] as const;
export type ObjectName = (typeof OBJECTS)[number];
export type ApplicationName = (typeof APPLICATIONS)[number];

/** What happens to the world. */
export type Happening =
  /** In Git. An object that the other application has moves to this one, in the same commit. */
  | {
      readonly do: "commit";
      readonly application: ApplicationName;
      readonly object: ObjectName;
      readonly value: number;
    }
  /** Declared so that it is never pruned. */
  | { readonly do: "commit-kept"; readonly application: ApplicationName; readonly object: ObjectName }
  | { readonly do: "commit-gone"; readonly objects: readonly ObjectName[] }
  /** All of an application's files. */
  | { readonly do: "commit-empty"; readonly application: ApplicationName }
  /** By hand, to what stands there. */
  | { readonly do: "edit"; readonly object: ObjectName; readonly how: "value" | "extra" | "unmark" | "delete" }
  /** Somebody's own: a new object, or a copy of ours with its marks, where nothing stands; or what stands is made anew. */
  | { readonly do: "foreign"; readonly object: ObjectName; readonly how: "put" | "copy" | "remake" | "delete" }
  | { readonly do: "lose-watch"; readonly silently: boolean }
  | { readonly do: "resync-watch" }
  /** The process dies at its nth call from now, before or after the call has its effect. */
  | { readonly do: "crash"; readonly process: number; readonly calls: number; readonly when: "before" | "after" }
  | { readonly do: "start"; readonly process: number }
  | { readonly do: "stop"; readonly process: number }
  /** No answer reaches the process for so long: its lease is lost meanwhile, it then goes on as if nothing had been. */
  | { readonly do: "freeze"; readonly process: number; readonly ms: number }
  /** The target's next calls fail, or have their effect and their answers are lost. */
  | {
      readonly do: "fail";
      readonly method: "observe" | "apply" | "delete";
      readonly calls: number;
      readonly lost: boolean;
    }
  | { readonly do: "source-fails" | "source-answers" }
  /** The machine slept. */
  | { readonly do: "sleep"; readonly ms: number }
  /** The time of day is set. */
  | { readonly do: "set-clock"; readonly ms: number }
  | { readonly do: "suspend" | "resume"; readonly application: ApplicationName }
  | { readonly do: "stop-writes" | "resume-writes" }
  | { readonly do: "rollback"; readonly application: ApplicationName }
  /** Everything is well again: the invariants are looked at. */
  | { readonly do: "check" };

/** A happening, and how long until the next. */
export type Step = Happening & { readonly waitMs: number };

export interface Setup {
  /** The target can hold owner marks. */
  readonly marks: boolean;
  readonly watch: boolean;
  /** Of application b. */
  readonly prune: "default" | "off" | "limit-1";
  readonly selfHeal: boolean;
  /** Processes at the start. */
  readonly processes: 1 | 2;
  readonly random: number;
}

export interface Sequence {
  readonly setup: Setup;
  readonly steps: readonly Step[];
}

const application = fc.constantFrom(...APPLICATIONS);
const object = fc.constantFrom(...OBJECTS);
const process = fc.nat(1);
const when = fc.constantFrom("before" as const, "after" as const);

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("commit" as const), application, object, value: fc.nat(9) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("commit-kept" as const), application, object }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("commit-gone" as const),
      objects: fc.uniqueArray(object, { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("commit-empty" as const), application }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("edit" as const),
      object,
      how: fc.constantFrom("value", "value", "extra", "unmark", "delete"),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("foreign" as const),
      object,
      how: fc.constantFrom("put", "copy", "remake", "delete"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("lose-watch" as const), silently: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("resync-watch" as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("crash" as const), process, calls: fc.integer({ min: 1, max: 12 }), when }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("start" as const), process }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("stop" as const), process }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("freeze" as const),
      process,
      ms: fc.constantFrom(50, 3_000, 16_000, 40_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("fail" as const),
      method: fc.constantFrom("observe", "apply", "delete"),
      calls: fc.integer({ min: 1, max: 4 }),
      lost: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("source-fails" as const, "source-answers" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("sleep" as const), ms: fc.constantFrom(4_000, 20_000, 3_600_000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("set-clock" as const),
      ms: fc.constantFrom(-86_400_000, -1_000, 60_000, 86_400_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("suspend" as const, "resume" as const), application }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("stop-writes" as const, "resume-writes" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("rollback" as const), application }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("check" as const) }) },
);

/** Short waits end in the middle of a run; long ones see it through. */
const waitMs = fc.constantFrom(0, 1, 3, 8, 20, 60, 250, 1_500, 30_000);
const step: fc.Arbitrary<Step> = fc.tuple(happening, waitMs).map(([happens, waitMs]) => ({ ...happens, waitMs }));

const setup: fc.Arbitrary<Setup> = fc
  .record({
    marks: fc.boolean(),
    watch: fc.boolean(),
    prune: fc.constantFrom("default" as const, "off" as const, "limit-1" as const),
    selfHeal: fc.boolean(),
    processes: fc.constantFrom(1 as const, 2 as const),
    random: fc.nat(),
  })
  // What is let go of without a mark is nobody's: whether it is declared again later is not for us to know.
  .filter(({ marks, prune }) => marks || prune !== "off");

export const sequences: fc.Arbitrary<Sequence> = fc.record({
  setup,
  steps: fc.array(step, { minLength: 4, maxLength: 30, size: "max" }),
});
