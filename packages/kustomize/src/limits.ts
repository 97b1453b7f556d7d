/** What one build may use. */
export interface BuildLimits {
  /** Bytes of one file. */
  readonly fileBytes: number;
  /** Bytes of all files that are read. */
  readonly totalBytes: number;
  /** Files that are read, one that is read twice counted twice. */
  readonly files: number;
  /** Kustomizations below each other. */
  readonly depth: number;
  /** Resources at any time. */
  readonly resources: number;
  /** Values of one document, aliases written out. */
  readonly values: number;
  /** Of these, the ones that aliases add. */
  readonly aliasedValues: number;
  /** Levels of nesting in one document. */
  readonly nesting: number;
  /** Bytes of the rendered YAML. */
  readonly outputBytes: number;
}

export const DEFAULT_LIMITS: BuildLimits = {
  fileBytes: 16 * 1024 * 1024,
  totalBytes: 512 * 1024 * 1024,
  files: 50_000,
  depth: 100,
  resources: 100_000,
  values: 2_000_000,
  aliasedValues: 100_000,
  nesting: 200,
  outputBytes: 256 * 1024 * 1024,
};
