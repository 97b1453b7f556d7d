export { git } from "./git.ts";
export type { GitOptions } from "./git.ts";
export type { Credentials, CredentialsCallback, CredentialsRequest, GitLimits } from "./options.ts";
export type { RefOption } from "./ref.ts";
export { workingTree } from "./working-tree.ts";
export type { WorkingTreeOptions } from "./working-tree.ts";
