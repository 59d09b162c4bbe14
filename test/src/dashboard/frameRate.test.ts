import { beforeEach, describe, expect, it, vi } from 'vitest';
import { FrameRate, QUALITY } from '../../../src/dashboard/web/stage/frameRate.ts';

/** Frames at the pace a machine manages with each picture; how often the picture changed. */
function run(rate: FrameRate, seconds: number, pace: (quality: FrameRate['quality']) => number, from = 1000) {
  let [now, changes, drawn] = [from, 0, 0];
  let last = rate.quality;
  while (now < from + seconds * 1000) {
    const skipped = rate.skip(now);
    if (!skipped) drawn++;
    if (rate.quality !== last) changes++;
    last = rate.quality;
    now += skipped ? 1000 / 60 : 1000 / pace(rate.quality);
  }
  return { changes, drawn, now };
}

describe('the quality of the picture', () => {
  beforeEach(() => vi.stubGlobal('localStorage', { getItem: () => null }));

  it('stays the best on a fast machine', () => {
    const rate = new FrameRate();
    expect(run(rate, 60, () => 60).changes).toBe(0);
    expect(rate.quality).toBe(QUALITY[0]);
  });

  it('begins plain where a processor draws, and becomes better where that is easy', () => {
    const rate = new FrameRate();
    rate.start(true, 16);
    expect(rate.quality).toBe(QUALITY[2]);
    run(rate, 60, () => 60);
    expect(rate.quality).toBe(QUALITY[0]);
    rate.start(true, 16); // another run is chosen
    expect(rate.quality).toBe(QUALITY[0]);
    const small = new FrameRate();
    small.start(true, 2);
    expect(run(small, 60, () => 60).changes).toBe(0); // nothing is tried that two cores cannot hold
    run(small, 10, ({ scale }) => (scale > 0.5 ? 50 : 60), 70_000);
    expect(small.quality).toBe(QUALITY[3]); // fifty are not sixty
  });

  it('falls step by step until it is fast enough, and not further', () => {
    const rate = new FrameRate();
    run(rate, 8, ({ shadows, scale }) => (shadows ? 20 : scale === 1 ? 35 : 50));
    expect(rate.quality).toBe(QUALITY[2]);
  });

  it('rises again when the machine has time, and seldom tries where it had not', () => {
    const rate = new FrameRate();
    const busy = run(rate, 10, () => 30);
    expect(rate.quality).toBe(QUALITY[3]);
    run(rate, 120, () => 60, busy.now);
    expect(rate.quality).toBe(QUALITY[0]);
    // A machine at the edge: fast without shadows, slow with them.
    const edge = new FrameRate();
    const trials = run(edge, 600, ({ shadows }) => (shadows ? 40 : 60));
    expect(trials.changes).toBeLessThanOrEqual(12);
    expect(trials.drawn).toBeGreaterThan(0.995 * 600 * 60); // and each try is short
  });

  it('bears with a frame that comes late now and then', () => {
    const rate = new FrameRate();
    rate.start(true, 2);
    let now = 1000;
    for (let frame = 0; frame < 3000; frame++) {
      now += frame % 60 === 59 ? 100 : 1000 / 60;
      rate.skip(now);
    }
    expect(rate.quality).toBe(QUALITY[2]);
  });

  it('leaves frames out where nothing helps, so that the page stays usable', () => {
    const rate = new FrameRate();
    run(rate, 10, () => 10);
    const { drawn } = run(rate, 10, () => 10, 20_000);
    expect(drawn).toBeLessThan(60); // of 100 it could draw
    expect(drawn).toBeGreaterThan(20);
  });

  it('falls to the cheapest at once where a frame takes seconds, but not for one pause', () => {
    const rate = new FrameRate();
    run(rate, 5, () => 60);
    rate.skip(60_000); // the page was hidden
    run(rate, 5, () => 60, 60_016);
    expect(rate.quality).toBe(QUALITY[0]);
    run(rate, 15, () => 0.4, 70_000);
    expect(rate.quality).toBe(QUALITY.at(-1));
  });

  it('is held where it was set, and leaves no frame out then', () => {
    vi.stubGlobal('localStorage', { getItem: () => '1' });
    const { drawn } = run(new FrameRate(), 10, () => 5);
    expect(drawn).toBe(50);
    expect(new FrameRate().quality).toBe(QUALITY[1]);
  });
});
