import { describe, expect, it } from 'vitest';
import { Crowd } from '../../../../src/cli/view/feed.ts';

describe('the worlds that are shown', () => {
  it('are all of a few, in order', () => {
    expect(new Crowd().places([7, 0, 3], [])).toEqual([0, 1, 2]);
  });

  it('are the sixteen with the newest reset, each in its place while it stays, and those looked at', () => {
    const crowd = new Crowd();
    const t = Array.from({ length: 20 }, (_, world) => 100 - world); // world 19 began last
    expect(crowd.places(t, [])).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
    t[1] = 0; // reset: world 4 is now the oldest of those shown
    expect(crowd.places(t, [])).toEqual([1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
    expect(crowd.places(t, [0, 25])).toEqual([1, 0, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  });
});
