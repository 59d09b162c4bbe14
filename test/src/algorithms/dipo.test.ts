import { beforeAll, expect, test } from 'vitest';
import { BestActions } from '../../../src/algorithms/bestActions.ts';
import { Dipo, hyperparameters } from '../../../src/algorithms/dipo.ts';
import { resolve } from '../../../src/config/hyperparameters.ts';
import { ReplayBuffer } from '../../../src/data/replayBuffer.ts';
import { Rng } from '../../../src/random/rng.ts';
import { StreamNoise } from '../../../src/tensor/noise.ts';
import { type Tensor2D, tf } from '../../../src/tensor/tf.ts';

beforeAll(async () => void (await tf.setBackend('cpu')));

const small = { hidden: 8, diffusionSteps: 4, replayCapacity: 6, batchSize: 5, actionSteps: 3 };
function build(values: Record<string, unknown> = {}): Dipo {
  const config = resolve(hyperparameters, [{ source: 'test', values: { ...small, ...values } }]).values;
  return new Dipo({ obsDim: 2, actDim: 2 }, config, new StreamNoise(new Rng(4)));
}

test('improvement climbs min Q, by at most the learning rate a step, within the bounds', () => {
  const dipo = build({ actionLearningRate: 0.03 });
  const noise = new StreamNoise(new Rng(5));
  const s = noise.normal('s', [5, 2]) as Tensor2D;
  const a = tf.clipByValue(noise.normal('a', [5, 2]), -1, 1) as Tensor2D;
  const improved = dipo.improve(s, a);
  const q = (actions: Tensor2D) => dipo.networks.critic.min(s, actions).sum().dataSync()[0]!;
  expect(q(improved)).toBeGreaterThan(q(a));
  const moved = improved.sub(a).abs().max().dataSync()[0]!;
  expect(moved).toBeGreaterThan(0.01);
  expect(moved).toBeLessThan(3 * 0.03 + 1e-4);
  expect(improved.abs().max().dataSync()[0]!).toBeLessThanOrEqual(1);
});

test('improved actions are kept by transition, forgotten when it is overwritten, and restored from variables', () => {
  const best = new BestActions(3, 1);
  best.write(Float64Array.of(0, 2), [0.5, 0.7]);
  expect([...best.read(Float64Array.of(0, 1, 2), [0, 0.1, 0])]).toEqual([0.5, 0.1, 0.7].map(Math.fround));
  expect([...best.read(Float64Array.of(3, 5), [0.2, 0.3])]).toEqual([0.2, 0.3].map(Math.fround)); // numbers 0, 2 are gone
  const other = new BestActions(3, 1);
  for (const [name, variable] of Object.entries(best.variables)) other.variables[name]!.assign(variable);
  expect([...other.read(Float64Array.of(2), [0])]).toEqual([Math.fround(0.7)]);
});

test('an update writes the improved actions of the transitions it drew, and leaks nothing', () => {
  const dipo = build();
  const replay = new ReplayBuffer({ capacity: 6, obsDim: 2, actDim: 2 });
  const rng = new Rng(7);
  const random = (n: number) => Float32Array.from({ length: n }, () => rng.uniform(-1, 1));
  for (let i = 0; i < 8; i++) {
    const step = { world: 0, reward: i, terminated: false, truncated: false };
    replay.add({ ...step, observation: random(2), action: random(2), nextObservation: random(2) });
  }
  const drawn = replay.sample(50, new Rng(1)).numbers!;
  expect(Math.min(...drawn)).toBe(2); // eight were added, six are held
  expect(Math.max(...drawn)).toBe(7);
  const noise = new StreamNoise(new Rng(8));
  const update = () => tf.tidy(() => void dipo.stages[0]!.update(() => replay.sample(5, rng), 0, noise));
  update();
  const tensors = tf.memory().numTensors;
  update();
  expect(tf.memory().numTensors).toBe(tensors);
  const kept = dipo.variables['bestActions/generations']!.dataSync();
  expect([...kept].some(generation => generation > 0)).toBe(true);
});
