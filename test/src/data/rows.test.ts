import { describe, expect, it } from 'vitest';
import { gatherRows } from '../../../src/data/rows.ts';

describe('rows gathered', () => {
  // One number, two ends without a middle, a short row, and rows on both sides of where blocks are copied.
  it.each([1, 2, 17, 64, 65, 376])('of %i numbers are those asked for, in order and again', width => {
    const sources = [0, 1].map(source => Float32Array.from({ length: 5 * width }, (_, i) => 10_000 * source + i));
    const rows = Uint32Array.from([4, 0, 2, 0]);
    const row = (source: number, at: number) => [...sources[source]!.slice(at * width, (at + 1) * width)];
    expect([...gatherRows(sources[1]!, rows, width)]).toEqual([...rows].flatMap(at => row(1, at)));
    const from = [0, 1, 1, 0];
    const each = gatherRows(
      from.map(source => sources[source]!),
      rows,
      width,
    );
    expect([...each]).toEqual(from.flatMap((source, i) => row(source, rows[i]!)));
  });
});
