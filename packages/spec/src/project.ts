import type { ObjectSelector } from "./application.ts";

/**
 * What the applications of a project may use. Names may hold `*`. What it does not allow is refused (`FORBIDDEN`) before
 * anything is asked of a target.
 */
export interface Project {
  /** Names of sources: the application's own, and those that its renderer reads. */
  readonly sources: readonly string[];
  /** Names of targets, as routes use them. */
  readonly targets: readonly string[];
  /** Directories of the sources: an application renders one of them, or one below. Default: all. What a renderer reads beside it is not limited. */
  readonly paths?: readonly string[];
  /** Of objects. `""` stands for what is outside any namespace. Default: all, and what is outside. */
  readonly namespaces?: readonly string[];
  /** An object is refused where a selector of `deny` matches, or `allow` is there and none of it does. Default: all kinds. */
  readonly kinds?: { readonly allow?: readonly ObjectSelector[]; readonly deny?: readonly ObjectSelector[] };
  /** Whom its applications may impersonate (`as`). Default: nobody. */
  readonly users?: readonly string[];
  readonly groups?: readonly string[];
  /**
   * The projects of `Application` objects that its applications declare; one that names none is of the project of the
   * application that declares it. Default: that project only.
   */
  readonly handsOut?: readonly string[];
}
