import { isTrueUpError, parsePointer, TrueUpError, type CallOptions, type Json, type Tree } from "@trueup/spec";
import type { Edits } from "./edit-tree.ts";
import type { Authorship, GitWriter } from "./git-writer.ts";
import { formatImage } from "./values/image-reference.ts";
import { imagesOf, setImages, type NamedImage } from "./values/set-images.ts";
import { setValue, valueAt } from "./values/set-value.ts";
import { readYamlFile, type DocumentSelector } from "./values/yaml-file.ts";

/** A value that is copied to the same place of the other environment. */
export interface PromotedValue {
  /** Below the environment's directory. */
  readonly file: string;
  /** Default: the only document. */
  readonly document?: DocumentSelector;
  readonly pointer: string;
}

export interface PromoteOptions extends Omit<Authorship, "message">, CallOptions {
  /** The branch that is committed to. */
  readonly branch: string;
  /**
   * The branch that values are copied from, and that `branch` begins at where it is not there yet: for a pull request to this one.
   * Default: `branch` itself.
   */
  readonly base?: string;
  /** Directory of the environment that is copied from. */
  readonly from: string;
  /** Directory of the environment that is copied to. */
  readonly to: string;
  readonly values?: readonly PromotedValue[];
  /** Images by their names, without tag and digest: wherever files below `to` name them, they become what those below `from` say. */
  readonly images?: readonly string[];
  /** Files that are copied whole. */
  readonly files?: readonly string[];
  /** First line of the message. Default `Promote <from> to <to>`; what changed follows. */
  readonly title?: string;
}

export interface PromotedChange {
  readonly path: string;
  /** A pointer, an image's name, or undefined for a whole file. */
  readonly what?: string;
  readonly before?: string;
  readonly after?: string;
}

export type Promotion =
  | {
      readonly status: "committed";
      readonly id: string;
      readonly parent?: string;
      readonly changes: readonly PromotedChange[];
    }
  /** The other environment already is as this one: no commit, and no branch, was made. */
  | { readonly status: "unchanged"; readonly id: string };

/**
 * Copies values, images and files from one environment's directory to another's, as one commit that says what changed. Only the
 * bytes of the values differ. Where somebody else is faster, it is done again on what they made. Throws `NOT_FOUND` for what is not
 * there, `INVALID` for an image that stands in the first environment with several tags, and as `setValue` and `commit` do.
 */
export async function promote(writer: GitWriter, options: PromoteOptions): Promise<Promotion> {
  const { branch, base = branch, signal, title = `Promote ${options.from} to ${options.to}` } = options;
  const call = signal === undefined ? {} : { signal };
  const source = base === branch ? undefined : await writer.head(base, call);
  if (base !== branch && source === undefined) throw new TrueUpError("NOT_FOUND", `there is no branch ${base}`);
  let changes: PromotedChange[] = [];
  const { author, committer, time, sign } = options;
  const result = await writer.commit({
    ...call,
    branch,
    author,
    ...(committer && { committer }),
    ...(time !== undefined && { time }),
    ...(sign && { sign }),
    ...(source && { from: source.commit.id }),
    message: () => `${title}\n\n${changes.map(line).join("\n")}\n`,
    async edits(tree) {
      const copied = await copy(source?.tree ?? tree, tree, options);
      ({ changes } = copied);
      return copied.edits;
    },
  });
  return result.status === "committed" ? { ...result, changes } : result;
}

const MAX_SHOWN = 100;

function line({ path, what, before, after }: PromotedChange): string {
  const show = (text = "nothing"): string => (text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);
  if (what === undefined) return `- ${path}`;
  return `- ${path}: ${what}: ${show(before)} -> ${show(after)}`;
}

async function copy(
  source: Tree,
  target: Tree,
  { from, to, values = [], images = [], files = [] }: PromoteOptions,
): Promise<{ edits: Edits; changes: PromotedChange[] }> {
  const edited = new Map<string, Uint8Array>();
  const changes: PromotedChange[] = [];
  const current = async (path: string): Promise<Uint8Array> => edited.get(path) ?? (await target.read(path));

  for (const file of files) {
    const [content, path] = [await source.read(`${from}/${file}`), `${to}/${file}`];
    const before = await target.read(path).catch(absent);
    if (before !== undefined && Buffer.compare(before, content) === 0) continue;
    edited.set(path, content);
    changes.push({ path });
  }

  for (const { file, pointer, ...at } of values) {
    const path = `${to}/${file}`;
    const value = read(await source.read(`${from}/${file}`), `${from}/${file}`, pointer, at.document);
    if (value === undefined || (typeof value === "object" && value !== null))
      throw new TrueUpError("NOT_FOUND", `${from}/${file}: ${pointer}: is no single value to be copied`);
    const bytes = await current(path);
    const set = setValue(bytes, { ...at, pointer, file: path }, value);
    if (set === bytes) continue;
    changes.push({
      path,
      what: pointer,
      before: JSON.stringify(read(bytes, path, pointer, at.document)),
      after: JSON.stringify(value),
    });
    edited.set(path, set);
  }

  if (images.length > 0) {
    const [there, here] = [await naming(source, from, images), await naming(target, to, images)];
    for (const name of images) {
      const image = promoted(name, from, there);
      const places = here.filter(({ named }) => named.name === name);
      if (places.length === 0) throw new TrueUpError("NOT_FOUND", `${to}: no file names image ${name}`);
      for (const { path, named } of counting(places)) {
        const bytes = await current(path);
        const set = setImages(bytes, [image], { file: path });
        if (Buffer.compare(set, bytes) === 0) continue;
        edited.set(path, set);
        changes.push({ path, what: name, before: shown(named), after: shown({ ...named, ...image }) });
      }
    }
  }
  return { edits: Object.fromEntries(edited), changes };
}

const shown = ({ name, newName = name, tag, digest }: NamedImage): string =>
  formatImage({ name: newName, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) });

function absent(error: unknown): undefined {
  if (!isTrueUpError(error) || error.code !== "NOT_FOUND") throw error;
}

function read(
  bytes: Uint8Array,
  path: string,
  pointer: string,
  document: DocumentSelector | undefined,
): Json | undefined {
  const file = readYamlFile(bytes, path);
  return valueAt(file.documents[file.document(document)]?.value, parsePointer(pointer));
}

interface Place {
  readonly path: string;
  readonly named: NamedImage;
}

/** Where files of a directory name one of the images. A file without any of the names is not read as YAML: it may be none. */
async function naming(tree: Tree, directory: string, images: readonly string[]): Promise<Place[]> {
  const places: Place[] = [];
  for (const { path, type } of await tree.list(directory)) {
    if (type === "directory") places.push(...(await naming(tree, path, images)));
    if (type !== "file" || !/\.(?:ya?ml|json)$/.test(path)) continue;
    const bytes = await tree.read(path);
    const text = Buffer.from(bytes).toString("latin1");
    if (!images.some((name) => text.includes(name))) continue;
    places.push(...imagesOf(bytes, path).map((named) => ({ path, named })));
  }
  return places;
}

/** A Kustomization's entry goes over what containers say. */
function counting(places: readonly Place[]): readonly Place[] {
  const kustomized = places.filter(({ named }) => named.kustomized);
  return kustomized.length > 0 ? kustomized : places;
}

/** What the image is in the first environment. */
function promoted(name: string, from: string, places: readonly Place[]): NamedImage {
  const [first, ...others] = counting(places.filter(({ named }) => named.name === name));
  if (first === undefined) throw new TrueUpError("NOT_FOUND", `${from}: no file names image ${name}`);
  const other = others.find(({ named }) => shown(named) !== shown(first.named));
  if (other === undefined) return first.named;
  const [a, b] = [`${shown(first.named)} (${first.path})`, `${shown(other.named)} (${other.path})`];
  throw new TrueUpError("INVALID", `${from}: image ${name} is ${a} and ${b}: which one is promoted?`);
}
