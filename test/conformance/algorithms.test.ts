/** What every algorithm promises, whatever it is: run on each entry of the catalogue, with small networks. */
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { Algorithm, AlgorithmDefinition } from '../../src/algorithms/algorithm.ts';
import { algorithms } from '../../src/algorithms/catalog.ts';
import { resolve } from '../../src/config/hyperparameters.ts';
import type { Batch } from '../../src/data/batch.ts';
import { Rng } from '../../src/random/rng.ts';
import { StreamNoise } from '../../src/tensor/noise.ts';
import { type Tensor1D, type Tensor2D, tf } from '../../src/tensor/tf.ts';

const sizes = { obsDim: 5, actDim: 3 };

/** Small sizes for whatever of these hyperparameters the algorithm has. */
const small: Record<string, number> = {
  batchSize: 8,
  behaviorBatchSize: 8,
  hidden: 16,
  candidates: 4,
  targetCandidates: 2,
  evaluationCandidates: 4,
  diffusionSteps: 5,
  solverCalls: 4,
  replayCapacity: 100,
  targetPolicyAfter: 0,
  targetPolicyEvery: 1,
  averageAfter: 0,
  averageEvery: 1,
  uniformActions: 2,
};

function build(definition: AlgorithmDefinition, seed: number): Algorithm {
  const { params } = definition.hyperparameters;
  const known = Object.entries(small).filter(([key]) => key in params);
  const least = known.map(([key, value]) => [key, Math.max(value, params[key].min ?? value)]);
  const { values } = resolve(definition.hyperparameters, [{ source: 'test', values: Object.fromEntries(least) }]);
  return definition.create(sizes, values, new StreamNoise(new Rng(seed).split('initial')));
}

function batch(size: number, rng: Rng): Batch {
  const noise = new StreamNoise(rng);
  return {
    observations: noise.normal('s', [size, sizes.obsDim]) as Tensor2D,
    actions: noise.uniform('a', [size, sizes.actDim], -1, 1) as Tensor2D,
    rewards: noise.normal('r', [size]) as Tensor1D,
    terminated: noise.integers('d', size, 2).toFloat() as Tensor1D,
    nextObservations: noise.normal('s2', [size, sizes.obsDim]) as Tensor2D,
  };
}

/** `updates` updates of every stage, each with randomness of its own number. */
function train(algorithm: Algorithm, from: number, updates: number): void {
  for (const stage of algorithm.stages) {
    for (let i = from; i < from + updates; i++) {
      const rng = new Rng(99).split(`${stage.name} ${i}`);
      const draws = rng.split('draws');
      tf.tidy(() => {
        const metrics = stage.update(() => batch(stage.batchSize, draws), i / 10, new StreamNoise(rng));
        for (const [key, value] of Object.entries(metrics)) {
          const number = typeof value === 'number' ? value : value.dataSync()[0];
          expect(number, `${key} of update ${i}`).toSatisfy(Number.isFinite);
        }
      });
    }
  }
}

function snapshot(algorithm: Algorithm): Record<string, number[]> {
  return Object.fromEntries(Object.entries(algorithm.variables).map(([name, v]) => [name, Array.from(v.dataSync())]));
}

vi.setConfig({ testTimeout: 30_000 });

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe.each([...algorithms.values()])('$name', definition => {
  test('same seed, same numbers; another seed, others', () => {
    const [one, two, other] = [build(definition, 1), build(definition, 1), build(definition, 2)];
    for (const algorithm of [one, two, other]) train(algorithm, 0, 2);
    expect(snapshot(two)).toEqual(snapshot(one));
    expect(snapshot(other)).not.toEqual(snapshot(one));
  });

  test('updates move every network', () => {
    const algorithm = build(definition, 1);
    const before = snapshot(algorithm);
    train(algorithm, 0, 3);
    const after = snapshot(algorithm);
    const weights = Object.keys(before).filter(name => name.endsWith('weight') && !/Optimizer/.test(name));
    expect(weights.length).toBeGreaterThan(0);
    expect(weights.filter(name => before[name]!.every((x, i) => x === after[name]![i]))).toEqual([]);
  });

  test('variables hold everything: copied into a new one, it goes on with the same bits', () => {
    const [one, two] = [build(definition, 1), build(definition, 2)];
    train(one, 0, 2);
    for (const [name, variable] of Object.entries(two.variables)) variable.assign(one.variables[name]!);
    train(one, 2, 2);
    train(two, 2, 2);
    expect(snapshot(two)).toEqual(snapshot(one));
  });

  test('acts within [-1, 1], one row per observation, and leaks no tensor', () => {
    const algorithm = build(definition, 1);
    train(algorithm, 0, 1);
    const before = tf.memory().numTensors;
    for (const mode of ['explore', 'exploit'] as const) {
      const actions = tf.tidy(() => {
        const noise = new StreamNoise(new Rng(3));
        const acted = algorithm.act(noise.normal('s', [4, sizes.obsDim]) as Tensor2D, mode, noise);
        expect(acted.shape).toEqual([4, sizes.actDim]);
        return acted.dataSync();
      });
      for (const action of actions) expect(Math.abs(action)).toBeLessThanOrEqual(1);
    }
    train(algorithm, 1, 2);
    expect(tf.memory().numTensors).toBe(before);
  });
});
