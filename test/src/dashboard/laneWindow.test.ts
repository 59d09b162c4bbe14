import { describe, expect, it } from 'vitest';
import { LaneWindow } from '../../../src/dashboard/web/laneWindow.ts';

describe('a lane of the timeline, zoomed', () => {
  it('shows all at first, and what lies under the pointer stays there', () => {
    const shown = new LaneWindow();
    expect([shown.low, shown.high, shown.zoomed]).toEqual([0, 1, false]);
    const before = shown.whole(0.3);
    shown.zoom(0.5, 0.3, 0.001);
    expect(shown.high - shown.low).toBeCloseTo(0.5, 12);
    expect(shown.whole(0.3)).toBeCloseTo(before, 12);
    expect(shown.part(before)).toBeCloseTo(0.3, 12);
    shown.reset();
    expect(shown.zoomed).toBe(false);
  });

  it('never leaves the lane and never shows less than the finest part', () => {
    const shown = new LaneWindow();
    for (let i = 0; i < 100; i++) shown.zoom(0.5, 0.9, 0.01);
    expect(shown.high - shown.low).toBeCloseTo(0.01, 12);
    shown.pan(1e6);
    expect(shown.high).toBe(1);
    shown.pan(-1e6);
    expect(shown.low).toBe(0);
    for (let i = 0; i < 100; i++) shown.zoom(3, 0.5, 0.01);
    expect([shown.low, shown.high]).toEqual([0, 1]);
  });

  it('goes with the live edge where it was in sight, and only there', () => {
    const shown = new LaneWindow();
    shown.zoom(0.1, 0.5, 0.001); // 0.45 … 0.55
    shown.hold(0.54);
    shown.hold(0.56);
    expect(shown.part(0.56)).toBeCloseTo(0.9, 9);
    shown.pan(-3);
    const { low } = shown;
    shown.hold(0.57);
    shown.hold(0.58);
    expect(shown.low).toBe(low);
  });
});
