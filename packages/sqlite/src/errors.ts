import { isTrueUpError, TrueUpError, type ErrorCode } from "@trueup/spec";

/** Primary result codes, https://sqlite.org/rescode.html: what they mean for the caller. */
const MEANING: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  3: ["FORBIDDEN", "permission denied"],
  5: ["UNAVAILABLE", "another process is writing to it"],
  6: ["UNAVAILABLE", "another connection is writing to it"],
  8: ["FORBIDDEN", "it cannot be written to"],
  10: ["UNAVAILABLE", "reading or writing the disk failed"],
  11: ["INVALID", "the database is damaged; restore a copy, or move it away to start anew"],
  13: ["UNAVAILABLE", "the disk is full"],
  14: ["FORBIDDEN", "it cannot be opened"],
  23: ["FORBIDDEN", "permission denied"],
  26: ["INVALID", "not a SQLite database; it is left as it is"],
};

/** The low byte of an extended result code. */
const primary = (errcode: number): number => errcode & 0xff;

export const isBusy = (error: unknown): boolean => primary((error as { errcode?: number }).errcode ?? 0) === 5;

/** What `node:sqlite` threw, in our words and with its own behind them. */
export function toStoreError(error: unknown, path: string): TrueUpError {
  if (isTrueUpError(error)) return error;
  const { code, errcode, message } = error as { code?: string; errcode?: number; message?: string };
  if (code === "ERR_INVALID_STATE") return new TrueUpError("INVALID", `${path}: the store is closed`, { cause: error });
  const [ours, words] = MEANING[primary(errcode ?? 0)] ?? ["INTERNAL", "SQLite failed"];
  return new TrueUpError(ours, `${path}: ${words} (${message ?? String(error)})`, { cause: error });
}
