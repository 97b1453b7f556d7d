import { formatPointer, type ErrorCode, type Pointer } from "@trueup/spec";

/** What is wrong at one place of a document, before file and line are known. */
export class Problem extends Error {
  readonly code: ErrorCode;
  readonly reason: string;
  /** Offset into the document's text. */
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
