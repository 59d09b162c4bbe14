import { type Change, float64Of, type RowBlock, type Snapshot, uint32Of } from '../protocol.ts';

/** A float64 array that grows; `view` is valid until the next push. */
export class Column {
  #data = new Float64Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }
  get view(): Float64Array {
    return this.#data.subarray(0, this.#length);
  }
  at(i: number): number {
    return this.#data[i < 0 ? this.#length + i : i] ?? Number.NaN;
  }
  push(value: number): void {
    if (this.#length === this.#data.length) {
      const grown = new Float64Array(this.#length * 2);
      grown.set(this.#data);
      this.#data = grown;
    }
    this.#data[this.#length++] = value;
  }
}

/** One metric: its values, and the row each stands in. */
export interface Series {
  readonly row: Column;
  readonly value: Column;
  /** Where the largest value stands. */
  best: number;
}

/** All rows of one run as columns, in order, each row once. */
export class RunData {
  readonly id: string;
  snapshot: Snapshot | undefined;
  step = new Column();
  seconds = new Column();
  metrics = new Map<string, Series>();
  /** Rows received: what to ask for after a lost connection. */
  rows = 0;
  /** Counts changes of the rows, for caches. */
  version = 0;

  constructor(id: string) {
    this.id = id;
  }

  reset(): void {
    this.step = new Column();
    this.seconds = new Column();
    this.metrics = new Map();
    this.rows = 0;
    this.version++;
  }

  /** Appends what is new in a block. A block that begins beyond the rows held is refused (false): ask again from `rows`. */
  append(block: RowBlock): boolean {
    if (block.first > this.rows) return false;
    const skip = this.rows - block.first;
    if (block.count <= skip) return true;
    const step = float64Of(block.step);
    const seconds = float64Of(block.seconds);
    for (let i = skip; i < block.count; i++) {
      this.step.push(step[i]!);
      this.seconds.push(seconds[i]!);
    }
    for (const [key, column] of Object.entries(block.columns)) {
      let series = this.metrics.get(key);
      if (!series) {
        series = { row: new Column(), value: new Column(), best: 0 };
        this.metrics.set(key, series);
      }
      const row = uint32Of(column.row);
      const value = float64Of(column.value);
      for (let i = 0; i < row.length; i++) {
        if (row[i]! < skip) continue;
        series.row.push(block.first + row[i]!);
        series.value.push(value[i]!);
        if (value[i]! > series.value.at(series.best)) series.best = series.value.length - 1;
      }
    }
    this.rows = block.first + block.count;
    this.version++;
    return true;
  }

  /** x values of a metric: `step` or `seconds` of the rows it stands in; `update` counts the values. */
  x(key: string, axis: 'step' | 'seconds' | 'update'): Float64Array {
    const series = this.metrics.get(key);
    if (!series) return new Float64Array(0);
    const rows = series.row.view;
    if (axis === 'update') return rows.map((_, i) => i);
    const source = axis === 'step' ? this.step.view : this.seconds.view;
    return rows.map(row => source[row]!);
  }

  values(key: string): Float64Array {
    return this.metrics.get(key)?.value.view ?? new Float64Array(0);
  }

  last(key: string): number {
    return this.metrics.get(key)?.value.at(-1) ?? Number.NaN;
  }

  /** The largest value of a metric and the step where it was reached. */
  best(key: string): { value: number; step: number } | undefined {
    const series = this.metrics.get(key);
    if (!series || series.value.length === 0) return undefined;
    const at = series.best;
    return { value: series.value.at(at), step: this.step.at(series.row.at(at)) };
  }

  get changes(): readonly Change[] {
    return this.snapshot?.changes ?? [];
  }
}
