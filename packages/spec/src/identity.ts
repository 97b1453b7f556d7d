import { createHash } from "node:crypto";
import { APPLICATION_LABEL, TRACKING_ID } from "./annotations.ts";
import { TrueUpError } from "./errors.ts";
import type { Manifest } from "./manifest.ts";

/** The identity of an object: (target, group, kind, namespace, name), never its API version. Made by `keyOf`. */
export type Key = string & { readonly __key: true };

export interface Ref {
  readonly target: string;
  /** `""` for the core group, and for kinds without one. */
  readonly group: string;
  readonly kind: string;
  /** `""` for an object outside any namespace. */
  readonly namespace: string;
  readonly name: string;
}

const encode = (part: string): string =>
  part.includes("%") || part.includes("/") ? part.replaceAll("%", "%25").replaceAll("/", "%2F") : part;
const decode = (part: string): string =>
  part.includes("%") ? part.replaceAll("%2F", "/").replaceAll("%25", "%") : part;

export function keyOf(ref: Ref): Key {
  return `${encode(ref.target)}/${encode(ref.group)}/${encode(ref.kind)}/${encode(ref.namespace)}/${encode(ref.name)}` as Key;
}

/** A call about an object takes its key apart a dozen times. */
const parsed = new Map<Key, Ref>();
const PARSED = 4_096;

/** The parts of a key, frozen, since those who ask share them. Throws `INVALID` for what is no key. */
export function parseKey(key: Key): Ref {
  const known = parsed.get(key);
  if (known !== undefined) return known;
  const ref = Object.freeze(parse(key));
  if (parsed.size >= PARSED) parsed.clear();
  parsed.set(key, ref);
  return ref;
}

function parse(key: Key): Ref {
  const parts = key.includes("%") ? key.split("/").map(decode) : key.split("/");
  const [target, group, kind, namespace, name] = parts;
  if (parts.length !== 5 || !target || group === undefined || !kind || namespace === undefined || !name) {
    throw new TrueUpError("INVALID", `not a key: ${JSON.stringify(key)}`);
  }
  return { target, group, kind, namespace, name };
}

/** The target of a key, without taking the rest of it apart. */
export const targetOf = (key: Key): string => decode(key.slice(0, key.indexOf("/")));

/** `apps/v1` → `apps`; `v1` → `""`. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf("/");
  return slash === -1 ? "" : apiVersion.slice(0, slash);
}

export function refOf(manifest: Manifest, target: string): Ref {
  return {
    target,
    group: groupOf(manifest.apiVersion),
    kind: manifest.kind,
    namespace: manifest.metadata.namespace ?? "",
    name: manifest.metadata.name,
  };
}

/** For people: `Deployment.apps prod/web`, `Namespace prod`. The target is left out. */
export function formatRef(ref: Ref): string {
  return `${ref.kind}${ref.group === "" ? "" : `.${ref.group}`} ${ref.namespace === "" ? "" : `${ref.namespace}/`}${ref.name}`;
}

export const formatKey = (key: Key): string => formatRef(parseKey(key));

/** Who owns an object: stands on it as a label and an annotation (see annotations.ts). */
export interface Owner {
  /** The controller's installation: two installations never take each other's objects for their own. */
  readonly installation: string;
  readonly application: string;
}

/** The application's name as a label value: itself, or its first 46 characters, `-` and 16 hex digits of its SHA-256. */
export function ownerLabel(application: string): string {
  if (application.length <= 63 && /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(application)) return application;
  const hash = createHash("sha256").update(application).digest("hex").slice(0, 16);
  const head = application.replaceAll(/[^A-Za-z0-9._-]/g, "-").slice(0, 46);
  return `${/^[A-Za-z0-9]/.test(head) ? "" : "x"}${head}-${hash}`;
}

const part = (text: string): string => text.replaceAll("%", "%25").replaceAll(":", "%3A");

/** `<installation>:<application>:<key>`, each percent-encoded where it holds a colon. */
export function trackingId(owner: Owner, key: Key): string {
  return `${part(owner.installation)}:${part(owner.application)}:${part(key)}`;
}

export function parseTrackingId(text: string): { owner: Owner; key: Key } | undefined {
  const plain = (part: string): string => part.replaceAll("%3A", ":").replaceAll("%25", "%");
  const parts = text.includes("%") ? text.split(":").map(plain) : text.split(":");
  const [installation, application, key] = parts;
  if (parts.length !== 3 || !installation || !application || !key) return undefined;
  return { owner: { installation, application }, key: key as Key };
}

/** The manifest with the owner's label and tracking annotation. */
export function markOwned(manifest: Manifest, owner: Owner, key: Key): Manifest {
  const { labels, annotations } = manifest.metadata;
  return {
    ...manifest,
    metadata: {
      ...manifest.metadata,
      labels: { ...labels, [APPLICATION_LABEL]: ownerLabel(owner.application) },
      annotations: { ...annotations, [TRACKING_ID]: trackingId(owner, key) },
    },
  };
}

/** The manifest without any owner's label and tracking annotation; itself where it has neither. */
export function unmarkOwned(manifest: Manifest): Manifest {
  const { labels, annotations, ...metadata } = manifest.metadata;
  if (labels?.[APPLICATION_LABEL] === undefined && annotations?.[TRACKING_ID] === undefined) return manifest;
  const without = (map: Readonly<Record<string, string>> | undefined, name: string) => {
    const rest = Object.fromEntries(Object.entries(map ?? {}).filter(([field]) => field !== name));
    return Object.keys(rest).length === 0 ? undefined : rest;
  };
  const [kept, noted] = [without(labels, APPLICATION_LABEL), without(annotations, TRACKING_ID)];
  return {
    ...manifest,
    metadata: { ...metadata, ...(kept && { labels: kept }), ...(noted && { annotations: noted }) },
  };
}

/** Whose mark the manifest bears at this key. A mark made for another key is a copy's, and nobody's. */
export function ownerOfManifest(manifest: Manifest, key: Key): Owner | undefined {
  const text = manifest.metadata.annotations?.[TRACKING_ID];
  const tracking = text === undefined ? undefined : parseTrackingId(text);
  return tracking?.key === key ? tracking.owner : undefined;
}

/** Whether a mark is the caller's own: under its name, or under one that the application had before. */
export function isOwnMark(
  mark: Owner | undefined,
  { owner, formerly = [] }: { readonly owner: Owner; readonly formerly?: readonly string[] },
): boolean {
  if (mark?.installation !== owner.installation) return false;
  return mark.application === owner.application || formerly.includes(mark.application);
}
