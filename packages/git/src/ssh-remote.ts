import { TrueUpError } from "@trueup/spec";
import { throwIfAborted } from "./abort.ts";
import { endOfAdvertisement, parseAdvertisement, type Advertisement } from "./advertisement.ts";
import { serverError } from "./pkt-line.ts";
import { displayUrl } from "./redact.ts";
import { parsePushReport, pushRequest } from "./receive-pack.ts";
import type { Remote, RemoteOptions } from "./remote.ts";
import { remoteCommand, type SshAddress } from "./ssh-address.ts";
import type { SshChannel } from "./ssh-connection.ts";
import { sshPool } from "./ssh-pool.ts";
import { FLUSH } from "./pkt-line.ts";
import {
  fetchRequestV1,
  fetchRequestV2,
  lsRefsRequest,
  parseFetchV1,
  parseFetchV2,
  parseLsRefs,
} from "./upload-pack.ts";

interface Answer {
  readonly advertisement: Advertisement;
  /** What came after the request, to the end. */
  readonly rest: Buffer;
}

interface Budget {
  readonly ms: number;
  readonly bytes: number;
}

/** Enough for what a server says before it gives up. */
const MAX_STDERR = 4096;

/** A repository behind ssh: a command for each exchange, all on one connection. Protocol 2 where the server lets us ask for it, else 0. */
export function sshRemote(address: SshAddress, options: RemoteOptions): Remote {
  const { limits } = options;
  const pool = sshPool(address, {
    ...options.ssh,
    ms: limits.listMs,
    ...(options.proxy !== undefined && { proxy: options.proxy }),
  });
  const listBudget: Budget = { ms: limits.listMs, bytes: limits.listBytes };
  const fetchBudget = (bytes: number = Infinity): Budget => ({
    ms: limits.fetchMs,
    bytes: Math.min(bytes, limits.packBytes),
  });
  let filters: boolean | undefined;

  /** Runs a service to its end. `request` is what to say to the server once it has said what it can do. */
  async function exchange(
    service: "git-upload-pack" | "git-receive-pack",
    request: (advertisement: Advertisement) => string | Buffer,
    budget: Budget,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    const command = remoteCommand(service, address.path);
    const env = service === "git-upload-pack" ? { GIT_PROTOCOL: "version=2" } : {};
    const deadline = AbortSignal.timeout(budget.ms);
    const stop = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
    try {
      throwIfAborted(signal);
      return await pool.use(stop, command, env, (channel) => converse(channel, request, budget.bytes, stop));
    } catch (error) {
      if (signal?.aborted) throw new TrueUpError("ABORTED", "aborted", { cause: signal.reason });
      if (deadline.aborted)
        throw new TrueUpError("TIMEOUT", `the server did not answer in full within ${budget.ms} ms`);
      throw error;
    }
  }

  /** With the repository's name. */
  async function named<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      const { code, message, retryable } =
        error instanceof TrueUpError ? error : new TrueUpError("INTERNAL", `ssh2 failed (${(error as Error).name})`);
      throw new TrueUpError(code, `${displayUrl(options.url)}: ${message}`, { retryable });
    }
  }

  function remember(advertisement: Advertisement): void {
    const offered = advertisement.version === 2 ? (advertisement.capabilities.get("fetch") ?? "") : "";
    filters = offered.split(" ").includes("filter");
  }

  return {
    list: (prefixes, signal) =>
      named(async () => {
        const { advertisement, rest } = await exchange(
          "git-upload-pack",
          ({ version }) => (version === 2 ? lsRefsRequest(prefixes) : FLUSH),
          listBudget,
          signal,
        );
        remember(advertisement);
        return advertisement.version === 2 ? parseLsRefs(rest) : advertisement.refs;
      }),
    fetch: (request, signal) =>
      named(async () => {
        const { advertisement, rest } = await exchange(
          "git-upload-pack",
          ({ version, capabilities }) =>
            version === 2 ? fetchRequestV2(request) : fetchRequestV1(request, capabilities),
          fetchBudget(request.bytes),
          signal,
        );
        remember(advertisement);
        return advertisement.version === 2 ? parseFetchV2(rest) : parseFetchV1(rest, request);
      }),
    push: (update, pack, signal) =>
      named(async () => {
        const { advertisement, rest } = await exchange(
          "git-receive-pack",
          (advertisement) => Buffer.concat([Buffer.from(pushRequest(update, namesOf(advertisement))), pack]),
          fetchBudget(),
          signal,
        );
        return parsePushReport(rest, update.ref, namesOf(advertisement));
      }),
    filters: (signal) =>
      named(async () => {
        if (filters === undefined)
          remember((await exchange("git-upload-pack", () => FLUSH, listBudget, signal)).advertisement);
        return filters === true;
      }),
    close: () => pool.close(),
  };
}

function namesOf({ version, capabilities }: Advertisement): ReadonlySet<string> {
  if (version === 2) throw new TrueUpError("UNSUPPORTED", "the server takes pushes in protocol 2 only");
  return capabilities;
}

/** What the server says, all of it, within the cap. Throws `UNAVAILABLE` with its words where its command failed. */
function converse(
  channel: SshChannel,
  request: (advertisement: Advertisement) => string | Buffer,
  limit: number,
  stop: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let stderr = "";
    let advertisement: Advertisement | undefined;
    const { stream } = channel;

    const fail = (error: unknown): void => {
      stop.removeEventListener("abort", abort);
      reject(error);
      stream.destroy();
    };
    const abort = (): void => fail(stop.reason);
    stop.addEventListener("abort", abort, { once: true });

    stream.on("error", fail);
    stream.stderr.on("data", (data: Buffer) => {
      if (stderr.length < MAX_STDERR) stderr += data.toString("utf8");
    });
    stream.on("data", (data: Buffer) => {
      length += data.length;
      if (length > limit) return fail(new TrueUpError("LIMIT", `the server's answer is over ${limit} bytes`));
      chunks.push(data);
      if (advertisement !== undefined) return;
      try {
        const whole = Buffer.concat(chunks);
        const end = endOfAdvertisement(whole);
        chunks.splice(0, chunks.length, whole);
        if (end === undefined) return;
        advertisement = parseAdvertisement(whole.subarray(0, end));
        chunks.splice(0, 1, whole.subarray(end));
        stream.end(request(advertisement));
      } catch (error) {
        fail(error);
      }
    });
    void channel.closed.then(() => {
      stop.removeEventListener("abort", abort);
      const { status } = channel;
      if (status !== null && status !== 0) return reject(commandFailed(status, stderr));
      if (advertisement === undefined)
        return reject(new TrueUpError("INCOMPLETE", "the connection was lost before the server's answer was whole"));
      return resolve({ advertisement, rest: Buffer.concat(chunks) });
    });
  });
}

function commandFailed(code: number, stderr: string): TrueUpError {
  const words = stderr
    .split("\n")
    .map((line) => line.replace(/^(?:fatal|ERROR|error|remote): */i, "").trim())
    .find((line) => line !== "");
  return serverError(words ?? `its command ended with status ${code}`);
}
