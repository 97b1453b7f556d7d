import { emitYaml, parseYaml } from "@trueup/manifest";
import { isObject, markOwned, type Json, type Key, type Manifest, type Owner, type Ref } from "@trueup/spec";
import { MAX_BYTES, type Standing } from "./read.ts";

/**
 * The file of an object: its manifest, owner marks and all. As YAML; as JSON, which is YAML too, where a string holds a line break
 * that only YAML 1.1 knows: written as kubectl writes it, it would read back as another.
 */
export function objectBytes(manifest: Manifest): string {
  const json = JSON.stringify(manifest, undefined, 2);
  if (!/[\u0085\u2028\u2029]/.test(json)) return emitYaml(manifest);
  const escape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return `${json.replaceAll(/[\u0085\u2028\u2029]/g, escape)}\n`;
}

/** The manifest in an object's file; undefined where it does not hold exactly one. */
export function parseObject(standing: Standing, path: string): Manifest | undefined {
  if (standing.type !== "file") return undefined;
  const { documents, errors } = parseYaml(standing.bytes, { file: path, limits: { bytes: MAX_BYTES, documents: 2 } });
  const value = documents[0]?.value;
  return errors.length === 0 && documents.length === 1 && isManifest(value) ? value : undefined;
}

function isManifest(value: Json | undefined): value is Manifest {
  return (
    isObject(value) &&
    typeof value["apiVersion"] === "string" &&
    typeof value["kind"] === "string" &&
    isObject(value["metadata"]) &&
    typeof value["metadata"]["name"] === "string" &&
    isTextMap(value["metadata"]["labels"]) &&
    isTextMap(value["metadata"]["annotations"])
  );
}

const isTextMap = (value: Json | undefined): boolean =>
  value === undefined || (isObject(value) && Object.values(value).every((item) => typeof item === "string"));

export interface ObjectAt {
  readonly ref: Omit<Ref, "target">;
  readonly apiVersion: string;
  readonly uid: string;
  /** Whose it is, where that is known without the file. */
  readonly known?: { readonly owner: Owner; readonly key: Key } | undefined;
}

/** What to say of an object's file that a hand edit broke: an object without its fields. That is drift, and not absence. */
export function brokenObject(standing: Standing, { ref, apiVersion, known }: ObjectAt): Manifest {
  const { kind, namespace, name } = ref;
  const broken: Manifest = {
    apiVersion,
    kind,
    metadata: { name, ...(namespace === "" ? {} : { namespace }) },
    // Not what the parser said: that may quote a secret.
    unreadable: standing.type === "file" ? "the file does not hold one manifest" : `${standing.what} stands there`,
  };
  return known === undefined ? broken : markOwned(broken, known.owner, known.key);
}
