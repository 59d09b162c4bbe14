import { describe, expect, it } from 'vitest';
import { epochBatch } from '../../../src/data/epochs.ts';

const KEY = [12345, 678] as const;
const walk = (size: number, batch: number, from: number, draws: number) =>
  Array.from({ length: draws }, (_, i) => [...epochBatch(size, batch, KEY, from + i)]).flat();

describe('epochs', () => {
  it.each([
    [100, 10],
    [1000, 7],
    [17, 17],
    [65536, 256],
  ])('%i transitions in batches of %i: none twice in an epoch, another order in the next', (size, batch) => {
    const draws = Math.floor(size / batch);
    const [first, second] = [walk(size, batch, 0, draws), walk(size, batch, draws, draws)];
    for (const epoch of [first, second]) {
      expect(new Set(epoch).size).toBe(draws * batch);
      expect(Math.min(...epoch)).toBeGreaterThanOrEqual(0);
      expect(epoch.every(i => i < size)).toBe(true);
    }
    expect(second).not.toEqual(first);
  });

  it('the order is a fair shuffle: a transition comes anywhere, and says nothing of its neighbour', () => {
    const size = 64;
    const places = new Float64Array(size);
    let together = 0;
    const epochs = 2000;
    for (let epoch = 0; epoch < epochs; epoch++) {
      const order = walk(size, size, epoch, 1);
      places[order.indexOf(5)]!++;
      if (Math.abs(order.indexOf(5) - order.indexOf(6)) === 1) together++;
    }
    // χ² with 63 degrees of freedom stays below 113 with probability 0.9999
    const expected = epochs / size;
    const chi2 = places.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chi2).toBeLessThan(113);
    expect(Math.abs(together / epochs - 2 / size)).toBeLessThan(0.02);
  });

  it('fewer transitions than a batch: shuffles follow each other', () => {
    const drawn = walk(5, 12, 0, 5);
    const counts = [0, 1, 2, 3, 4].map(value => drawn.filter(i => i === value).length);
    expect(counts).toEqual([12, 12, 12, 12, 12]);
  });

  it('a batch depends on the key and its number alone', () => {
    expect(walk(1000, 10, 3, 1)).toEqual(walk(1000, 10, 0, 4).slice(30));
    expect([...epochBatch(1000, 10, [1, 2], 3)]).not.toEqual(walk(1000, 10, 3, 1));
  });
});
