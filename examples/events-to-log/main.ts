// Every step of a run is a typed event: for logs, metrics, notifications. A logger in pino's shape may be passed in as well.
import { createController, memoryStore, type ControllerEvent } from "@trueup/core";
import { formatKey, type Logger } from "@trueup/spec";
import { memorySource, memoryTarget } from "@trueup/testkit";
import { configMap } from "../temporary.ts";

const line = (level: string, fields: object, message: string): void =>
  console.log(level.padEnd(5), message, JSON.stringify(fields));
const logger: Logger = {
  debug: () => {},
  info: (fields, message) => line("info", fields, message),
  warn: (fields, message) => line("warn", fields, message),
  error: (fields, message) => line("error", fields, message),
};

const source = memorySource({
  files: { "a.yaml": configMap("a", "1"), "b.yaml": configMap("b", "1"), "c.yaml": configMap("c", "1") },
});
const controller = createController({
  sources: { git: source },
  targets: { live: memoryTarget() },
  store: memoryStore(),
  logger,
  applications: [{ name: "letters", source: "git", target: "live" }],
});

/** One line for each event a person may want to follow; TypeScript knows the fields of each type. */
function tell(event: ControllerEvent): string | undefined {
  switch (event.type) {
    case "run-started":
      return `${event.application}: a run begins (${event.trigger})`;
    case "run-planned":
      return `${event.application}: ${event.plan.changes.length} changes planned`;
    case "object-applied":
      return `${event.application}: ${event.action} ${formatKey(event.key)}, ${event.done} of ${event.total}`;
    case "run-finished":
      return `${event.application}: ${event.outcome} after ${event.durationMs.toFixed(0)} ms`;
    default:
      return undefined;
  }
}
controller.subscribe((event) => {
  const text = tell(event);
  if (text !== undefined) console.log("event", text);
});
// A listener that throws breaks no run.
controller.subscribe(({ type }) => {
  if (type === "run-planned") throw new Error("a broken listener");
});

await controller.sync("letters");
source.commit({ "b.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n" });
await controller.sync("letters");
await controller.stop();
