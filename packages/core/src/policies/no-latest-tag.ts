import { containersOf } from "./containers.ts";
import { severityOf } from "./parameters.ts";
import type { Policy } from "./policy.ts";
import { writtenBy } from "./written.ts";

/** No container image without a tag or with the tag `latest`: what runs would depend on when it was pulled. An image with a digest is fine. Parameters: `severity`. */
export const noLatestTag: Policy = (input) => {
  const severity = severityOf(input.parameters);
  return [...writtenBy(input)].flatMap(([key, { manifest }]) =>
    containersOf(manifest).flatMap(({ name, container: { image } }) => {
      if (typeof image !== "string") return [];
      const wrong = problemOf(image);
      return wrong === undefined ? [] : [{ severity, key, message: `container ${name}: image ${image} ${wrong}` }];
    }),
  );
};

/** `registry:5000/team/image:tag@digest`: only a colon behind the last slash begins a tag. */
function problemOf(image: string): string | undefined {
  if (image.includes("@")) return undefined;
  const [, tag] = image.slice(image.lastIndexOf("/") + 1).split(":");
  if (tag === undefined || tag === "") return "has no tag";
  return tag === "latest" ? "is tagged latest" : undefined;
}
