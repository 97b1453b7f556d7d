import { describe, expect, it, vi } from "vitest";
import { loadSsh2 } from "./load-ssh2.ts";
import { sshSigner } from "./ssh-signer.ts";
import { failure } from "./testing/failure.ts";

vi.mock("ssh2", () => {
  throw new Error("there is none");
});

describe("where ssh2 is not installed", () => {
  const missing = failure("UNSUPPORTED", "ssh addresses and keys need the package ssh2, which is not installed");

  it("what needs it says so, and not before it is used", async () => {
    await expect(loadSsh2()).rejects.toThrow(missing);
    await expect(sshSigner({ privateKey: "x" })(Buffer.alloc(0))).rejects.toThrow(missing);
  });
});
