import { TrueUpError } from "@trueup/spec";

/** Where a repository's LFS server is, by convention. Throws `INVALID` where there is none. */
export function lfsEndpoint(repository: string): string {
  if (!/^https?:/i.test(repository))
    throw new TrueUpError(
      "INVALID",
      "lfs.url is needed: only repositories behind http and https have one by convention",
    );
  const url = repository.replace(/[?#].*$/s, "").replace(/\/+$/, "");
  return `${url.endsWith(".git") ? url : `${url}.git`}/info/lfs`;
}
