import { isObject, TrueUpError, type Json, type Manifest } from "@trueup/spec";
import type { Client } from "../api/client.ts";
import type { Resource } from "../api/discovery.ts";
import { collectionPath } from "../api/path.ts";

export type StreamEvent =
  | { readonly type: "changed"; readonly manifest: Manifest; readonly version: string }
  /** With the object as it was when it left the selection. */
  | { readonly type: "gone"; readonly manifest: Manifest; readonly version: string }
  /** Nothing happened up to here. */
  | { readonly type: "bookmark"; readonly version: string };

export interface StreamOptions {
  readonly client: Client;
  readonly resource: Resource;
  readonly namespace?: string;
  readonly labelSelector: string;
  readonly from: string;
  /** Silence after which the server is taken for gone. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
}

/** An object is at most 3 MB; more on one line is no event. */
const LONGEST_LINE = 16 * 1024 * 1024;

/**
 * The events of one watch request, from a version on. Ends when the server ends it, the connection breaks or falls
 * silent: the next one goes on from the last version. Throws `INCOMPLETE` where that version is too old to go on from.
 */
export async function* stream(options: StreamOptions): AsyncGenerator<StreamEvent> {
  const { client, resource, namespace, labelSelector, from, silenceMs, signal } = options;
  const silent = new AbortController();
  let timer = setTimeout(() => silent.abort(), silenceMs);
  try {
    const response = await client.open({
      path: collectionPath(resource, namespace),
      query: {
        watch: 1,
        allowWatchBookmarks: true,
        resourceVersion: from,
        labelSelector,
        // Not all at the same time.
        timeoutSeconds: 300 + Math.floor(Math.random() * 300),
      },
      what: `watch ${resource.plural}`,
      signal: AbortSignal.any([signal, silent.signal]),
    });
    if (response.body === null) return;
    const text = new TextDecoder();
    let rest = "";
    for await (const chunk of response.body) {
      timer.refresh();
      rest += text.decode(chunk, { stream: true });
      let start = 0;
      for (let end = rest.indexOf("\n"); end !== -1; end = rest.indexOf("\n", start)) {
        const line = rest.slice(start, end);
        start = end + 1;
        if (line !== "") yield eventOf(line, resource);
      }
      if (start > 0) rest = rest.slice(start);
      if (rest.length > LONGEST_LINE)
        throw new TrueUpError("INCOMPLETE", `watch ${resource.plural}: an event has no end`);
    }
  } catch (error) {
    // A broken connection, or one that fell silent, is an end like any other.
    if (error instanceof TrueUpError) throw error;
    signal.throwIfAborted();
  } finally {
    clearTimeout(timer);
    silent.abort();
  }
}

function eventOf(line: string, { plural }: Resource): StreamEvent {
  const garbage = (): TrueUpError => new TrueUpError("INCOMPLETE", `watch ${plural}: an event cannot be read`);
  let event: Json;
  try {
    event = JSON.parse(line) as Json;
  } catch {
    throw garbage();
  }
  if (!isObject(event) || !isObject(event["object"])) throw garbage();
  const manifest = event["object"] as unknown as Manifest;
  if (event["type"] === "ERROR") {
    const { code, message } = event["object"];
    const text = `watch ${plural}: ${typeof message === "string" ? message : "the server gave an error"}`;
    throw new TrueUpError(code === 410 ? "INCOMPLETE" : "UNAVAILABLE", text);
  }
  const version = manifest.metadata?.["resourceVersion"];
  if (typeof version !== "string") throw garbage();
  switch (event["type"]) {
    case "ADDED":
    case "MODIFIED":
      return { type: "changed", manifest, version };
    case "DELETED":
      return { type: "gone", manifest, version };
    case "BOOKMARK":
      return { type: "bookmark", version };
    default:
      throw garbage();
  }
}
