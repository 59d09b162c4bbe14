import { beforeAll, describe, expect, it } from 'vitest';
import { ReplayBuffer } from '../../../src/data/replayBuffer.ts';
import {
  AffineRewards,
  antmazeCql,
  minusOne,
  rangeScaled,
  returnsByCount,
  returnsByStates,
  rewardScale,
} from '../../../src/data/rewards.ts';
import { Rng } from '../../../src/random/rng.ts';
import { tf } from '../../../src/tensor/tf.ts';

beforeAll(async () => void (await tf.setBackend('cpu')));

describe('returns', () => {
  it('are cut at terminals and after so many rows; the incomplete end does not count', () => {
    const rewards = Float32Array.of(1, 2, 3, 4, 5, 6, 7);
    expect([...returnsByCount(rewards, [0, 1, 0, 0, 0, 0, 0], 3)]).toEqual([3, 12]);
  });

  it('are cut where an observation does not follow, and the end counts', () => {
    const observations = Float32Array.of(0, 1, 2, 9, 10);
    const next = Float32Array.of(1, 2, 3, 10, 11);
    expect([...returnsByStates(Float32Array.of(1, 1, 1, 5, 5), [0, 0, 0, 0, 0], observations, next)]).toEqual([3, 10]);
    expect([...returnsByStates(Float32Array.of(1, 1, 1, 5, 5), [1, 0, 0, 0, 0], observations, next)]).toEqual([
      1, 2, 10,
    ]);
  });
});

it('rewards are scaled by the range, shifted, or both', () => {
  expect([...rangeScaled(Float32Array.of(1, -3), Float64Array.of(-50, 150))]).toEqual([5, -15]);
  expect([...minusOne(Float32Array.of(0, 1))]).toEqual([-1, 0]);
  expect([...antmazeCql(Float32Array.of(0, 1))]).toEqual([-2, 2]);
});

describe('rewards of a run', () => {
  function collected(rewards: readonly number[]): ReplayBuffer {
    const replay = new ReplayBuffer({ capacity: 100, obsDim: 1, actDim: 1 });
    rewards.forEach((reward, t) => {
      const [observation, action] = [Float32Array.of(t), Float32Array.of(0)];
      const truncated = t >= 2 * (rewards.length / 2) - 2; // both worlds end with their last step
      const step = { world: t % 2, observation, action, reward, terminated: false, truncated };
      replay.add({ ...step, nextObservation: Float32Array.of(t + 1) });
    });
    return replay;
  }

  it('are scaled by the returns of its worlds, which lie interleaved', () => {
    const replay = collected([1, 10, 2, 20, 3, 30]); // returns 6 and 60
    const scaled = new AffineRewards(replay, rewardScale(replay.read(0, 6), 'range'));
    const { observations, rewards } = scaled.sample(50, new Rng(0));
    const known = [1, 10, 2, 20, 3, 30].map(r => (r * 1000) / 54);
    const [times, values] = [observations.dataSync(), rewards.dataSync()];
    for (let i = 0; i < 50; i++) expect(values[i]).toBeCloseTo(known[times[i]!]!, 2);
  });

  it('cannot be scaled where all episodes return the same', () => {
    const replay = collected([1, 1, 1, 1]);
    expect(() => rewardScale(replay.read(0, 4), 'range')).toThrow('every episode of it returns 2');
    expect(rewardScale(replay.read(0, 4), 'minus-one')).toEqual({ divisor: 1, factor: 1, shift: -1 });
  });
});
