import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where this system keeps what can be fetched again. */
export function defaultCacheDirectory(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  if (env["XDG_CACHE_HOME"]) return join(env["XDG_CACHE_HOME"], "trueup", "git");
  if (platform === "darwin") return join(homedir(), "Library", "Caches", "trueup", "git");
  if (platform === "win32" && env["LOCALAPPDATA"]) return join(env["LOCALAPPDATA"], "trueup", "cache", "git");
  return join(homedir(), ".cache", "trueup", "git");
}

/** The directory of one repository: its name for people, and a hash of its address without user and password. */
export function repositoryDirectory(root: string, url: string): string {
  const name = (url.split("/").at(-1) ?? "")
    .replace(/\.git$/, "")
    .replaceAll(/[^A-Za-z0-9._-]/g, "-")
    .slice(0, 40);
  return join(root, `${name}-${createHash("sha256").update(url).digest("hex").slice(0, 16)}`);
}
