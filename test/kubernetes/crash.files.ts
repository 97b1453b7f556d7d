/** Two commits: one object stays, one changes, one goes, one comes. */
export function crashFiles(namespace: string, version: 1 | 2): Record<string, string> {
  const config = (name: string, a: string): string =>
    JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data: { a } });
  return version === 1
    ? { "stays.yaml": config("stays", "1"), "changes.yaml": config("changes", "1"), "goes.yaml": config("goes", "1") }
    : {
        "stays.yaml": config("stays", "1"),
        "changes.yaml": config("changes", "2"),
        "comes.yaml": config("comes", "1"),
      };
}

export const CRASH_RESULT: Readonly<Record<string, string>> = { changes: "2", comes: "1", stays: "1" };
