import { expect, test } from 'vitest';
import { Means } from '../../../src/loops/means.ts';

test('means of what was added since they were last taken', () => {
  const means = new Means();
  means.add({ forward: 1, control: -0.5 });
  means.add({ forward: 3, control: -0.1 });
  expect(means.take('reward/')).toEqual({ 'reward/forward': 2, 'reward/control': -0.3 });
  means.add({ forward: 7, control: 0 });
  expect(means.take('reward/')).toEqual({ 'reward/forward': 7, 'reward/control': 0 });
  expect(means.take('reward/')).toEqual({});
});

test('a restored one goes on as if never interrupted', () => {
  const means = new Means();
  means.add({ forward: 0.1 });
  const restored = new Means();
  restored.restore(JSON.parse(JSON.stringify(means.state)));
  means.add({ forward: 0.2 });
  restored.add({ forward: 0.2 });
  expect(restored.take('')).toEqual(means.take(''));
});
