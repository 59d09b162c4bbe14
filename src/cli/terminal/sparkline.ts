const levels = '▁▂▃▄▅▆▇█';

/** A value at a step, as a curve keeps it. */
export interface Point {
  readonly step: number;
  readonly value: number;
}

/** One character a value, from zero, or the smallest below it, (`▁`) to the largest (`█`). */
export function sparkline(values: readonly number[]): string {
  const finite = values.filter(Number.isFinite);
  const low = Math.min(0, ...finite);
  const high = Math.max(0, ...finite);
  return values
    .map(value => {
      if (!Number.isFinite(value)) return '·';
      const level = high > low ? Math.round(((value - low) / (high - low)) * (levels.length - 1)) : 0;
      return levels[level];
    })
    .join('');
}

/** `cells` values over the steps from 0 to `lastStep`: the last point of each part, or the one before it. */
export function resample(points: readonly Point[], lastStep: number, cells: number): number[] {
  const values: number[] = [];
  let index = 0;
  for (let cell = 1; cell <= cells; cell++) {
    const end = (cell / cells) * lastStep;
    while (index + 1 < points.length && points[index + 1]!.step <= end + 1e-6) index++;
    values.push(points[index]?.value ?? Number.NaN);
  }
  return values;
}

/** The history of one metric, thinned as it grows so that it stays small: at most `capacity` points. */
export class Curve {
  readonly #capacity: number;
  #points: Point[] = [];
  #stride = 1;
  #skipped = 0;

  constructor(capacity = 256) {
    this.#capacity = capacity;
  }

  get points(): readonly Point[] {
    return this.#points;
  }

  add(step: number, value: number): void {
    if (++this.#skipped < this.#stride) return;
    this.#skipped = 0;
    this.#points.push({ step, value });
    if (this.#points.length < this.#capacity) return;
    this.#points = this.#points.filter((_, index) => index % 2 === 1);
    this.#stride *= 2;
  }
}
