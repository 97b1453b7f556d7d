import { formatPointer, isObject, TrueUpError, type Json, type JsonObject } from "@trueup/spec";
import { checkImage, formatImage, parseImage } from "./image-reference.ts";
import { setValue, type ValueAt } from "./set-value.ts";
import { readYamlFile, type YamlFile } from "./yaml-file.ts";

/** An image, and what to make of it. A tag alone takes a digest away, and a digest alone a tag: it would no longer be true. */
export interface ImageUpdate {
  /** As it is named now, without tag and digest. */
  readonly name: string;
  readonly newName?: string;
  readonly tag?: string;
  readonly digest?: string;
}

/** One field to be set. */
export interface FieldEdit {
  readonly document: number;
  readonly pointer: string;
  readonly value: string;
}

/**
 * Sets an image wherever a file names it: in the containers of any object (`containers`, `initContainers`, `ephemeralContainers`,
 * at any depth, so that custom kinds count too) and in the `images` of a Kustomization. Only the bytes of those fields differ, as
 * with `setValue`, whose errors it throws. Throws `NOT_FOUND` where the file does not name the image, `INVALID` for parts that no
 * registry takes, and where a Kustomization has no field for what is set.
 */
export function setImages(
  bytes: Uint8Array,
  updates: readonly ImageUpdate[],
  { file = "the file" }: Pick<ValueAt, "file"> = {},
): Uint8Array {
  let edited = bytes;
  for (const update of updates) {
    checkImage({ name: update.name });
    checkImage({ ...update, name: update.newName ?? update.name });
    const read = readYamlFile(edited, file);
    const edits = read.documents.flatMap(({ value }, document) => [
      ...containerImages(value, [])
        .filter(({ image }) => parseImage(image).name === update.name)
        .map(({ pointer, image }) => ({ document, pointer, value: updated(image, update) })),
      ...kustomizationEdits(read, value, update, document),
    ]);
    if (edits.length === 0) throw new TrueUpError("NOT_FOUND", `${file}: names no image ${update.name}`);
    edited = setAll(edited, file, edits);
  }
  return edited;
}

/** In order; each is found by its pointer, which no other edit changes. */
export function setAll(bytes: Uint8Array, file: string, edits: readonly FieldEdit[]): Uint8Array {
  return edits.reduce((edited, { value, ...at }) => setValue(edited, { ...at, file }, value), bytes);
}

const CONTAINERS: ReadonlySet<string> = new Set(["containers", "initContainers", "ephemeralContainers"]);

function containerImages(
  value: Json | undefined,
  path: readonly (string | number)[],
): { readonly pointer: string; readonly image: string }[] {
  if (typeof value !== "object" || value === null) return [];
  const entries: [string | number, Json | undefined][] = Array.isArray(value)
    ? [...(value as readonly Json[]).entries()]
    : Object.entries(value as JsonObject);
  const inContainers = Array.isArray(value) && CONTAINERS.has(String(path.at(-1)));
  return entries.flatMap(([token, child]) => {
    const here = [...path, token];
    const image = inContainers && isObject(child) ? child["image"] : undefined;
    const own = typeof image === "string" ? [{ pointer: formatPointer([...here, "image"]), image }] : [];
    return [...own, ...containerImages(child, here)];
  });
}

/** An image that a file names, by the name it would be updated by. */
export interface NamedImage extends ImageUpdate {
  /** In the `images` of a Kustomization, which go over what containers say. */
  readonly kustomized: boolean;
}

/** The images of a file's containers and Kustomizations. Throws where the file cannot be read. */
export function imagesOf(bytes: Uint8Array, file: string): NamedImage[] {
  return readYamlFile(bytes, file).documents.flatMap(({ value }) => [
    ...containerImages(value, []).map(({ image }) => ({ ...parseImage(image), kustomized: false })),
    ...kustomizationImages(value).map(({ entry }) => {
      const text = (field: string): string | undefined => {
        const found = entry[field];
        return typeof found === "string" ? found : undefined;
      };
      const [newName, tag, digest] = [text("newName"), text("newTag"), text("digest")];
      return {
        name: text("name") ?? "",
        kustomized: true,
        ...(newName !== undefined && { newName }),
        ...(tag !== undefined && { tag }),
        ...(digest !== undefined && { digest }),
      };
    }),
  ]);
}

function updated(image: string, { newName, tag, digest }: ImageUpdate): string {
  const before = parseImage(image);
  const name = newName ?? before.name;
  if (tag === undefined && digest === undefined) return formatImage({ ...before, name });
  return formatImage({ name, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) });
}

const KUSTOMIZATIONS: ReadonlySet<unknown> = new Set([undefined, "Kustomization", "Component"]);

function kustomizationImages(value: Json): { readonly index: number; readonly entry: JsonObject }[] {
  if (!isObject(value) || !KUSTOMIZATIONS.has(value["kind"]) || !Array.isArray(value["images"])) return [];
  const images = value["images"] as readonly Json[];
  return images.flatMap((entry, index) => (isObject(entry) ? [{ index, entry }] : []));
}

function kustomizationEdits(file: YamlFile, value: Json, update: ImageUpdate, document: number): FieldEdit[] {
  const wanted: [string, string | undefined][] = [
    ["newName", update.newName],
    ["newTag", update.tag],
    ["digest", update.digest],
  ];
  const replaced = update.tag !== undefined || update.digest !== undefined;
  const named = kustomizationImages(value).filter(({ entry }) => entry["name"] === update.name);
  return named.flatMap(({ index, entry }) =>
    wanted.flatMap(([field, set]) => {
      const pointer = `/images/${index}/${field}`;
      const there = entry[field] !== undefined;
      if (set !== undefined && there) return [{ document, pointer, value: set }];
      if (set !== undefined) throw file.error("INVALID", document, pointer, "is to be set and is not there");
      if (there && replaced && field !== "newName")
        throw file.error("INVALID", document, pointer, "would go on to count beside what is set");
      return [];
    }),
  );
}
