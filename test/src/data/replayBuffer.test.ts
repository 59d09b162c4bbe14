import { describe, expect, it } from 'vitest';
import { ReplayBuffer, replayBytes } from '../../../src/data/replayBuffer.ts';
import { Rng } from '../../../src/random/rng.ts';
import { tf } from '../../../src/tensor/tf.ts';

const OBS = 3;
const ACT = 2;

/** Transition t, recognisable in every number. */
function transition(t: number, change: { terminated?: boolean; truncated?: boolean } = {}) {
  return {
    world: t % 4,
    observation: Float32Array.of(t, t + 0.25, -t),
    action: Float32Array.of(Math.fround(t / 1e6), 0.5),
    reward: t * 2,
    terminated: t % 3 === 0,
    truncated: t % 5 === 0,
    nextObservation: Float32Array.of(t + 0.5, t, 7),
    ...change,
  };
}

function filled(count: number, capacity: number, timeLimit?: 'bootstrap' | 'terminal') {
  const replay = new ReplayBuffer({ capacity, obsDim: OBS, actDim: ACT, timeLimit });
  for (let t = 0; t < count; t++) replay.add(transition(t));
  return replay;
}

const draw = (replay: ReplayBuffer, size: number, seed: number) =>
  tf.tidy(() => {
    const batch = replay.sample(size, new Rng(seed));
    return Object.fromEntries(
      Object.entries(batch).map(([key, value]) => [key, [...('dataSync' in value ? value.dataSync() : value)]]),
    );
  });

describe('ReplayBuffer', () => {
  it('returns rows that belong together, uniformly over what it holds', () => {
    const replay = filled(40_000, 20_000); // spans chunks, overwritten once around
    const batch = draw(replay, 20_000, 3);
    const counts = new Int32Array(20);
    for (let i = 0; i < 20_000; i++) {
      const t = batch.observations![i * OBS]!;
      expect(t).toBeGreaterThanOrEqual(20_000);
      const { observation, action, nextObservation, reward, terminated } = transition(t);
      expect(batch.observations!.slice(i * OBS, i * OBS + OBS)).toEqual([...observation]);
      expect(batch.nextObservations!.slice(i * OBS, i * OBS + OBS)).toEqual([...nextObservation]);
      expect(batch.actions!.slice(i * ACT, i * ACT + ACT)).toEqual([...action]);
      expect(batch.rewards![i]).toBe(reward);
      expect(batch.terminated![i]).toBe(terminated ? 1 : 0);
      counts[Math.floor((t - 20_000) / 1000)]!++;
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(5 * Math.sqrt(950)); // five standard deviations
  });

  it('bootstraps through a time limit by default and stops there when asked to', () => {
    for (const [timeLimit, expected] of [
      ['bootstrap', 0],
      ['terminal', 1],
    ] as const) {
      const replay = new ReplayBuffer({ capacity: 4, obsDim: OBS, actDim: ACT, timeLimit });
      replay.add(transition(1, { terminated: false, truncated: true }));
      expect(draw(replay, 1, 0).terminated).toEqual([expected]);
      replay.add(transition(2, { terminated: true, truncated: true }));
      expect(draw(replay, 50, 0).terminated).toContain(1);
    }
  });

  it('draws the same with the same stream, and leaks no tensor', () => {
    const replay = filled(100, 64);
    const before = tf.memory().numTensors;
    expect(draw(replay, 32, 5)).toEqual(draw(replay, 32, 5));
    expect(draw(replay, 32, 5)).not.toEqual(draw(replay, 32, 6));
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each([
    [10, 64],
    [64, 64],
    [1000, 64],
    [40_000, 33_000],
  ])('%d transitions in %d slots: read and append rebuild it, same draws', (count, capacity) => {
    const replay = filled(count, capacity);
    const again = new ReplayBuffer({ capacity, obsDim: OBS, actDim: ACT });
    let start = count - replay.size;
    for (let part = 1; start < count; start += part, part = part * 3 + 1) {
      part = Math.min(part, count - start);
      again.append(start, replay.read(start, part));
    }
    again.clear();
    expect([again.total, again.size]).toEqual([0, 0]);
    again.append(count - replay.size, replay.read(count - replay.size, replay.size));
    expect([again.total, again.size]).toEqual([replay.total, replay.size]);
    expect(draw(again, 200, 9)).toEqual(draw(replay, 200, 9));
    for (let t = count; t < count + 50; t++) for (const buffer of [replay, again]) buffer.add(transition(t));
    expect(draw(again, 200, 9)).toEqual(draw(replay, 200, 9));
  });

  it.each([
    ['observation', { observation: Float32Array.of(1, Number.NaN, 0) }, /observation\[1\] is NaN/],
    ['action', { action: Float32Array.of(Infinity, 0) }, /action\[0\] is Infinity/],
    ['successor', { nextObservation: Float32Array.of(0, 0, -Infinity) }, /nextObservation\[2\] is -Infinity/],
    ['reward', { reward: Number.NaN }, /reward NaN of world 1/],
    ['reward beyond float32', { reward: 1e39 }, /reward 1e\+39/],
    ['size', { action: Float32Array.of(1) }, /action has 1 numbers, the replay stores 2/],
  ])('takes nothing of a transition with a bad %s', (_what, change, message) => {
    const replay = filled(1, 8);
    expect(() => replay.add({ ...transition(1), ...change })).toThrow(message);
    expect(replay.total).toBe(1);
    expect(replay.read(0, 1).rewards).toEqual(Float32Array.of(0));
  });

  it('refuses to read what it no longer holds, to append out of order or other columns', () => {
    const replay = filled(20, 8);
    expect(() => replay.read(11, 2)).toThrow(/transitions 11 to 13 of 12 to 20/);
    expect(() => replay.read(19, 2)).toThrow(RangeError);
    const part = replay.read(12, 2);
    expect(() => replay.append(5, part)).toThrow(/5 does not follow 20/);
    const { flags, ...rest } = part;
    expect(() => replay.append(20, rest)).toThrow(/column flags of stored transitions has no numbers of 2/);
    expect(() => replay.append(20, { ...part, flags: flags.subarray(1) })).toThrow(/flags .* 1 numbers of 2/);
    expect(replay.total).toBe(20);
    expect(() => draw(new ReplayBuffer({ capacity: 1, obsDim: 1, actDim: 1 }), 1, 0)).toThrow(/empty/);
  });

  it('takes memory as it fills, and in the end what was computed', () => {
    expect(replayBytes(1e6, 376, 17)).toBe(3_085_000_000);
    const before = process.memoryUsage().arrayBuffers;
    const replay = new ReplayBuffer({ capacity: 1e6, obsDim: 376, actDim: 17 });
    replay.add({
      ...transition(0),
      observation: new Float32Array(376),
      nextObservation: new Float32Array(376),
      action: new Float32Array(17),
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(60e6);
  });
});
