import { TrueUpError, type Origin } from "@trueup/spec";
import { apiVersionOf, effectiveNamespace, makeId, splitApiVersion, type Gvk, type ResId } from "./ids.ts";
import {
  appendField,
  copyNode,
  DOUBLE,
  field,
  isNull,
  isNullOrEmpty,
  map,
  removeField,
  scalar,
  text,
  type Key,
  type Node,
} from "./yaml/node.ts";
import { looksLikeOther, lookup, setField } from "./yaml/edit.ts";
import { textMap } from "./yaml/resources.ts";
import { compareText } from "./go/json.ts";

const DOMAIN = "internal.config.kubernetes.io/";

/**
 * What a build remembers of a resource it keeps in annotations, as kustomize does: patches and replacements can see them there.
 * All are removed at the end.
 */
export const NOTES: {
  readonly previousKinds: string;
  readonly previousNames: string;
  readonly previousNamespaces: string;
  readonly prefixes: string;
  readonly suffixes: string;
  readonly refBy: string;
  readonly behavior: string;
  readonly needsHash: string;
  readonly allowNameChange: string;
  readonly allowKindChange: string;
} = {
  previousKinds: `${DOMAIN}previousKinds`,
  previousNames: `${DOMAIN}previousNames`,
  previousNamespaces: `${DOMAIN}previousNamespaces`,
  prefixes: `${DOMAIN}prefixes`,
  suffixes: `${DOMAIN}suffixes`,
  refBy: `${DOMAIN}refBy`,
  behavior: `${DOMAIN}generatorBehavior`,
  needsHash: `${DOMAIN}needsHashSuffix`,
  allowNameChange: `${DOMAIN}allowNameChange`,
  allowKindChange: `${DOMAIN}allowKindChange`,
};

/** Those of other tools of the family, removed with ours. */
const FOREIGN_NOTES = [
  `${DOMAIN}path`,
  `${DOMAIN}index`,
  `${DOMAIN}seqindent`,
  `${DOMAIN}id`,
  `${DOMAIN}annotations-migration-resource-id`,
  "config.kubernetes.io/path",
  "config.kubernetes.io/index",
  "config.k8s.io/id",
];
export const BUILD_NOTES: readonly string[] = [...Object.values(NOTES), ...FOREIGN_NOTES];

export const ORIGIN_NOTE = "config.kubernetes.io/origin";
export const TRANSFORMATIONS_NOTE = "alpha.config.kubernetes.io/transformations";
const ENABLED = "enabled";
/** Most resources of a build get these. */
const NOTE_KEYS: ReadonlyMap<string, Key> = new Map(Object.values(NOTES).map((note) => [note, scalar(note)]));
const ANNOTATIONS: readonly Key[] = [scalar("metadata"), scalar("annotations")];
const NONE: readonly string[] = [];

export class Resource {
  node: Node;
  /** File, document and line it comes from; for what is generated, the file that says so. */
  readonly origin: Origin;
  /** The kustomizations it passed through, innermost first. */
  through: readonly string[] = NONE;
  /** Names of the vars that take their value from it. */
  variables: readonly string[] = NONE;

  constructor(node: Node, origin: Origin) {
    this.node = node;
    this.origin = origin;
  }

  copy(): Resource {
    const copied = new Resource(copyNode(this.node), this.origin);
    copied.through = this.through;
    copied.variables = this.variables;
    return copied;
  }

  get kind(): string {
    return field(this.node, "kind")?.value ?? "";
  }

  get apiVersion(): string {
    return field(this.node, "apiVersion")?.value ?? "";
  }

  get name(): string {
    return this.#metadataText("name");
  }

  get namespace(): string {
    return this.#metadataText("namespace");
  }

  get gvk(): Gvk {
    return { ...splitApiVersion(this.apiVersion), kind: this.kind };
  }

  /** Its present identity. */
  get id(): ResId {
    return makeId(this.gvk, this.name, this.namespace);
  }

  /** The first identity it had. */
  get originalId(): ResId {
    return this.previousIds[0] ?? this.id;
  }

  /** Every identity it had before the present one, oldest first. */
  get previousIds(): readonly ResId[] {
    const notes = this.#annotations();
    const names = field(notes, NOTES.previousNames)?.value;
    if (names === undefined) return [];
    const namespaces = field(notes, NOTES.previousNamespaces)?.value.split(",") ?? [];
    const kinds = field(notes, NOTES.previousKinds)?.value.split(",") ?? [];
    const gv = splitApiVersion(this.apiVersion);
    const parts = names.split(",");
    if (parts.length !== namespaces.length || parts.length !== kinds.length) {
      throw new TrueUpError(
        "INVALID",
        `${this.origin.file}: ${this.kind} ${this.name}: number of previous names, namespaces and kinds not equal`,
        {
          origin: this.origin,
        },
      );
    }
    return parts.map((name, i) => ({
      ...gv,
      kind: kinds[i] as string,
      name,
      namespace: namespaces[i] as string,
      // Whether it is outside any namespace stands in the namespace's text.
      clusterScoped: false,
    }));
  }

  get isEmpty(): boolean {
    return isNullOrEmpty(this.node);
  }

  set kind(kind: string) {
    setField(this.node, "kind", scalar(kind));
  }

  set gvk(gvk: Gvk) {
    this.kind = gvk.kind;
    setField(this.node, "apiVersion", scalar(apiVersionOf(gvk)));
  }

  set name(name: string) {
    const metadata = lookup(this.node, ["metadata"], "map");
    if (metadata !== undefined) setField(metadata, "name", scalar(name));
  }

  set namespace(namespace: string) {
    const metadata = field(this.node, "metadata");
    if (namespace !== "") {
      const made = lookup(this.node, ["metadata"], "map");
      if (made !== undefined) setField(made, "namespace", scalar(namespace));
    } else if (metadata !== undefined && !isNull(metadata)) {
      removeField(metadata, "namespace");
    }
  }

  get labels(): Map<string, string> {
    return textMap(field(this.#metadata(), "labels"));
  }

  get annotations(): Map<string, string> {
    return textMap(this.#annotations());
  }

  /** Whether there is such a field, be it empty. */
  get hasAnnotations(): boolean {
    const metadata = field(this.node, "metadata");
    return metadata !== undefined && field(metadata, "annotations") !== undefined;
  }

  set labels(labels: ReadonlyMap<string, string>) {
    this.#setTexts("labels", labels);
  }

  set annotations(annotations: ReadonlyMap<string, string>) {
    this.#setTexts("annotations", annotations);
  }

  note(name: string): string | undefined {
    return field(this.#annotations(), name)?.value;
  }

  isNoted(name: string): boolean {
    return this.note(name) === ENABLED;
  }

  enable(name: string): void {
    this.annotations = this.annotations.set(name, ENABLED);
  }

  setBehavior(behavior: string): void {
    this.annotations = this.annotations.set(NOTES.behavior, behavior);
  }

  notes(name: string): readonly string[] {
    return this.note(name)?.split(",") ?? [];
  }

  /** Adds to a comma-separated note; nothing where there is nothing to add. */
  addNote(name: string, value: string): void {
    if (value === "") return;
    const before = this.note(name);
    this.#clearEmptyAnnotations();
    const annotations = lookup(this.node, ANNOTATIONS, "map");
    if (annotations === undefined) return;
    setField(
      annotations,
      NOTE_KEYS.get(name) ?? name,
      scalar(before === undefined ? value : `${before},${value}`, "!!str", 4),
    );
  }

  storePreviousId(): void {
    const { id } = this;
    this.addNote(NOTES.previousNames, id.name);
    this.addNote(NOTES.previousNamespaces, effectiveNamespace(id));
    this.addNote(NOTES.previousKinds, id.kind);
  }

  removeNotes(names: readonly string[]): void {
    const { annotations } = this;
    if (annotations.size === 0) return;
    for (const name of names) annotations.delete(name);
    this.annotations = annotations;
  }

  #metadata(): Node | undefined {
    const metadata = field(this.node, "metadata");
    return isNullOrEmpty(metadata) ? undefined : metadata;
  }

  #annotations(): Node | undefined {
    return field(this.#metadata(), "annotations");
  }

  #metadataText(name: string): string {
    const value = field(this.#metadata(), name);
    return value === undefined || isNullOrEmpty(value) ? "" : value.value;
  }

  #setTexts(name: string, texts: ReadonlyMap<string, string>): void {
    const metadata = lookup(this.node, ["metadata"], "map");
    if (metadata === undefined) return;
    removeField(metadata, name);
    if (texts.size === 0) return;
    const content: Node[] = [];
    for (const key of [...texts.keys()].toSorted(compareText))
      content.push(scalar(key), quoted(texts.get(key) as string));
    appendField(metadata, scalar(name), map(content));
  }

  #clearEmptyAnnotations(): void {
    const metadata = field(this.node, "metadata");
    if (metadata === undefined || isNull(metadata)) return;
    const annotations = field(metadata, "annotations");
    if (annotations !== undefined && annotations.content.length === 0) removeField(metadata, "annotations");
    if (metadata.content.length === 0) removeField(this.node, "metadata");
  }
}

function quoted(value: string): Node {
  const node = text(value);
  if (node.style === 0 && looksLikeOther(value)) node.style = DOUBLE;
  return node;
}
