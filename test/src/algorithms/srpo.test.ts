import { beforeAll, expect, test } from 'vitest';
import { hyperparameters, Srpo } from '../../../src/algorithms/srpo.ts';
import { resolve } from '../../../src/config/hyperparameters.ts';
import { Rng } from '../../../src/random/rng.ts';
import { StreamNoise } from '../../../src/tensor/noise.ts';
import { tf } from '../../../src/tensor/tf.ts';
import { twoTransitions } from '../../twoTransitions.ts';

beforeAll(async () => void (await tf.setBackend('cpu')));

/** How far the first update of a stage moves the last bias of the network it trains: Adam's first step is the rate. */
function firstMove(stage: string, network: string, progress: number, decay: boolean): number {
  const noise = new StreamNoise(new Rng(0));
  const config = resolve(hyperparameters, [{ source: 'test', values: { hidden: 8, decay } }]).values;
  const algorithm = new Srpo({ obsDim: 1, actDim: 1 }, config, noise);
  const read = () => algorithm.variables[network]!.dataSync()[0]!;
  const before = read();
  algorithm.stages.find(({ name }) => name === stage)!.update(twoTransitions, progress, noise);
  return Math.abs(read() - before);
}

test.each([
  ['behavior', 'behavior/out/bias'],
  ['critic', 'critic/q1/2/bias'],
  ['critic', 'value/2/bias'],
])('decay: the rate of the %s stage (%s) follows a cosine to 0', (stage, network) => {
  expect(firstMove(stage, network, 0, true)).toBeCloseTo(3e-4, 5);
  expect(firstMove(stage, network, 0.5, true)).toBeCloseTo(1.5e-4, 5);
  expect(firstMove(stage, network, 1, true)).toBe(0);
  expect(firstMove(stage, network, 1, false)).toBeCloseTo(3e-4, 5);
});
