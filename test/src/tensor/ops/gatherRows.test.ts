import { afterAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../../../src/backend/register.ts';
import { copyRows, gatherRows } from '../../../../src/tensor/ops/gatherRows.ts';

afterAll(() => useBackend('cpu'));

describe.each(['cpu', 'wasm', 'native'] as const)('rows gathered on %s', name => {
  // One number, two ends without a middle, a short row, and rows on both sides of where blocks are copied.
  it.each([1, 2, 17, 64, 65, 376])('of %i numbers are those asked for, in order and again', async width => {
    await useBackend(name);
    const whole = Float32Array.from({ length: 20 * width }, (_, i) => i);
    // 3 rows, then 3, 6 and 8 of the 12 that would follow.
    const parts = [0, 3, 6, 12].map((start, i, starts) => whole.slice(start * width, (starts[i + 1] ?? 20) * width));
    const rows = Int32Array.from([19, 0, 2, 0, 3, 5, 6, 11, 12]);
    const wanted = [...rows].flatMap(row => [...whole.slice(row * width, (row + 1) * width)]);
    for (const from of [{ parts: [whole] }, { parts, first: 3 }]) {
      const gathered = gatherRows(from, rows, width);
      expect(gathered.shape).toEqual([rows.length, width]);
      expect([...gathered.dataSync()]).toEqual(wanted);
      expect([...copyRows(from, rows, width)]).toEqual(wanted);
      gathered.dispose();
    }
  });
});
