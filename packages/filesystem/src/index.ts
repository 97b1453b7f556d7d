export { filesystem } from "./filesystem.ts";
export type { FilesystemOptions } from "./filesystem.ts";
