/**
 * SRPO and IQL on a pointing task and what a clumsy demonstrator left of it: observation g in [−½, ½], reward
 * −10 (a − g)², one step an episode. The demonstrator's actions are g + 0.3 (½ + noise): he misses, and to one side.
 */
import { beforeAll, expect, test } from 'vitest';
import type { Algorithm, AlgorithmDefinition } from '../../src/algorithms/algorithm.ts';
import { iql } from '../../src/algorithms/iql.ts';
import { Srpo, srpo } from '../../src/algorithms/srpo.ts';
import { useBackend } from '../../src/backend/register.ts';
import { resolve } from '../../src/config/hyperparameters.ts';
import { ReplayBuffer } from '../../src/data/replayBuffer.ts';
import { Rng } from '../../src/random/rng.ts';
import { StreamNoise } from '../../src/tensor/noise.ts';
import { type Tensor2D, tf } from '../../src/tensor/tf.ts';

beforeAll(async () => void (await useBackend('auto')));

const MISS = 0.3;

function demonstrations(): ReplayBuffer {
  const rng = new Rng(4);
  const data = new ReplayBuffer({ capacity: 2000, obsDim: 1, actDim: 1 });
  for (let i = 0; i < 2000; i++) {
    const goal = rng.uniform(-0.5, 0.5);
    const action = Math.max(-1, Math.min(1, goal + MISS * (0.5 + rng.normal())));
    const observation = Float32Array.of(goal);
    const step = { world: 0, observation, nextObservation: observation, terminated: true, truncated: false };
    data.add({ ...step, action: Float32Array.of(action), reward: -10 * (action - goal) ** 2 });
  }
  return data;
}

function train(definition: AlgorithmDefinition, values: Record<string, unknown>): Algorithm {
  const small = { hidden: 32, batchSize: 64, policyLearningRate: 3e-3, criticLearningRate: 3e-3, tau: 0.05 };
  const { values: config } = resolve(definition.hyperparameters, [{ source: 'test', values: { ...small, ...values } }]);
  const algorithm = definition.create({ obsDim: 1, actDim: 1 }, config, new StreamNoise(new Rng(1)));
  const [data, draws, noise] = [demonstrations(), new Rng(2), new StreamNoise(new Rng(3))];
  for (const stage of algorithm.stages) {
    for (let i = 0; i < stage.steps!; i++)
      tf.tidy(() => void stage.update(() => data.sample(stage.batchSize, draws), i / stage.steps!, noise));
  }
  return algorithm;
}

const goals = Array.from({ length: 21 }, (_, i) => (i - 10) / 20);

/** Root mean square miss of the policy, and its mean to the demonstrator's side. */
function misses(algorithm: Algorithm): { rms: number; bias: number } {
  const actions = tf.tidy(() =>
    algorithm.act(tf.tensor2d(goals, [21, 1]) as Tensor2D, 'exploit', new StreamNoise(new Rng(0))).dataSync(),
  );
  const errors = goals.map((goal, i) => actions[i]! - goal);
  const mean = (values: number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
  return { rms: Math.sqrt(mean(errors.map(x => x * x))), bias: mean(errors) };
}

const stages = {
  ...{ behaviorSteps: 800, criticSteps: 500, policySteps: 400, behaviorBatchSize: 128, blocks: 1, dropout: 0 },
  ...{ behaviorLearningRate: 3e-3, subtractNoise: true },
};

test('srpo finds the goal where Q leads', { timeout: 300_000 }, () => {
  const { rms } = misses(train(srpo as AlgorithmDefinition, { ...stages, beta: 2 }));
  expect(rms).toBeLessThan(0.12); // the demonstrator's is 0.34
});

test('srpo stays with the demonstrator where the behaviour leads', { timeout: 300_000 }, () => {
  const { bias } = misses(train(srpo as AlgorithmDefinition, { ...stages, criticSteps: 0, beta: 0 }));
  expect(bias).toBeGreaterThan(0.5 * 0.5 * MISS); // the demonstrator's is 0.5 MISS
  expect(bias).toBeLessThan(1.5 * 0.5 * MISS);
});

test.each(['iql', 'srpo'])('iql (%s) does better than its demonstrator', { timeout: 300_000 }, variant => {
  const { rms } = misses(train(iql as AlgorithmDefinition, { trainSteps: 600, variant, temperature: 3 }));
  expect(rms).toBeLessThan(0.15);
});

test('a critic without a slope moves nothing: normalising its gradient gives zeros, not NaN', () => {
  const values = { hidden: 8, blocks: 1, normalizeQ: true };
  const config = resolve(srpo.hyperparameters, [{ source: 'test', values }]).values;
  const algorithm = new Srpo({ obsDim: 2, actDim: 2 }, config, new StreamNoise(new Rng(1)));
  for (const weight of Object.values(algorithm.critic.targetCritic.variables)) weight.assign(tf.zeros(weight.shape));
  const noise = new StreamNoise(new Rng(2));
  const { g } = algorithm.direction(noise.normal('s', [3, 2]) as Tensor2D, noise);
  expect(Array.from(g.dataSync())).toEqual([0, 0, 0, 0, 0, 0]);
});
