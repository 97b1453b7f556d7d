import type { TrueUpError } from "@trueup/spec";
import { errorAt } from "../errors.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of a file without its byte order mark. Throws `LIMIT` where it is too big, `INVALID` where it is not UTF-8. */
export function decodeText(input: Uint8Array | string, file: string, maxBytes: number): string {
  const size = typeof input === "string" ? Buffer.byteLength(input) : input.byteLength;
  if (size > maxBytes) {
    throw tooBig(file, size, maxBytes);
  }
  const text = typeof input === "string" ? input : decode(input, file);
  return text.charCodeAt(0) === 0xfe_ff ? text.slice(1) : text;
}

export function tooBig(file: string, bytes: number, limit: number): TrueUpError {
  return errorAt("LIMIT", { file }, `${bytes} bytes, at most ${limit} are read`);
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw errorAt("INVALID", { file, line: lineOfBadByte(bytes) }, "not UTF-8");
  }
}

/** Decodes line by line: a line feed is never a part of a longer sequence. */
function lineOfBadByte(bytes: Uint8Array): number {
  let line = 1;
  let start = 0;
  for (;;) {
    const feed = bytes.indexOf(10, start);
    const end = feed === -1 ? bytes.length : feed + 1;
    try {
      decoder.decode(bytes.subarray(start, end));
    } catch {
      return line;
    }
    if (feed === -1) return line;
    line++;
    start = end;
  }
}

/** The line, counted from 1, of an offset. */
export function lineAt(text: string, offset: number): number {
  return 1 + countFeeds(text, 0, offset);
}

export function countFeeds(text: string, from: number, to: number): number {
  let feeds = 0;
  for (let at = text.indexOf("\n", from); at !== -1 && at < to; at = text.indexOf("\n", at + 1)) feeds++;
  return feeds;
}

/** Whether kubectl would read the text as JSON. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
