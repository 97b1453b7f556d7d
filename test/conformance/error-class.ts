/** Kinds of errors by what their messages say, for cases whose exact words are another file system's. The first that fits counts. */
const CLASSES: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["MissingKustomizationFile", /unable to find one of/],
  ["ManyKustomizationFiles", /Found multiple kustomization files/],
  ["RegisteredId", /already registered id/],
  ["AbsoluteRoot", /new root .* cannot be absolute/],
  ["Security", /security; (?:file|base)/],
  ["Cycle", /cycle detected/],
  ["Remote", /failed to run \S*git|outside the tree; remote/],
  ["NotADirectory", /must build at directory/],
  ["ManyReferrals", /found multiple possible referrals/],
  ["VarCollision", /var '.*' already encountered/],
  ["NoTarget", /failed to find unique target for patch/],
  ["MissingFile", /doesn't exist|no such file|evalsymlink failure/],
  ["Plugin", /external plugin|plugin root|KRM function|execute function/],
  ["DuplicateKey", /mapping key .* already defined/],
  ["MalformedYaml", /MalformedYAMLError|yaml: line|did not find expected/],
  ["ManyVars", /unable to disambiguate/],
  ["UnknownField", /unknown field/],
  ["WrongType", /cannot unmarshal|missing Resource metadata/],
];

export const errorClass = (message: string): string | undefined =>
  CLASSES.find(([, pattern]) => pattern.test(message))?.[0];
