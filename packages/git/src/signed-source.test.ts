import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bareRepository } from "@trueup/testkit";
import type { Source, Verification } from "@trueup/spec";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { gitWriter, type GitWriter } from "./git-writer.ts";
import { git } from "./git.ts";
import type { RefOption } from "./ref.ts";
import { sshFingerprint } from "./ssh-signature.ts";
import { sshSigner } from "./ssh-signer.ts";
import { smallServer, type SmallServer } from "./testing/small-server.ts";
import { newKey } from "./testing/ssh-key.ts";
import type { VerifyOptions } from "./verify.ts";

const ann = newKey();
const author = { name: "Ann", email: "ann@example.com" };
const sign = sshSigner({ privateKey: ann.private });
const allowedSigners = `ann@example.com ${ann.public.trim()}`;
const fingerprint = (): string => sshFingerprint(Buffer.from(ann.public.split(" ")[1] ?? "", "base64"));
const byAnn = (object: "commit" | "tag"): Verification => ({
  by: "ssh",
  signer: "ann@example.com",
  object,
  fingerprint: fingerprint(),
});

describe("a source that takes only what is signed", () => {
  let root: string;
  let server: SmallServer;
  let writer: GitWriter;
  let unsigned: string;
  let signed: string;
  const sources: Source[] = [];

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "trueup-signed-"));
    const url = join(root, "repo");
    await bareRepository(url);
    writer = gitWriter({ url });
    const commit = async (text: string, more: object): Promise<string> =>
      (await writer.commit({ branch: "main", author, message: text, edits: { a: text }, ...more })).id;
    unsigned = await commit("unsigned", { from: null });
    await writer.tag("of-unsigned", unsigned, { author, message: "signed", sign });
    signed = await commit("signed", { sign });
    await writer.tag("signed", signed, { author, message: "signed", sign });
    await writer.tag("annotated", signed, { author, message: "not signed" });
    await writer.tag("light", signed);
    server = await smallServer(url);
  });
  afterEach(async () => {
    for (const source of sources.splice(0)) await source.close?.();
    await writer.close();
    await server.close();
    await rm(root, { recursive: true });
  });

  describe.each(["on this machine", "behind http"])("%s", (where) => {
    async function verified(ref: RefOption, verify: VerifyOptions = { allowedSigners }): Promise<unknown> {
      const url = where === "behind http" ? server.url : join(root, "repo");
      const source = git({ url, ref, cacheDir: false, verify });
      sources.push(source);
      try {
        return (await source.open(await source.resolve())).verified;
      } catch (error) {
        const { code, message } = error as { code: string; message: string };
        return `${code} ${message}`;
      }
    }

    it("opens a signed commit, however it was named, and says who signed it", async () => {
      for (const ref of ["main", { commit: signed }, { tag: "light" }, { tag: "annotated" }] as const)
        expect(await verified(ref), JSON.stringify(ref)).toEqual(byAnn("commit"));
    });

    it("refuses others", async () => {
      expect(await verified({ commit: unsigned })).toBe(`UNVERIFIED commit ${unsigned}: is not signed`);
      // A tag's signature is not its commit's.
      expect(await verified({ tag: "of-unsigned" })).toBe(`UNVERIFIED commit ${unsigned}: is not signed`);
      const others = `bob@example.com ${newKey().public.trim()}`;
      expect(await verified("main", { allowedSigners: others })).toBe(
        `UNVERIFIED commit ${signed}: ${fingerprint()} is not an allowed signer`,
      );
    });

    it("where a signed tag is asked for, takes the tag's signature alone", async () => {
      const mode = { allowedSigners, mode: "tag" } as const;
      expect(await verified({ tag: "signed" }, mode)).toEqual(byAnn("tag"));
      expect(await verified({ tag: "of-unsigned" }, mode)).toEqual(byAnn("tag"));
      expect(await verified({ tag: "annotated" }, mode)).toBe("UNVERIFIED tag annotated: is not signed");
      expect(await verified({ tag: "light" }, mode)).toBe("UNVERIFIED tag light: is not annotated, and so not signed");
      expect(await verified("main", mode)).toBe("UNVERIFIED refs/heads/main is no tag, and a signed tag is asked for");
      expect(await verified({ commit: signed }, mode)).toBe(
        `UNVERIFIED ${signed} is no tag, and a signed tag is asked for`,
      );
    });

    it("where both are asked for, takes neither alone", async () => {
      const mode = { allowedSigners, mode: "both" } as const;
      expect(await verified({ tag: "signed" }, mode)).toEqual(byAnn("tag"));
      expect(await verified({ tag: "of-unsigned" }, mode)).toBe(`UNVERIFIED commit ${unsigned}: is not signed`);
      expect(await verified({ tag: "annotated" }, mode)).toBe("UNVERIFIED tag annotated: is not signed");
      expect(await verified("main", mode)).toBe("UNVERIFIED refs/heads/main is no tag, and a signed tag is asked for");
    });
  });

  it("says nothing of signatures where nobody asked", async () => {
    for (const url of [server.url, join(root, "repo")]) {
      const source = git({ url, cacheDir: false });
      sources.push(source);
      expect(await source.open(await source.resolve())).not.toHaveProperty("verified");
    }
  });

  it("refuses keys that are none when it is first used", async () => {
    for (const url of [server.url, join(root, "repo")]) {
      const source = git({ url, cacheDir: false, verify: { allowedSigners: "# nobody" } });
      await expect(source.resolve()).rejects.toMatchObject({
        code: "INVALID",
        message: "verify.allowedSigners names nobody",
      });
    }
  });
});
