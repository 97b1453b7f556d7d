/** One figure. `limit` is the most, `least` the least it may be. Ratios compare things measured in the same run. */
export interface Row {
  readonly what: string;
  readonly value: number;
  /** `×` for a ratio, `ms`, `MB`, `calls`, … */
  readonly unit: string;
  readonly limit?: number;
  readonly least?: number;
  /** How it was measured, for a reader. */
  readonly note?: string;
}

/** A bench: its module's exports. */
export interface Bench {
  readonly name: string;
  run(): Promise<readonly Row[]>;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** Milliseconds that `body` took. */
export async function time(body: () => unknown): Promise<number> {
  const from = performance.now();
  await body();
  return performance.now() - from;
}

/** Milliseconds of CPU that this process used during `body`. */
export async function cpu(body: () => unknown): Promise<number> {
  const from = process.cpuUsage();
  await body();
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1_000;
}

/** The heap after a full collection, in MB. Needs `--expose-gc`. */
export function heap(): number {
  if (globalThis.gc === undefined) throw new Error("run with --expose-gc: pnpm bench does");
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

export const holds = ({ value, limit, least }: Row): boolean =>
  (limit === undefined || value <= limit) && (least === undefined || value >= least);

export function table(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const bound = row.limit !== undefined ? `≤ ${row.limit}` : row.least !== undefined ? `≥ ${row.least}` : "";
    const value = row.value >= 100 ? row.value.toFixed(0) : row.value.toPrecision(3);
    return [row.what, `${value} ${row.unit}`, bound, bound === "" ? "" : holds(row) ? "ok" : "over", row.note ?? ""];
  });
  const head = ["", "measured", "bound", "", ""];
  const widths = head.map((_, column) => Math.max(...[head, ...lines].map((line) => (line[column] ?? "").length)));
  const cellOf = (cell: string, column: number): string =>
    column === 1 ? cell.padStart(widths[1] ?? 0) : cell.padEnd(widths[column] ?? 0);
  return [head, ...lines].map((line) => line.map(cellOf).join("  ").trimEnd()).join("\n");
}
