import { digestOf, type Declared, type Manifest, type TrueUpError } from "@trueup/spec";
import { parseManifests } from "@trueup/manifest";
import { describe, expect, it } from "vitest";
import { findReferences, formatReference, parseReference, type Reference } from "./references.ts";

const object = (more: Partial<Extract<Reference, { type: "object" }>>): Reference => ({
  type: "object",
  object: { kind: "Service", group: "", name: "web" },
  pointer: "/a",
  ...more,
});

describe("parseReference", () => {
  it.each<[string, Reference]>([
    ["trueup:v1/object/Service/web#/a", object({})],
    [
      "trueup:v1/object/Service/demo/web#/status/loadBalancer/ingress/0/ip",
      object({
        object: { kind: "Service", group: "", namespace: "demo", name: "web" },
        pointer: "/status/loadBalancer/ingress/0/ip",
      }),
    ],
    [
      "trueup:v1/object/Deployment.apps/web#/a~1b/~0c",
      object({ object: { kind: "Deployment", group: "apps", name: "web" }, pointer: "/a~1b/~0c" }),
    ],
    [
      "trueup:v1/object/Bucket.s3.example.org/a%2Fb%3F#/a",
      object({ object: { kind: "Bucket", group: "s3.example.org", name: "a/b?" } }),
    ],
    ["trueup:v1/object/Service/web?target=cloud&as=base64#/a", object({ target: "cloud", as: "base64" })],
    ["trueup:v1/object/Service/web?as=string#/a?#b", object({ as: "string", pointer: "/a?#b" })],
    ["trueup:v1/export/team/db#host", { type: "export", application: "team/db", name: "host" }],
    ["trueup:v1/export/db?as=string#port", { type: "export", application: "db", name: "port", as: "string" }],
  ])("%s", (text, reference) => {
    expect(parseReference(text)).toEqual(reference);
    expect(formatReference(reference)).toBe(text);
  });

  it.each([
    "",
    "trueup",
    "trueup:v2/object/Service/web#/a",
    " trueup:v1/object/Service/web#/a",
    "see trueup:v1/x",
    "${{ x }}",
  ])("%j is text", (text) => expect(parseReference(text)).toBeUndefined());

  it.each([
    ["trueup:v1/", '"trueup:v1/": a reference ends with # and what is taken'],
    ["trueup:v1/thing/a#b", '"trueup:v1/thing/a#b": object/ or export/ is wanted after trueup:v1/'],
    ["trueup:v1/object/Service#/a", '"trueup:v1/object/Service#/a": Kind[.group]/[namespace/]name is wanted'],
    ["trueup:v1/object/a/b/c/d#/a", '"trueup:v1/object/a/b/c/d#/a": Kind[.group]/[namespace/]name is wanted'],
    ["trueup:v1/object/Service//web#/a", '"trueup:v1/object/Service//web#/a": Kind[.group]/[namespace/]name is wanted'],
    ["trueup:v1/object/.apps/web#/a", '"trueup:v1/object/.apps/web#/a": Kind[.group]/[namespace/]name is wanted'],
    ["trueup:v1/object/Service./web#/a", '"trueup:v1/object/Service./web#/a": Kind[.group]/[namespace/]name is wanted'],
    ["trueup:v1/object/Service/%zz#/a", '"trueup:v1/object/Service/%zz#/a": Kind[.group]/[namespace/]name is wanted'],
    ["trueup:v1/object/Service/web#", '"trueup:v1/object/Service/web#": not a JSON Pointer: ""'],
    ["trueup:v1/object/Service/web#a", '"trueup:v1/object/Service/web#a": not a JSON Pointer: "a"'],
    ["trueup:v1/object/Service/web#/a~2", '"trueup:v1/object/Service/web#/a~2": not a JSON Pointer: "/a~2"'],
    ["trueup:v1/object/S/w?as=int#/a", '"trueup:v1/object/S/w?as=int#/a": as=string or as=base64 is wanted'],
    ["trueup:v1/object/S/w?x=1#/a", '"trueup:v1/object/S/w?x=1#/a": after ? at most target=… and as=… is wanted'],
    [
      "trueup:v1/object/S/w?as=string&as=string#/a",
      '"trueup:v1/object/S/w?as=string&as=string#/a": after ? at most target=… and as=… is wanted',
    ],
    [
      "trueup:v1/object/S/w?target=#/a",
      '"trueup:v1/object/S/w?target=#/a": after ? at most target=… and as=… is wanted',
    ],
    ["trueup:v1/object/S/w?a?b#/a", '"trueup:v1/object/S/w?a?b#/a": more than one ?'],
    ["trueup:v1/export/db?target=x#a", '"trueup:v1/export/db?target=x#a": after ? at most as=… is wanted'],
    ["trueup:v1/export/-db#a", '"trueup:v1/export/-db#a": not an application\'s name'],
    ["trueup:v1/export/db#a/b", '"trueup:v1/export/db#a/b": not an export\'s name: "a/b"'],
    [`trueup:v1/object/S/${"w".repeat(2_100)}#/a`, "a reference is at most 2048 characters long"],
  ])("%s is refused", (text, message) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: "INVALID", message }));
  });
});

describe("findReferences", () => {
  const declaredOf = (manifest: Manifest): Declared => ({
    manifest,
    origin: { file: "a.yaml" },
    digest: digestOf(manifest),
  });
  const manifest = (more: Record<string, unknown>): Manifest => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "a" },
    ...more,
  });

  it("finds every field whose whole text is one", () => {
    const found = findReferences(
      declaredOf(
        manifest({
          data: { "a/b": "trueup:v1/object/Service/web#/a", text: "see trueup:v1/object/Service/web#/a" },
          list: [1, null, { deep: "trueup:v1/export/db#host" }],
        }),
      ),
    );
    expect(found.map(({ pointer, tokens, reference }) => [pointer, tokens, reference.type])).toEqual([
      ["/data/a~1b", ["data", "a/b"], "object"],
      ["/list/2/deep", ["list", "2", "deep"], "export"],
    ]);
  });

  it("names file, line and field of all that only look like one, and of those that cannot be", () => {
    const text = [
      "apiVersion: v1",
      "kind: ConfigMap",
      "metadata:",
      "  name: trueup:v1/export/db#name",
      "  annotations:",
      "    trueup.dev/wave: trueup:v1/export/db#wave",
      "    other: trueup:v1/export/db#fine",
      "data:",
      "  a: trueup:v1/oops",
    ].join("\n");
    const [declared] = parseManifests(text, { file: "x.yaml" }).documents;
    let thrown: TrueUpError | undefined;
    try {
      findReferences(declared!);
    } catch (error) {
      thrown = error as TrueUpError;
    }
    const errors = thrown?.errors ?? [];
    expect(thrown?.code).toBe("INVALID");
    expect(thrown?.message).toBe(errors.map(({ message }) => message).join("\n"));
    const why = "no reference can stand here: it must be known before anything is read";
    expect(errors.map(({ message }) => message)).toEqual([
      `x.yaml:4: /metadata/name: ${why}`,
      `x.yaml:6: /metadata/annotations/trueup.dev~1wave: ${why}`,
      'x.yaml:9: /data/a: "trueup:v1/oops": a reference ends with # and what is taken',
    ]);
  });

  it("one that is wrong is told by its own error", () => {
    const refused = expect.objectContaining({
      code: "INVALID",
      message: 'a.yaml: /data/a: "trueup:v1/oops": a reference ends with # and what is taken',
      origin: { file: "a.yaml", field: "/data/a" },
      errors: undefined,
    }) as Error;
    expect(() => findReferences(declaredOf(manifest({ data: { a: "trueup:v1/oops" } })))).toThrow(refused);
  });
});
