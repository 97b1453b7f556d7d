import { describe, expect, it } from "vitest";
import { formatImage, parseImage } from "./image-reference.ts";
import { setImagePolicies } from "./image-policies.ts";
import { setChartVersion } from "./set-chart-version.ts";
import { imagesOf, setImages, type ImageUpdate } from "./set-images.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const images = (text: string, ...updates: ImageUpdate[]): string =>
  Buffer.from(setImages(Buffer.from(text), updates, { file: "app.yaml" })).toString();
const thrown = (act: () => unknown): string => {
  try {
    return `nothing, but ${String(act())}`;
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code} ${message}`;
  }
};

describe("an image reference", () => {
  it.each([
    ["app", { name: "app" }],
    ["app:1.2", { name: "app", tag: "1.2" }],
    ["registry:5000/team/app", { name: "registry:5000/team/app" }],
    ["registry:5000/team/app:1.2", { name: "registry:5000/team/app", tag: "1.2" }],
    [`app@${DIGEST}`, { name: "app", digest: DIGEST }],
    [`r:1/app:2@${DIGEST}`, { name: "r:1/app", tag: "2", digest: DIGEST }],
    ["", { name: "" }],
  ])("%s in parts", (text, parts) => {
    expect(parseImage(text)).toEqual(parts);
    expect(formatImage(parts)).toBe(text);
  });
});

describe("setImages", () => {
  const deployment = [
    "# the shop",
    "apiVersion: apps/v1",
    "kind: Deployment",
    "spec:",
    "  template:",
    "    spec:",
    "      initContainers:",
    "        - {name: wait, image: 'acme/web:1.0'} # same",
    "      containers:",
    "        - name: web",
    "          image: acme/web:1.0   # the web",
    "        - name: proxy",
    '          image: "acme/web-proxy:1.0"',
    "---",
    "kind: Pod",
    "spec: {containers: [{image: acme/web}]}",
    "notes: {image: acme/web:1.0}",
    "",
  ].join("\n");

  it("sets every container's, and nothing else", () => {
    expect(images(deployment, { name: "acme/web", tag: "2.0" })).toBe(
      deployment
        .replace("'acme/web:1.0'", "'acme/web:2.0'")
        .replace("image: acme/web:1.0   #", "image: acme/web:2.0   #")
        .replace("[{image: acme/web}]", "[{image: acme/web:2.0}]"),
    );
    expect(images(deployment, { name: "acme/web-proxy", newName: "r:5000/proxy" })).toBe(
      deployment.replace("acme/web-proxy:1.0", "r:5000/proxy:1.0"),
    );
    const pinned = images(deployment, { name: "acme/web-proxy", tag: "2", digest: DIGEST });
    expect(pinned).toBe(deployment.replace("acme/web-proxy:1.0", `acme/web-proxy:2@${DIGEST}`));
    expect(images(pinned, { name: "acme/web-proxy", tag: "1.0" })).toBe(deployment);
    expect(images(pinned, { name: "acme/web-proxy", digest: DIGEST })).toContain(`"acme/web-proxy@${DIGEST}"`);
    expect(images(deployment, { name: "acme/web", tag: "2" }, { name: "acme/web-proxy", tag: "3" })).toContain(
      "proxy:3",
    );
  });

  it("sets a Kustomization's", () => {
    const kustomization = [
      "resources: [web.yaml]",
      "images:",
      "  - name: acme/web # a",
      "    newTag: '1.0' # b",
      "  - name: acme/db",
      "    newName: mirror/db",
      `    digest: ${DIGEST}`,
      "  - name: acme/both",
      "    newTag: v1",
      `    digest: ${DIGEST}`,
      "",
    ].join("\n");
    expect(images(kustomization, { name: "acme/web", tag: "1.10" })).toBe(kustomization.replace("'1.0'", "'1.10'"));
    const other = `sha256:${"b".repeat(64)}`;
    expect(images(kustomization, { name: "acme/db", newName: "m/db", digest: other })).toBe(
      kustomization.replace(`mirror/db\n    digest: ${DIGEST}`, `m/db\n    digest: ${other}`),
    );
    expect(images(`kind: Component\n${kustomization}`, { name: "acme/web", tag: "2" })).toContain("newTag: '2' # b");
    // A name alone leaves tags and digests as they are.
    expect(images(kustomization, { name: "acme/db", newName: "m/db" })).toBe(
      kustomization.replace("mirror/db", "m/db"),
    );
    expect(
      images(`images: [{name: a, newName: b, newTag: v1, digest: "${DIGEST}"}]\n`, { name: "a", newName: "c" }),
    ).toBe(`images: [{name: a, newName: c, newTag: v1, digest: "${DIGEST}"}]\n`);
    expect(images("images: [{name: a, newName: b, newTag: v1}]\n", { name: "a", tag: "v2" })).toBe(
      "images: [{name: a, newName: b, newTag: v2}]\n",
    );
    expect(thrown(() => images(kustomization, { name: "acme/both", digest: other }))).toBe(
      "INVALID app.yaml:9: /images/2/newTag: would go on to count beside what is set",
    );
    expect(thrown(() => images(kustomization, { name: "acme/db", tag: "2" }))).toBe(
      "INVALID app.yaml:5: /images/1/newTag: is to be set and is not there",
    );
    expect(thrown(() => images(kustomization, { name: "acme/both", tag: "2" }))).toBe(
      "INVALID app.yaml:10: /images/2/digest: would go on to count beside what is set",
    );
    expect(thrown(() => images(`kind: Other\n${kustomization}`, { name: "acme/web", tag: "2" }))).toBe(
      "NOT_FOUND app.yaml: names no image acme/web",
    );
  });

  it("refuses parts that no registry takes", () => {
    for (const [update, message] of [
      [{ name: "a:1", tag: "2" }, '"a:1" is no image\'s name'],
      [{ name: "a", newName: "a b" }, '"a b" is no image\'s name'],
      [{ name: "a", tag: "2\n" }, '"2\\n" is no image\'s tag'],
      [{ name: "a", tag: "a:b" }, '"a:b" is no image\'s tag'],
      [{ name: "a", tag: "x".repeat(129) }, `"${"x".repeat(129)}" is no image's tag`],
      [{ name: "a", digest: "sha256:" }, '"sha256:" is no image\'s digest'],
    ] as const)
      expect(thrown(() => images("a: 1\n", update))).toBe(`INVALID ${message}`);
  });
});

describe("imagesOf", () => {
  const named = (text: string): unknown => imagesOf(Buffer.from(text), "app.yaml");

  it("gives what containers and Kustomizations name, with what they say of it and nothing else", () => {
    const text = [
      `spec: {containers: [{image: acme/web:1}, {image: "r:5000/db@${DIGEST}"}, {image: 5}, x]}`,
      "---",
      "images:",
      "  - {name: a}",
      "  - {name: b, newName: c}",
      "  - {name: d, newTag: '1.0'}",
      `  - {name: e, digest: "${DIGEST}"}`,
      `  - {name: f, newName: g, newTag: v1, digest: "${DIGEST}"}`,
      "  - {name: h, newName: 1, newTag: 2, digest: true}",
      "  - {newTag: v1}",
      "  - x",
      "",
    ].join("\n");
    expect(named(text)).toStrictEqual([
      { name: "acme/web", tag: "1", kustomized: false },
      { name: "r:5000/db", digest: DIGEST, kustomized: false },
      { name: "a", kustomized: true },
      { name: "b", kustomized: true, newName: "c" },
      { name: "d", kustomized: true, tag: "1.0" },
      { name: "e", kustomized: true, digest: DIGEST },
      { name: "f", kustomized: true, newName: "g", tag: "v1", digest: DIGEST },
      { name: "h", kustomized: true },
      { name: "", kustomized: true, tag: "v1" },
    ]);
  });

  it("nothing in what is no list of containers, and no Kustomization", () => {
    expect(named("spec: {containers: {image: a}, sidecars: [{image: b}]}\n")).toStrictEqual([]);
    expect(named("kind: Deployment\nimages: [{name: a}]\n")).toStrictEqual([]);
    expect(named("images: {name: a}\n---\n[1]\n---\nx\n")).toStrictEqual([]);
    expect(named("kind: Kustomization\nimages: [{name: a}]\n")).toStrictEqual([{ name: "a", kustomized: true }]);
    expect(() => named("a: [\n")).toThrow(/^app\.yaml:/);
  });

  it("a file without a name is the file", () => {
    expect(thrown(() => setImages(Buffer.from("a: 1\n"), [{ name: "x", tag: "1" }]))).toBe(
      "NOT_FOUND the file: names no image x",
    );
  });
});

describe("setImagePolicies", () => {
  const policies = {
    "flux:web": { name: "acme/web", tag: "1.10", digest: DIGEST },
    "flux:db": { name: "acme/db", tag: "9" },
  };
  const marked = (text: string): string =>
    Buffer.from(setImagePolicies(Buffer.from(text), policies, { file: "app.yaml" })).toString();

  it("sets what is marked", () => {
    const text = (image: string, name: string, tag: string, digest: string): string =>
      [
        `image: ${image} # {"$imagepolicy": "flux:web"}`,
        "values:",
        `  - repository: ${name}   # {"$imagepolicy": "flux:web:name"}\r`,
        `    tag: ${tag} #{"$imagepolicy":"flux:web:tag"}`,
        `    digest: '${digest}' # { "$imagepolicy" : "flux:web:digest" }  `,
        `    other: 1 # {"$imagepolicy": "other:web:tag"}`,
        `    note: '# {"$imagepolicy": "flux:web:tag"}'`,
        "    text: |",
        `      a: 1 # {"$imagepolicy": "flux:web:tag"}`,
        "---",
        `flow: {tag: ${tag}} # {"$imagepolicy": "flux:web:tag"}`,
        "",
      ].join("\n");
    const before = text("old:1", "old", "v1", "x");
    expect(marked(before)).toBe(text(`acme/web:1.10@${DIGEST}`, "acme/web", '"1.10"', DIGEST));
    expect(marked(marked(before))).toBe(marked(before));
    const more = 'a: 1 # {"$imagepolicy": "flux:web"} and more\n';
    expect(marked(more)).toBe(more);
    const unmarked = "a: 1 # nothing\n";
    expect(marked(unmarked)).toBe(unmarked);
  });

  it("refuses markers that are none", () => {
    const form = "INVALID app.yaml:2: an image policy's marker is `namespace:name`, with :tag, :name or :digest behind";
    for (const marker of ["flux", "flux:", ":web", "flux:web:size", "flux:web:tag:x"])
      expect(thrown(() => marked(`b: 1\na: 1 # {"$imagepolicy": "${marker}"}\n`))).toBe(form);
    expect(thrown(() => marked('b: 1\na: 1 # {"$imagepolicy": 1}\n'))).toBe(form);
    expect(thrown(() => marked('a: 1 # {"$imagepolicy": x}\n'))).toBe(
      "INVALID app.yaml:1: an image policy's marker is no JSON",
    );
    expect(thrown(() => marked('a: 1\n# {"$imagepolicy": "flux:web"}\n'))).toBe(
      "INVALID app.yaml:2: an image policy's marker stands behind no value",
    );
    expect(thrown(() => marked('a: 1 # {"$imagepolicy": "flux:db:digest"}\n'))).toBe(
      "INVALID app.yaml:1: the digest of image policy flux:db is not known",
    );
    expect(thrown(() => setImagePolicies(Buffer.from("a: 1\n"), { "a:b": { name: "x y" } }))).toBe(
      'INVALID "x y" is no image\'s name',
    );
  });
});

describe("setChartVersion", () => {
  const set = (text: string, chart: string, version: string): string =>
    Buffer.from(setChartVersion(Buffer.from(text), { chart, version }, { file: "app.yaml" })).toString();

  it("in Chart.yaml, a Kustomization and a HelmRelease", () => {
    const chart =
      "name: app\nversion: 0.1.0\ndependencies:\n  - name: redis # cache\n    version: '~1.2' # why\n  - name: db\n    version: 1.0.0\n";
    expect(set(chart, "redis", "~1.3")).toBe(chart.replace("~1.2", "~1.3"));
    expect(set(chart, "db", "1.10")).toBe(chart.replace("1.0.0", '"1.10"'));
    const kustomization = "helmCharts: [{name: redis, version: 1.2.3}]\n";
    expect(set(kustomization, "redis", "1.2.4")).toBe("helmCharts: [{name: redis, version: 1.2.4}]\n");
    const release = (version: string): string =>
      `kind: HelmRelease\nspec:\n  chart:\n    spec:\n      chart: redis\n      version: ${version} # x\n---\nkind: HelmRelease\nspec: {chart: {spec: {chart: db, version: 1.0.0}}}\n---\nkind: Other\nspec: {chart: {spec: {chart: redis, version: 1.0.0}}}\n`;
    expect(set(release("1.0.0"), "redis", "2.0.0")).toBe(release("2.0.0"));
  });

  it("says what is not there", () => {
    expect(thrown(() => set("a: 1\n", "redis", "1"))).toBe("NOT_FOUND app.yaml: names no chart redis");
    expect(thrown(() => set("- 1\n", "redis", "1"))).toBe("NOT_FOUND app.yaml: names no chart redis");
    expect(thrown(() => set("dependencies:\n  - name: redis\n", "redis", "1"))).toBe(
      "NOT_FOUND app.yaml:2: /dependencies/0/version: is not there",
    );
  });
});
