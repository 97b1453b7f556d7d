import {
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
  type Context,
  type HrTime,
  type Span,
  type Tracer,
} from "@opentelemetry/api";
import type { Controller, ControllerEvent } from "@trueup/core";
import { formatKey, type TrueUpError } from "@trueup/spec";

export interface SpansOptions {
  /** Default: `trueup` of the tracer provider that the process registered. */
  readonly tracer?: Tracer;
}

/** A run under way. */
interface Open {
  readonly run: string;
  readonly span: Span;
  readonly context: Context;
  /** The span ended; its last step says so a moment later. */
  ended: boolean;
}

/**
 * A span for each run, with its steps and hooks as children; what failed is recorded on it. Answers its undo, which ends
 * what is under way.
 */
export function spans(controller: Pick<Controller, "subscribe">, options: SpansOptions = {}): () => void {
  const tracer = options.tracer ?? trace.getTracer("trueup");
  /** By application: one runs at a time. */
  const open = new Map<string, Open>();

  function child(event: Extract<ControllerEvent, { durationMs: number; run: string }>, name: string): Span | undefined {
    const about = open.get(event.application);
    if (about?.run !== event.run) return undefined;
    return tracer.startSpan(name, { startTime: at(event.time - event.durationMs) }, about.context);
  }

  function end(about: Open | undefined, time: number): void {
    if (about === undefined || about.ended) return;
    about.ended = true;
    about.span.end(at(time));
  }

  function onEvent(event: ControllerEvent): void {
    switch (event.type) {
      case "run-started": {
        const { application, run, trigger, time } = event;
        // One that another controller took over ends without a word.
        end(open.get(application), time);
        const attributes = { "trueup.application": application, "trueup.run": run, "trueup.trigger": trigger };
        const span = tracer.startSpan("trueup run", { root: true, startTime: at(time), attributes }, ROOT_CONTEXT);
        open.set(application, { run, span, context: trace.setSpan(ROOT_CONTEXT, span), ended: false });
        return;
      }
      case "step-finished":
        return child(event, `trueup ${event.step}`)?.end(at(event.time));
      case "hook-finished": {
        const span = child(event, `trueup hook ${event.phase}`);
        span?.setAttributes({ "trueup.hook": event.hook, "trueup.outcome": event.outcome });
        if (event.error !== undefined && span !== undefined) failed(span, event.error, event.time);
        return span?.end(at(event.time));
      }
      case "run-planned": {
        const { changes, unchanged } = event.plan;
        return void open
          .get(event.application)
          ?.span.setAttributes({ "trueup.plan.changes": changes.length, "trueup.plan.unchanged": unchanged });
      }
      case "run-blocked": {
        const attributes = { "trueup.gate": event.by, "trueup.reason": event.reason };
        return void open.get(event.application)?.span.addEvent("blocked", attributes, at(event.time));
      }
      case "object-failed": {
        const { key, action, error, time } = event;
        const about = { "trueup.object": formatKey(key), "trueup.action": action, ...errorAttributes(error) };
        return void open.get(event.application)?.span.addEvent("object failed", about, at(time));
      }
      case "run-finished": {
        const { application, run, outcome, changes, revision, health, error, time } = event;
        const about = open.get(application);
        if (about?.run !== run) return;
        about.span.setAttributes({
          "trueup.outcome": outcome,
          "trueup.changes": changes,
          ...(revision && { "trueup.revision": revision.id }),
          ...(health && { "trueup.health": health.status }),
        });
        if (error !== undefined) failed(about.span, error, time, outcome === "failed");
        return end(about, time);
      }
      case "application-removed":
        end(open.get(event.application), event.time);
        return void open.delete(event.application);
      default:
        return;
    }
  }

  const unsubscribe = controller.subscribe(onEvent);
  return () => {
    unsubscribe();
    for (const about of open.values()) end(about, Date.now());
    open.clear();
  };
}

/** Without the stack, whose frames and causes are not held to "no secret" as messages are. */
function failed(span: Span, error: TrueUpError, time: number, isError = true): void {
  span.recordException({ name: error.name, code: error.code, message: error.message }, at(time));
  if (isError) span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
}

const errorAttributes = ({ code, message }: TrueUpError) => ({ "error.type": code, "error.message": message });

/** Seconds and nanoseconds: a bare number would be taken for a reading of `performance.now` where it is small. */
function at(time: number): HrTime {
  const seconds = Math.floor(time / 1_000);
  return [seconds, Math.round((time - seconds * 1_000) * 1e6)];
}
