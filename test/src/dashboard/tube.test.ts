import { Color } from 'three';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Look } from '../../../src/dashboard/web/stage/look.ts';
import { Tube } from '../../../src/dashboard/web/stage/tube.ts';

const SCALE = ['#000000', '#330000', '#660000', '#990000', '#cc0000', '#ff0000'];
const PLAIN = '#8fb8ff';

describe('the way through a maze', () => {
  beforeAll(() => {
    vi.stubGlobal('document', { documentElement: { dataset: { theme: 'dark' } } });
    const getPropertyValue = (name: string) => SCALE[Number(name.at(-1))]!;
    vi.stubGlobal('getComputedStyle', () => ({ getPropertyValue }));
  });

  /** The colour of each of the first points. */
  function colors(tube: Tube, count: number): string[] {
    const color = tube.object.geometry.getAttribute('color');
    return Array.from({ length: count }, (_, i) =>
      new Color(color.getX(i * 6), color.getY(i * 6), color.getZ(i * 6)).getHexString(),
    );
  }

  it('has one colour until values are known, then that of the value where it was asked', () => {
    const tube = new Tube({ ghost: PLAIN } as Look);
    const ends = Array.from({ length: 6 }, (_, i) => {
      tube.push(i * 0.1, 0);
      return tube.end!;
    });
    expect(colors(tube, 6)).toEqual(Array(6).fill(PLAIN.slice(1)));
    expect(tube.range).toBeUndefined();
    tube.mark(ends[1]!, -20);
    tube.mark(ends[4]!, -10);
    expect(tube.range).toEqual([-20, -10]);
    expect(colors(tube, 6)).toEqual(['000000', '000000', '000000', '000000', 'ff0000', 'ff0000']);
    tube.push(0.6, 0);
    expect(colors(tube, 7).at(-1)).toBe('ff0000');
    tube.mark(tube.end!, Number.NaN);
    expect(tube.range).toEqual([-20, -10]);
  });

  it('forgets its values with another episode', () => {
    const tube = new Tube({ ghost: PLAIN } as Look);
    tube.push(0, 0);
    const old = tube.end!;
    tube.mark(old, 3);
    tube.push(5, 5);
    expect(tube.range).toBeUndefined();
    tube.mark(old, 4); // asked before, answered after
    expect(tube.range).toBeUndefined();
    expect(colors(tube, 1)).toEqual([PLAIN.slice(1)]);
  });

  it('keeps values when it is thinned', () => {
    const tube = new Tube({ ghost: PLAIN } as Look);
    for (let i = 0; i < 1500; i++) {
      tube.push(i * 0.1, 0);
      tube.mark(tube.end!, i);
    }
    tube.push(150, 0); // one more than it holds
    const shown = colors(tube, 751).map(color => Number.parseInt(color.slice(0, 2), 16));
    expect(shown[0]).toBe(0);
    expect(shown.at(-1)).toBe(255);
    expect(shown).toEqual(shown.toSorted((a, b) => a - b));
  });
});
