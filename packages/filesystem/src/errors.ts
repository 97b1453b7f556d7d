import { TrueUpError, type ErrorCode } from "@trueup/spec";

/** The code of a system error: `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  EACCES: "FORBIDDEN",
  EPERM: "FORBIDDEN",
  EROFS: "FORBIDDEN",
  ENAMETOOLONG: "INVALID",
  EXDEV: "UNSUPPORTED",
};

/** What the file system answered, as a `TrueUpError` that names the path below the root. */
export function fileError(error: unknown, doing: string, path: string): TrueUpError {
  if (error instanceof TrueUpError) return error;
  const code = codeOf(error);
  const why = code ?? (error instanceof Error ? error.message : String(error));
  const hint = code === "EXDEV" ? ": the root must be one file system" : "";
  return new TrueUpError(CODES[code ?? ""] ?? "UNAVAILABLE", `${doing} ${path}: ${why}${hint}`, { cause: error });
}
