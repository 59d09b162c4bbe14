import { describe, expect, it } from 'vitest';
import { packState, type StateTree, unpackState } from '../../../src/runs/stateTree.ts';

describe('packState', () => {
  it('brings back every kind of value through JSON, bit for bit', () => {
    const state: StateTree = {
      numbers: [0, -0, 1 / 3, Number.MAX_VALUE, 5e-324, Number.NaN, Infinity, -Infinity],
      arrays: { physics: Float64Array.of(0.1, -0, Number.NaN), flags: Uint8Array.of(1), empty: new Float32Array(0) },
      list: [{ rng: { key: [1, 4294967295], counter: 2 ** 52 } }, null, true, 'text'],
      left: undefined,
    };
    const { json, tensors } = packState(state);
    const back = unpackState(JSON.parse(JSON.stringify(json)), tensors) as typeof state;
    const { left, ...rest } = state;
    expect(left).toBeUndefined();
    expect(back).toEqual(rest);
    expect(Object.is((back.numbers as number[])[1], -0)).toBe(true);
    expect([...tensors.keys()]).toEqual(['arrays/physics', 'arrays/flags', 'arrays/empty']);
  });

  it('refuses what it cannot bring back', () => {
    expect(() => packState({ a: (() => 1) as never })).toThrow(/state a is function/);
    expect(() => packState({ a: { $number: 1 } })).toThrow(/reserved key \$number/);
    expect(() => unpackState({ $tensor: 'gone' }, new Map())).toThrow(/no array "gone"/);
  });
});
