import { hyperparameters, Qvpo } from '../../src/algorithms/qvpo.ts';
import { resolve } from '../../src/config/hyperparameters.ts';
import type { GoldenCase } from './case.ts';
import { load, zeroNoise } from './networks.ts';

export function build(golden: GoldenCase, overrides: Record<string, unknown> = {}): Qvpo {
  const { obs, act, hidden } = golden.dims;
  const { values } = resolve(hyperparameters, [{ source: 'case', values: { hidden, ...overrides } }]);
  const algorithm = new Qvpo({ obsDim: obs, actDim: act }, values, zeroNoise);
  load(algorithm.networks.denoiser.variables, golden.params('denoiser'));
  if (!/02|03/.test(golden.kind)) load(algorithm.networks.critic.variables, golden.params('critic'));
  return algorithm;
}
