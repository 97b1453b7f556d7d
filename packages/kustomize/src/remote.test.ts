import { expect, it } from "vitest";
import { parseRemote } from "./remote.ts";

it.each([
  ["https://github.com/org/repo", "https://github.com/org/repo", "", undefined],
  ["https://github.com/org/repo//base/x?ref=v1", "https://github.com/org/repo", "base/x", "v1"],
  ["https://github.com/org/repo/base?version=v2", "https://github.com/org/repo", "base", "v2"],
  ["https://example.com/a/b/repo.git/base", "https://example.com/a/b/repo.git", "/base".slice(1), undefined],
  ["github.com/org/repo", "https://github.com/org/repo", "", undefined],
  ["git@github.com:org/repo.git//base", "git@github.com:org/repo.git", "base", undefined],
  ["git::https://gitlab.com/g/p?ref=x", "https://gitlab.com/g/p", "", "x"],
  ["ssh://git@host:22/org/repo//b", "ssh://git@host:22/org/repo", "b", undefined],
  ["https://dev.azure.com/o/p/_git/repo/base", "https://dev.azure.com/o/p/_git/repo", "base", undefined],
  ["file:///srv/repo", "file:///srv/repo", "", undefined],
])("%s", (url, repository, path, ref) => {
  expect(parseRemote(url)).toMatchObject({
    url,
    repository,
    path,
    submodules: true,
    timeoutMs: 27_000,
    ...(ref !== undefined && { ref }),
  });
});

it.each([
  "../base",
  "base",
  "/srv/base",
  "base/github.com/x",
  "example.com/org/repo",
  "https://github.com/org",
  "https://github.com/org/repo//../..",
  "",
])("%s is no repository's address", (path) => {
  expect(parseRemote(path)).toBeUndefined();
});

it.each([
  ["timeout=5s&submodules=false", 5_000, false],
  ["timeout=90", 90_000, true],
  ["timeout=2m", 120_000, true],
  ["timeout=x&submodules=0", 27_000, false],
])("?%s", (query, timeoutMs, submodules) => {
  expect(parseRemote(`https://github.com/o/r?${query}`)).toMatchObject({ timeoutMs, submodules });
});
