import type { Failure } from "./failure.ts";

/** What API servers say where only an update is impossible: causes' reasons do not tell, these words do. */
const WORDS: readonly string[] = [
  "field is immutable",
  "updates to statefulset spec for fields other than",
  "is immutable after creation",
  "pod updates may not change fields other than",
  "may not change once set",
  "cannot change roleRef",
  "may not be changed in an update",
  "updates to parameters are forbidden",
  "node updates may not change",
];

/** Whether the server refused the change, and not the object: a replacement could make it. Identity is no such field. */
export function isImmutable({ status, message, causes }: Pick<Failure, "status" | "message" | "causes">): boolean {
  if (status !== 422) return false;
  if (causes.length === 0) return WORDS.some((words) => message.includes(words));
  return causes.some(
    (cause) => !cause.field.startsWith("metadata.") && WORDS.some((words) => cause.message.includes(words)),
  );
}
