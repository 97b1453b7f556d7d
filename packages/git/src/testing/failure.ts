import type { ErrorCode } from "@trueup/spec";
import { expect } from "vitest";

/** For `toThrow`: an error of this code, whose message holds the text. */
export function failure(code: ErrorCode, text: string): Error {
  return expect.objectContaining({ code, message: expect.stringContaining(text) as string }) as Error;
}
