import { TrueUpError } from "@trueup/spec";

/** What stands in a repository for a file that Git LFS keeps elsewhere. */
export interface LfsPointer {
  /** SHA-256 of the content, in hex. */
  readonly oid: string;
  /** Bytes. */
  readonly size: number;
}

const VERSION = "version https://git-lfs.github.com/spec/v1\n";
/** More is no pointer. */
const MAX_BYTES = 1024;

export function isLfsPointer(data: Buffer): boolean {
  return data.length < MAX_BYTES && data.toString("latin1", 0, VERSION.length) === VERSION;
}

/** Lines of key and value (docs/spec.md of git-lfs). Undefined where the object it stands for is not named. */
export function parseLfsPointer(data: Buffer): LfsPointer | undefined {
  const text = data.toString("latin1");
  const oid = /^oid sha256:([0-9a-f]{64})$/m.exec(text)?.[1];
  const size = /^size (\d{1,15})$/m.exec(text)?.[1];
  return oid === undefined || size === undefined ? undefined : { oid, size: Number(size) };
}

/** A pointer was read where content is wanted: whoever can fetch it may. */
export class LfsPointerRead extends TrueUpError {
  readonly pointer: LfsPointer | undefined;
  constructor(path: string, pointer: LfsPointer | undefined) {
    super("UNSUPPORTED", `${path}: is kept in Git LFS, only a pointer stands here`);
    this.pointer = pointer;
  }
}
