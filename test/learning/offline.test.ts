/**
 * Offline algorithms on data of two kinds of actions: near −0.6 (reward 0) and near 0.6 (reward 1), a step each.
 * Cloning can do no better than the middle or a guess; everything with a critic has to find the better kind.
 */
import { beforeAll, expect, test } from 'vitest';
import type { AlgorithmDefinition } from '../../src/algorithms/algorithm.ts';
import { algorithms } from '../../src/algorithms/catalog.ts';
import { resolve } from '../../src/config/hyperparameters.ts';
import { ReplayBuffer } from '../../src/data/replayBuffer.ts';
import { Rng } from '../../src/random/rng.ts';
import { StreamNoise } from '../../src/tensor/noise.ts';
import { type Tensor2D, tf } from '../../src/tensor/tf.ts';

beforeAll(async () => void (await tf.setBackend('cpu')));

function twoKinds(): ReplayBuffer {
  const rng = new Rng(1);
  const replay = new ReplayBuffer({ capacity: 400, obsDim: 1, actDim: 1 });
  for (let i = 0; i < 400; i++) {
    const good = i % 2 === 0;
    const action = Float32Array.of((good ? 0.6 : -0.6) + 0.05 * rng.normal());
    const observation = Float32Array.of(rng.uniform(-1, 1));
    const ends = { terminated: true, truncated: false };
    replay.add({ world: 0, observation, action, reward: good ? 1 : 0, ...ends, nextObservation: observation });
  }
  return replay;
}

const small: Record<string, unknown> = {
  hidden: 16,
  batchSize: 32,
  diffusionSteps: 30,
  sampler: 'dpm',
  solverCalls: 6,
  candidates: 8,
  learningRate: 5e-3,
  criticLearningRate: 5e-3,
  policyLearningRate: 5e-3,
  behaviorLearningRate: 5e-3,
  targetPolicyAfter: 0,
  averageAfter: 0,
  behaviorTau: 0.05,
  tau: 0.05,
  blocks: 1,
  dropout: 0,
  rewardTransform: 'none',
};

/** Mean action over 40 observations. */
function trained(definition: AlgorithmDefinition, updates: number, own: Record<string, unknown>): number {
  const { params } = definition.hyperparameters;
  const known = Object.entries({ ...small, ...own }).filter(([key]) => key in params);
  const layer = { source: 'test', values: Object.fromEntries(known) };
  const [rng, noise, data] = [new Rng(2), new StreamNoise(new Rng(3)), twoKinds()];
  const algorithm = definition.create(
    { obsDim: 1, actDim: 1 },
    resolve(definition.hyperparameters, [layer]).values,
    noise,
  );
  algorithm.prepare?.(data);
  for (const stage of algorithm.stages) {
    for (let i = 0; i < updates; i++)
      tf.tidy(() => void stage.update(() => data.sample(stage.batchSize, rng), i / updates, noise));
  }
  const s = tf.linspace(-1, 1, 40).reshape([40, 1]) as Tensor2D;
  return tf.tidy(() => algorithm.act(s, 'exploit', noise).mean().dataSync()[0]!);
}

// biome-ignore format: a table reads by columns
test.each([
  ['diffusion-ql', 200, 0.3, { diffusionSteps: 5, sampler: 'ddpm' }],
  ['td3-bc',       200, 0.4, {}],
] as const)('%s prefers the better kind', { timeout: 300_000 }, (name, updates, least, own) => {
  expect(trained(algorithms.get(name)!, updates, own)).toBeGreaterThan(least);
});

test('bc takes the middle', { timeout: 100_000 }, () => {
  expect(Math.abs(trained(algorithms.get('bc')!, 200, {}))).toBeLessThan(0.2);
});
