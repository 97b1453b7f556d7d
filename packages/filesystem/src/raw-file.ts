import { isUtf8 } from "node:buffer";
import {
  isObject,
  parseTrackingId,
  TRACKING_ID,
  TrueUpError,
  type Json,
  type JsonObject,
  type Key,
  type Live,
  type Manifest,
  type Origin,
  type Owner,
  type Ref,
} from "@trueup/spec";
import { checkFilePath, type RelativePath } from "./layout.ts";
import { MAX_BYTES, type Standing } from "./read.ts";
import type { FileRecord } from "./records.ts";

const FILE_GROUP = "filesystem.trueup.dev";
const FILE_API_VERSION = `${FILE_GROUP}/v1`;

/** `kind: File`: a file with content and mode, as they are declared. */
export const isRawFile = (ref: Pick<Ref, "group" | "kind">): boolean => ref.group === FILE_GROUP && ref.kind === "File";

export interface RawFile {
  readonly path: RelativePath;
  readonly bytes: Buffer;
  /** Undefined: 0644, and whatever somebody makes of it. */
  readonly mode: number | undefined;
}

/** Throws `INVALID` naming the field. */
export function rawFileOf(manifest: Manifest, origin?: Origin): RawFile {
  const invalid = (field: string, message: string): TrueUpError =>
    new TrueUpError(
      "INVALID",
      `File ${manifest.metadata.name}: ${message}`,
      origin === undefined ? {} : { origin: { ...origin, field } },
    );
  if (manifest.apiVersion !== FILE_API_VERSION)
    throw invalid("/apiVersion", `${manifest.apiVersion} is not ${FILE_API_VERSION}`);
  const { spec } = manifest;
  if (!isObject(spec)) throw invalid("/spec", "spec is missing");
  for (const field of Object.keys(spec)) {
    if (!["path", "content", "contentBase64", "mode"].includes(field)) {
      throw invalid(`/spec/${field}`, `spec.${field} is not a field: path, content, contentBase64 and mode are`);
    }
  }
  const { path, content, contentBase64, mode } = spec;
  if (typeof path !== "string") throw invalid("/spec/path", "spec.path must be a string");
  try {
    checkFilePath(path);
  } catch (error) {
    throw invalid("/spec/path", error instanceof Error ? error.message : String(error));
  }
  if ((content === undefined) === (contentBase64 === undefined)) {
    throw invalid("/spec", "exactly one of spec.content and spec.contentBase64 must be there");
  }
  const bytes = bytesOf(content, contentBase64, invalid);
  if (bytes.length > MAX_BYTES) throw invalid("/spec", `the content is over ${MAX_BYTES} bytes`);
  return { path, bytes, mode: modeOf(mode, invalid) };
}

type Invalid = (field: string, message: string) => TrueUpError;

function bytesOf(content: Json | undefined, contentBase64: Json | undefined, invalid: Invalid): Buffer {
  if (content !== undefined) {
    if (typeof content !== "string") throw invalid("/spec/content", "spec.content must be a string: quote it");
    if (!content.isWellFormed()) throw invalid("/spec/content", "spec.content is not well-formed Unicode");
    return Buffer.from(content);
  }
  if (typeof contentBase64 !== "string") throw invalid("/spec/contentBase64", "spec.contentBase64 must be a string");
  const bytes = Buffer.from(contentBase64, "base64");
  if (bytes.toString("base64") !== contentBase64.replaceAll(/\s/g, "")) {
    throw invalid("/spec/contentBase64", "spec.contentBase64 is not base64");
  }
  return bytes;
}

/** `0644` in YAML is the number 420; `"0644"` is text. */
function modeOf(mode: Json | undefined, invalid: Invalid): number | undefined {
  if (mode === undefined) return undefined;
  const value = typeof mode === "string" && /^0?[0-7]{3}$/.test(mode) ? Number.parseInt(mode, 8) : mode;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > 0o777) {
    throw invalid("/spec/mode", "spec.mode must be 0 to 0777: permissions only");
  }
  return value;
}

/** What the record holds of a declared file: all but the content. */
export function recordOf(manifest: Manifest, path: RelativePath, digests: readonly string[]): FileRecord {
  const { spec, ...rest } = manifest;
  const { content: _, contentBase64, ...kept } = isObject(spec) ? spec : {};
  const encoding = contentBase64 === undefined ? {} : { contentBase64: "" };
  return { path, digests, manifest: { ...rest, spec: { ...kept, ...encoding } } };
}

/** What stands at a raw file's path, as the record says it was declared. Without one it is a file like any other. */
export function rawFileLive(
  standing: Standing,
  at: {
    readonly path: RelativePath;
    readonly uid: string;
    readonly ref: Omit<Ref, "target">;
    readonly record: FileRecord | undefined;
  },
): Live {
  const { path, uid, ref, record } = at;
  const bare: Manifest = {
    apiVersion: FILE_API_VERSION,
    kind: "File",
    metadata: { name: ref.name, ...(ref.namespace === "" ? {} : { namespace: ref.namespace }) },
  };
  const declared: Manifest = record === undefined ? bare : { ...bare, ...record.manifest };
  const spec: JsonObject = isObject(declared["spec"]) ? declared["spec"] : {};
  if (standing.type !== "file") {
    return {
      manifest: { ...declared, spec: { ...spec, path }, unreadable: `${standing.what} stands there` },
      uid,
      version: standing.digest,
    };
  }
  const { contentBase64, mode, ...rest } = spec;
  const text = contentBase64 === undefined && isUtf8(standing.bytes);
  const content = text ? { content: standing.bytes.toString() } : { contentBase64: standing.bytes.toString("base64") };
  return {
    manifest: {
      ...declared,
      spec: { ...rest, path, ...content, ...(mode === undefined ? {} : { mode: asDeclared(mode, standing.mode) }) },
    },
    uid,
    version: versionOf(standing, mode !== undefined),
  };
}

export const versionOf = (standing: Standing, withMode: boolean): string =>
  withMode && standing.type === "file" ? `${standing.digest}-${standing.mode.toString(8)}` : standing.digest;

/** The mode that stands there, written as the declared one was. */
function asDeclared(declared: Json, mode: number): Json {
  if (typeof declared !== "string") return mode;
  return Number.parseInt(declared, 8) === mode ? declared : mode.toString(8).padStart(declared.length, "0");
}

/** Whose it is, and which object, by the marks in its record. */
export function trackingOf(manifest: JsonObject): { readonly owner: Owner; readonly key: Key } | undefined {
  const { metadata } = manifest;
  const annotations = isObject(metadata) ? metadata["annotations"] : undefined;
  const mark = isObject(annotations) ? annotations[TRACKING_ID] : undefined;
  return typeof mark === "string" ? parseTrackingId(mark) : undefined;
}
