import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { bytesOf, type Column, ROWS_PER_BLOCK, type RowBlock } from './protocol.ts';

type Row = Record<string, unknown>;

/**
 * Follows one `metrics.jsonl`. Rows are numbered by line; a line that is not yet ended by `\n` does not exist, and one
 * that is not a JSON object is counted and reported in `damaged`, so that numbers never shift.
 */
export class MetricsFile {
  readonly #path: string;
  /** Byte where each block begins, and the rows read so far. */
  readonly #blockOffsets: number[] = [0];
  /** Byte where each row of the growing block begins. */
  #rowOffsets: number[] = [0];
  #rows = 0;
  #offset = 0;
  #partial: Buffer = Buffer.alloc(0);
  readonly damaged: number[] = [];
  lastStep = 0;
  lastSeconds = 0;

  constructor(path: string) {
    this.#path = path;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Reads what was appended; true if whole rows came. A missing file has none; a shorter one (truncated by resume) starts over. */
  poll(): boolean {
    let fd: number;
    try {
      fd = openSync(this.#path, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
    try {
      const { size } = fstatSync(fd);
      if (size < this.#offset) this.#restart();
      const before = this.#rows;
      const chunk = Buffer.allocUnsafe(1 << 16);
      while (this.#offset < size) {
        const read = readSync(fd, chunk, 0, Math.min(chunk.length, size - this.#offset), this.#offset);
        if (read === 0) break;
        this.#accept(chunk.subarray(0, read));
        this.#offset += read;
      }
      return this.#rows !== before;
    } finally {
      closeSync(fd);
    }
  }

  /** Times the file was found shorter than before: row numbers start over then. */
  generation = 0;

  #restart(): void {
    this.generation++;
    this.#blockOffsets.length = 1;
    this.#rows = 0;
    this.#rowOffsets = [0];
    this.#offset = 0;
    this.#partial = Buffer.alloc(0);
    this.damaged.length = 0;
  }

  #accept(chunk: Buffer): void {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const line =
        from === 0 && this.#partial.length
          ? Buffer.concat([this.#partial, chunk.subarray(0, end)])
          : chunk.subarray(from, end);
      if (from === 0) this.#partial = Buffer.alloc(0);
      const row = parseRow(line.toString('utf8'));
      if (row) {
        if (typeof row.step === 'number') this.lastStep = row.step;
        if (typeof row.seconds === 'number') this.lastSeconds = row.seconds;
      } else this.damaged.push(this.#rows);
      this.#rows++;
      from = end + 1;
      if (this.#rows % ROWS_PER_BLOCK === 0) {
        this.#blockOffsets.push(this.#offset + from);
        this.#rowOffsets = [];
      }
      this.#rowOffsets.push(this.#offset + from);
    }
    const rest = chunk.subarray(from);
    this.#partial = this.#partial.length ? Buffer.concat([this.#partial, rest]) : Buffer.from(rest);
  }

  /** The row after the last one of this row's block that is written. */
  endOfBlock(row: number): number {
    return Math.min((Math.floor(row / ROWS_PER_BLOCK) + 1) * ROWS_PER_BLOCK, this.#rows);
  }

  /** The rows from `row` to the end of its block, or as far as they are written. */
  block(row: number): RowBlock {
    const k = Math.floor(row / ROWS_PER_BLOCK);
    const count = this.endOfBlock(row) - row;
    // In the growing block nothing is read twice.
    const growing = k === this.#blockOffsets.length - 1;
    const skip = row - k * ROWS_PER_BLOCK;
    const begin = growing ? this.#rowOffsets[skip]! : this.#blockOffsets[k]!;
    const end = growing ? this.#rowOffsets[skip + count]! : this.#blockOffsets[k + 1]!;
    const text = Buffer.alloc(end - begin);
    if (!existsSync(this.#path)) return toBlock(row, Array(count).fill(undefined)); // deleted
    const fd = openSync(this.#path, 'r');
    try {
      let done = 0;
      while (done < text.length) {
        const read = readSync(fd, text, done, text.length - done, begin + done);
        if (read === 0) break;
        done += read;
      }
    } finally {
      closeSync(fd);
    }
    const lines = text
      .toString('utf8')
      .split('\n')
      .slice(growing ? 0 : skip);
    return toBlock(row, lines.slice(0, count).map(parseRow));
  }
}

function parseRow(line: string): Row | undefined {
  try {
    const row: unknown = JSON.parse(line);
    return typeof row === 'object' && row !== null && !Array.isArray(row) ? (row as Row) : undefined;
  } catch {
    return undefined; // reported through `damaged`
  }
}

/** Rows as columns: what charts take. Non-numbers other than `step` and `seconds` are left out. */
function toBlock(first: number, read: readonly (Row | undefined)[]): RowBlock {
  const step = new Float64Array(read.length).fill(Number.NaN);
  const seconds = new Float64Array(read.length).fill(Number.NaN);
  const rows = new Map<string, { row: number[]; value: number[] }>();
  read.forEach((row, i) => {
    for (const [key, value] of Object.entries(row ?? {})) {
      if (typeof value !== 'number') continue;
      if (key === 'step') step[i] = value;
      else if (key === 'seconds') seconds[i] = value;
      else {
        let column = rows.get(key);
        if (!column) {
          column = { row: [], value: [] };
          rows.set(key, column);
        }
        column.row.push(i);
        column.value.push(value);
      }
    }
  });
  const columns: Record<string, Column> = {};
  for (const [key, column] of rows) {
    columns[key] = { row: bytesOf(Uint32Array.from(column.row)), value: bytesOf(Float64Array.from(column.value)) };
  }
  return { first, count: read.length, step: bytesOf(step), seconds: bytesOf(seconds), columns };
}
