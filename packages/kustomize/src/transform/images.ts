import { TrueUpError } from "@trueup/spec";
import { visitFields, type FieldSpec } from "../field-spec.ts";
import { expectKind, field, isNull, scalar, type Node } from "../yaml/node.ts";
import { setScalar } from "../yaml/edit.ts";
import { compileRegex } from "../regex.ts";
import type { Image } from "../shapes.ts";
import { transformEach, type Transformer } from "./transformer.ts";

/** Gives containers of an image another name, tag or digest, wherever a map has `containers`, and in the fields of the specs. */
export function setImage(image: Image, specs: readonly FieldSpec[]): Transformer {
  const isMeant = imageMatcher(image.name ?? "");
  const set = (node: Node): void => {
    expectKind(node, "scalar");
    if (isMeant(node.value)) setScalar(node, scalar(changed(node.value, image)));
  };
  return transformEach(() => ({ node, kind }) => {
    if (kind === "CustomResourceDefinition") return;
    visitContainers(node, set);
    visitFields(node, specs, { set });
  });
}

const PLAIN_NAME = /^[A-Za-z0-9/_:@-]*$/;

/** The name is a part of a regular expression: `nginx.*` is understood, and so is a dot. */
function imageMatcher(name: string): (image: string) => boolean {
  if (PLAIN_NAME.test(name)) {
    return (image) => image.startsWith(name) && TAIL.test(image.slice(name.length));
  }
  let pattern: ReturnType<typeof compileRegex>;
  try {
    pattern = compileRegex(`^${name}(:[a-zA-Z0-9_.{}-]*)?(@sha256:[a-zA-Z0-9_.{}-]*)?$`, "images");
  } catch (error) {
    throw new TrueUpError("INVALID", `images: ${JSON.stringify(name)} is no regular expression`, { cause: error });
  }
  return (image) => pattern.matcher(image).find();
}

const TAIL = /^(?::[a-zA-Z0-9_.{}-]*)?(?:@sha256:[a-zA-Z0-9_.{}-]*)?$/;

function changed(before: string, image: Image): string {
  let { name, tag, digest } = splitImage(before);
  if (image.newName) name = image.newName;
  if (image.newTag) {
    tag = image.newTag;
    digest = image.digest ?? "";
  } else if (image.digest) {
    tag = "";
    ({ digest } = image);
  } else if (image.tagSuffix) {
    tag += image.tagSuffix;
    digest = "";
  }
  return `${name}${tag === "" ? "" : `:${tag}`}${digest === "" ? "" : `@${digest}`}`;
}

/** A colon before the first slash is a port's. */
export function splitImage(image: string): { name: string; tag: string; digest: string } {
  const slash = Math.max(image.indexOf("/"), 0);
  const at = image.indexOf("@", slash);
  const colon = image.indexOf(":", slash);
  if (at !== -1 && (colon === -1 || at < colon))
    return { name: image.slice(0, at), tag: "", digest: image.slice(at + 1) };
  if (colon === -1) return { name: image, tag: "", digest: "" };
  if (at === -1) return { name: image.slice(0, colon), tag: image.slice(colon + 1), digest: "" };
  return { name: image.slice(0, colon), tag: image.slice(colon + 1, at), digest: image.slice(at + 1) };
}

function visitContainers(node: Node, set: (image: Node) => void): void {
  if (node.kind === "list") {
    for (const item of node.content) visitContainers(item, set);
    return;
  }
  if (node.kind !== "map") return;
  for (let i = 0; i < node.content.length; i += 2) {
    const name = (node.content[i] as Node).value;
    const value = node.content[i + 1] as Node;
    visitContainers(value, set);
    if ((name !== "containers" && name !== "initContainers") || value.kind !== "list") continue;
    for (const container of value.content) {
      if (isNull(container)) continue;
      expectKind(container, "map");
      const image = field(container, "image");
      if (image !== undefined) set(image);
    }
  }
}
