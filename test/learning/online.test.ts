/** SAC and TD3 solve a reaching task: obs = [position, goal], action = step, reward = −|position − goal|. */
import { beforeAll, expect, test } from 'vitest';
import type { Algorithm, AlgorithmDefinition } from '../../src/algorithms/algorithm.ts';
import { sac } from '../../src/algorithms/sac.ts';
import { td3 } from '../../src/algorithms/td3.ts';
import { resolve } from '../../src/config/hyperparameters.ts';
import { ReplayBuffer } from '../../src/data/replayBuffer.ts';
import { Rng } from '../../src/random/rng.ts';
import { StreamNoise } from '../../src/tensor/noise.ts';
import { type Tensor2D, tf } from '../../src/tensor/tf.ts';

beforeAll(async () => void (await tf.setBackend('cpu')));

const HORIZON = 10;
const STEP = 0.4;
const reach = (rng: Rng) => Float32Array.of(rng.uniform(-1, 1), rng.uniform(-1, 1));
function move(observation: Float32Array, action: number): { next: Float32Array; reward: number } {
  const next = Float32Array.of(observation[0]! + STEP * action, observation[1]!);
  return { next, reward: -Math.abs(next[0]! - next[1]!) };
}

function actOn(algorithm: Algorithm, observation: Float32Array, mode: 'explore' | 'exploit', noise: StreamNoise) {
  return tf.tidy(() => algorithm.act(tf.tensor2d(observation, [1, 2]) as Tensor2D, mode, noise).dataSync()[0]!);
}

/** Mean return of one episode from each of 20 starts; a random policy gets about −9, an ideal one −1.2. */
function evaluate(algorithm: Algorithm): number {
  const rng = new Rng(99);
  const noise = new StreamNoise(new Rng(98));
  let total = 0;
  for (let episode = 0; episode < 20; episode++) {
    let observation: Float32Array = reach(rng);
    for (let t = 0; t < HORIZON; t++) {
      const { next, reward } = move(observation, actOn(algorithm, observation, 'exploit', noise));
      observation = next;
      total += reward / 20;
    }
  }
  return total;
}

function train(definition: AlgorithmDefinition, values: Record<string, unknown>, steps: number): Algorithm {
  const [rng, noise] = [new Rng(1), new StreamNoise(new Rng(2))];
  const small = { hidden: 32, batchSize: 64, discount: 0.9, policyLearningRate: 3e-3, criticLearningRate: 3e-3 };
  const { values: config } = resolve(definition.hyperparameters, [{ source: 'test', values: { ...small, ...values } }]);
  const algorithm = definition.create({ obsDim: 2, actDim: 1 }, config, noise);
  const replay = new ReplayBuffer({ capacity: 10_000, obsDim: 2, actDim: 1 });
  let observation: Float32Array = reach(rng);
  for (let t = 0; t < steps; t++) {
    const action = t < 200 ? rng.uniform(-1, 1) : actOn(algorithm, observation, 'explore', noise);
    const { next, reward } = move(observation, action);
    const truncated = t % HORIZON === HORIZON - 1;
    const stored = { world: 0, observation, action: Float32Array.of(action), reward, nextObservation: next };
    replay.add({ ...stored, terminated: false, truncated });
    observation = truncated ? reach(rng) : next;
    if (t >= 200) tf.tidy(() => void algorithm.stages[0]!.update(() => replay.sample(64, rng), t / steps, noise));
  }
  return algorithm;
}

test.each([
  ['sac', sac as AlgorithmDefinition, { entropyLearningRate: 3e-3, tau: 0.02 }, 1200],
  ['td3', td3 as AlgorithmDefinition, { tau: 0.02 }, 1200],
])('%s learns to reach', { timeout: 120_000 }, (_name, definition, values, steps) => {
  const algorithm = train(definition, values, steps);
  const before = tf.memory().numTensors;
  expect(evaluate(algorithm)).toBeGreaterThan(-1.8);
  expect(tf.memory().numTensors).toBe(before);
});
