import { TrueUpError } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { toStoreError } from "./errors.ts";

const sqlite = (errcode: number) => Object.assign(new Error("words"), { code: "ERR_SQLITE_ERROR", errcode });

describe("toStoreError", () => {
  it.each([
    [3, "FORBIDDEN", false, "permission denied"],
    [5, "UNAVAILABLE", true, "another process is writing to it"],
    [5 | (2 << 8), "UNAVAILABLE", true, "another process is writing to it"],
    [6, "UNAVAILABLE", true, "another connection is writing to it"],
    [8, "FORBIDDEN", false, "it cannot be written to"],
    [10 | (4 << 8), "UNAVAILABLE", true, "reading or writing the disk failed"],
    [11, "INVALID", false, "the database is damaged; restore a copy, or move it away to start anew"],
    [13, "UNAVAILABLE", true, "the disk is full"],
    [14, "FORBIDDEN", false, "it cannot be opened"],
    [23, "FORBIDDEN", false, "permission denied"],
    [26, "INVALID", false, "not a SQLite database; it is left as it is"],
    [1, "INTERNAL", false, "SQLite failed"],
  ])("SQLite's %i is %s", (errcode, code, retryable, words) => {
    const cause = sqlite(errcode);
    const error = toStoreError(cause, "/a.db");
    expect(error).toBeInstanceOf(TrueUpError);
    expect(error).toMatchObject({ code, retryable, message: `/a.db: ${words} (words)`, cause });
  });

  it("leaves ours alone", () => {
    const error = new TrueUpError("CONFLICT", "no");
    expect(toStoreError(error, "/a.db")).toBe(error);
  });

  it("takes anything", () => {
    expect(toStoreError("odd", "/a.db").message).toBe("/a.db: SQLite failed (odd)");
  });
});
