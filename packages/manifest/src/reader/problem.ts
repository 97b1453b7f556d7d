import { formatPointer, type ErrorCode, type Pointer } from "@trueup/spec";

/** What is wrong at one place of a document, before its line is known. */
export class Problem extends Error {
  readonly code: ErrorCode;
  readonly reason: string;
  /** Into the text that is being read. */
  readonly offset: number;
  readonly field: Pointer;

  constructor(code: ErrorCode, reason: string, offset: number, path: readonly (string | number)[] = []) {
    super(reason);
    this.code = code;
    this.reason = reason;
    this.offset = offset;
    this.field = formatPointer(path);
  }
}

/** What is wrong in a document; `line` counts from 1 in it. */
export interface Finding {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly line: number;
  readonly field: Pointer;
}
