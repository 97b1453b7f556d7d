export { git } from "./git.ts";
export type { GitOptions } from "./git.ts";
export { gitWriter } from "./git-writer.ts";
export type {
  Authorship,
  BranchHead,
  Change,
  CommitResult,
  GitWriter,
  GitWriterOptions,
  Restore,
  Revert,
} from "./git-writer.ts";
export type { Edit, Edits } from "./edit-tree.ts";
export type { Credentials, CredentialsCallback, CredentialsRequest, GitLimits } from "./options.ts";
export type { RefOption } from "./ref.ts";
export type { VersionRange } from "./version-tags.ts";
export { workingTree } from "./working-tree.ts";
export type { WorkingTreeOptions } from "./working-tree.ts";
export type { VerifyOptions } from "./verify.ts";
export { pgpSigner } from "./pgp-signer.ts";
export type { PgpSignerOptions } from "./pgp-signer.ts";
export { formatImage, parseImage } from "./values/image-reference.ts";
export type { ImageReference } from "./values/image-reference.ts";
export { setImagePolicies } from "./values/image-policies.ts";
export { setImages } from "./values/set-images.ts";
export type { ImageUpdate } from "./values/set-images.ts";
export { setChartVersion } from "./values/set-chart-version.ts";
export { setValue } from "./values/set-value.ts";
export type { ValueAt } from "./values/set-value.ts";
export type { ScalarValue } from "./values/scalar-text.ts";
export type { DocumentSelector } from "./values/yaml-file.ts";
export { promote } from "./promote.ts";
export type { PromotedChange, PromotedValue, PromoteOptions, Promotion } from "./promote.ts";
export { revertOnFailure } from "./revert-on-failure.ts";
export type { RevertOnFailureOptions } from "./revert-on-failure.ts";
export { githubApp } from "./github-app.ts";
export type { GitHubAppOptions } from "./github-app.ts";
export { proxyFromEnvironment } from "./no-proxy.ts";
export type { ProxyOptions } from "./proxy-options.ts";
export type { SshOptions } from "./ssh-options.ts";
export type { TlsOptions } from "./tls.ts";
export type { SubmoduleOptions } from "./extended-source.ts";
export type { LfsOptions } from "./lfs-client.ts";
export { sshSigner } from "./ssh-signer.ts";
export type { SshSignerOptions } from "./ssh-signer.ts";
