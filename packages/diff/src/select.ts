import { refOf, selects as selectsRef, type Manifest, type ObjectSelector } from "@trueup/spec";

/** Whether every field that a selector gives matches; `*` stands for any text, in each field. */
export const selects = (selector: ObjectSelector, manifest: Manifest): boolean =>
  selectsRef(selector, refOf(manifest, ""));
