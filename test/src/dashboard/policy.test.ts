import { beforeAll, describe, expect, it } from 'vitest';
import type { Algorithm, AlgorithmDefinition } from '../../../src/algorithms/algorithm.ts';
import { algorithms } from '../../../src/algorithms/catalog.ts';
import { qvpo } from '../../../src/algorithms/qvpo.ts';
import { sac } from '../../../src/algorithms/sac.ts';
import { type Srpo, srpo } from '../../../src/algorithms/srpo.ts';
import { SrpoTeacher } from '../../../src/algorithms/srpoTeacher.ts';
import { td3 } from '../../../src/algorithms/td3.ts';
import { resolve } from '../../../src/config/hyperparameters.ts';
import { actorsOf } from '../../../src/dashboard/web/policy/policy.ts';
import { type Draw, seededDraw } from '../../../src/dashboard/web/policy/sampling.ts';
import type { Tensor } from '../../../src/dashboard/web/safetensors.ts';
import { Rng } from '../../../src/random/rng.ts';
import { type Noise, StreamNoise } from '../../../src/tensor/noise.ts';
import { type Tensor2D, tf } from '../../../src/tensor/tf.ts';

const sizes = { obsDim: 11, actDim: 3 };

function build(definition: AlgorithmDefinition, overrides: Record<string, unknown>) {
  const { values } = resolve(definition.hyperparameters, [{ source: 'test', values: overrides }]);
  const algorithm = definition.create(sizes, values, new StreamNoise(new Rng(4)));
  return { algorithm, values: values as Record<string, unknown> };
}

function tensorsOf(algorithm: Algorithm): Map<string, Tensor> {
  return new Map(
    Object.entries(algorithm.variables).map(([name, variable]) => [
      name,
      { shape: variable.shape, data: Float32Array.from(variable.dataSync()) },
    ]),
  );
}

/** Hands the algorithm the very numbers that the page draws. */
function noiseFrom(draw: Draw): Noise {
  const rest = new StreamNoise(new Rng(9));
  const of = (name: string) =>
    name === 'teacher' || name.endsWith('/initial') ? 'initial' : name.endsWith('/steps') ? 'steps' : undefined;
  return {
    normal: (name, shape) => {
      const known = of(name);
      const count = shape.reduce((product, n) => product * n, 1);
      return known ? tf.tensor(draw(known, count), [...shape]) : rest.normal(name, shape);
    },
    uniform: (name, shape, low, high) => {
      const count = shape.reduce((product, n) => product * n, 1);
      return name === 'act/choice'
        ? tf.tensor(draw('choice', count, 'uniform'), [...shape])
        : rest.uniform(name, shape, low, high);
    },
    integers: (name, count, bound) => rest.integers(name, count, bound),
  };
}

const observations = Array.from({ length: 4 }, (_, seed) => {
  const rng = new Rng(seed + 20);
  return Float32Array.from({ length: sizes.obsDim }, () => rng.normal());
});

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('the policy as the page computes it', { timeout: 60_000 }, () => {
  it('QVPO: the same action as the algorithm itself from the same noise', () => {
    const { algorithm, values } = build(qvpo as AlgorithmDefinition, { hidden: 32, evaluationCandidates: 8 });
    const [actor] = actorsOf('qvpo', tensorsOf(algorithm), values, sizes.actDim)!;
    expect(actor).toMatchObject({ kind: 'diffusion', obsDim: 11, actDim: 3, candidates: 8 });
    for (const [seed, observation] of observations.entries()) {
      const own = actor!.act(observation, seededDraw(seed));
      const theirs = tf.tidy(() =>
        algorithm.act(tf.tensor2d(observation, [1, 11]) as Tensor2D, 'exploit', noiseFrom(seededDraw(seed))).dataSync(),
      );
      for (let i = 0; i < 3; i++) expect(Math.abs(own[i]! - theirs[i]!)).toBeLessThan(2e-5);
    }
  });

  it.each([
    ['idql', { hidden: 16, blocks: 2, candidates: 8 }],
    ['idql', { hidden: 16, blocks: 2, candidates: 4, diffusionSteps: 10, schedule: 'cosine' }],
    ['idql', { hidden: 16, blocks: 2, candidates: 4, diffusionSteps: 20, sampler: 'dpm' }],
    ['idql', { hidden: 16, blocks: 2, candidates: 4, sampler: 'dpm++' }],
    ['qsm', { hidden: 32 }],
    ['qvpo', { hidden: 32, evaluationCandidates: 8, sampler: 'dpm', solverCalls: 6 }],
    ['qvpo', { hidden: 32, evaluationCandidates: 8, sampler: 'dpm++' }],
    ['qvpo', { hidden: 32, evaluationCandidates: 8, noiseRatio: 0.5 }],
    ['qvpo', { hidden: 32, evaluationCandidates: 8, deterministicEvaluation: true }],
    ['dipo', { hidden: 32, diffusionSteps: 20 }],
    ['diffusion-ql', { hidden: 32, evaluationCandidates: 12 }],
    ['diffusion-ql', { hidden: 32, evaluationCandidates: 12, diffusionSteps: 20, sampler: 'dpm++' }],
    ['edp-td3', { hidden: 32 }],
    ['edp-crr', { hidden: 32, diffusionSteps: 100, sampler: 'ddpm', evaluationCandidates: 6 }],
    ['edp-iql', { hidden: 32, diffusionSteps: 100, sampler: 'dpm++' }],
  ])('%s %o: the same action as the algorithm itself from the same noise', (name, overrides) => {
    const { algorithm, values } = build(algorithms.get(name)!, overrides);
    const actors = actorsOf(name, tensorsOf(algorithm), values, sizes.actDim)!;
    const candidates = (name === 'idql' ? values.candidates : values.evaluationCandidates) ?? 1;
    expect(actors.map(({ kind, candidates }) => [kind, candidates])).toEqual([['diffusion', candidates]]);
    for (const [seed, observation] of observations.entries()) {
      const own = actors[0]!.act(observation, seededDraw(seed));
      const theirs = tf.tidy(() =>
        algorithm.act(tf.tensor2d(observation, [1, 11]) as Tensor2D, 'exploit', noiseFrom(seededDraw(seed))).dataSync(),
      );
      // The first step of DPM-Solver-3 weighs numbers by 300 that cancel, where no signal is left (the cosine schedule).
      const tolerance = name === 'qvpo' && values.sampler === 'dpm' ? 2e-3 : 2e-5;
      for (let i = 0; i < 3; i++) expect(Math.abs(own[i]! - theirs[i]!)).toBeLessThan(tolerance);
    }
    const sample = actors[0]!.sample(observations[0]!, { candidates: 16 }, seededDraw(1));
    const calls = Number(values.sampler && values.sampler !== 'ddpm' ? values.solverCalls : values.diffusionSteps);
    expect(sample.levels).toHaveLength(calls + 1); // what the policy goes through, be it chain or solver
    expect([sample.levels[0], sample.levels.at(-1)]).toEqual([values.diffusionSteps, 0]);
    expect([...sample.paths.subarray(0, 48)]).toEqual([...seededDraw(1)('initial', 48)]);
    expect([...sample.paths.subarray(-48)]).toEqual([...sample.actions]);
    const best = sample.q.indexOf(Math.max(...sample.q));
    if (!/edp|ql$/.test(name) || name === 'idql') expect(sample.chosen).toBe(best);
  });

  it('QVPO: paths begin with the noise and end with the actions, judged by both critics', () => {
    const { algorithm, values } = build(qvpo as AlgorithmDefinition, { hidden: 32 });
    const [actor] = actorsOf('qvpo', tensorsOf(algorithm), values, sizes.actDim)!;
    const sample = actor!.sample(observations[0]!, { candidates: 16 }, seededDraw(1));
    expect(sample.levels).toEqual(Array.from({ length: 21 }, (_, i) => 20 - i));
    expect(sample.paths.length).toBe(21 * 16 * 3);
    expect([...sample.paths.subarray(0, 48)]).toEqual([...seededDraw(1)('initial', 48)]);
    expect([...sample.paths.subarray(-48)]).toEqual([...sample.actions]);
    expect(sample.actions.every(a => Math.abs(a) <= 1)).toBe(true);
    expect(sample.q[sample.chosen]).toBe(Math.max(...sample.q));
    expect([...actor!.values(observations[0]!, sample.actions)]).toEqual([...sample.q]);
    expect(sample.disagreement.some(d => d > 0)).toBe(true);
  });

  it('SRPO: the student is one pass of the policy, the teacher samples the behaviour', () => {
    const { algorithm, values } = build(srpo as AlgorithmDefinition, { hidden: 16, blocks: 2 });
    const [student, teacher] = actorsOf('srpo', tensorsOf(algorithm), values, sizes.actDim)!;
    expect([student!.kind, teacher!.kind]).toEqual(['direct', 'diffusion']);
    for (const observation of observations) {
      const own = student!.act(observation, seededDraw(0));
      const theirs = tf.tidy(() =>
        algorithm.act(tf.tensor2d(observation, [1, 11]) as Tensor2D, 'exploit', new StreamNoise(new Rng(1))).dataSync(),
      );
      for (let i = 0; i < 3; i++) expect(Math.abs(own[i]! - theirs[i]!)).toBeLessThan(1e-5);
    }
    const model = new SrpoTeacher(algorithm as unknown as Srpo, { candidates: 32, calls: 15 });
    for (const [seed, observation] of observations.entries()) {
      const own = teacher!.act(observation, seededDraw(seed));
      const state = tf.tensor2d(observation, [1, 11]) as Tensor2D;
      const theirs = tf.tidy(() => model.act(state, noiseFrom(seededDraw(seed))).dataSync());
      for (let i = 0; i < 3; i++) expect(Math.abs(own[i]! - theirs[i]!)).toBeLessThan(2e-5);
    }
    const sample = teacher!.sample(observations[0]!, { candidates: 8 }, seededDraw(3));
    expect(sample.actions.every(a => Math.abs(a) <= 1)).toBe(true);
    expect(sample.levels[0]).toBeCloseTo(1, 3);
    expect(sample.levels.at(-1)).toBeCloseTo(0.001, 3);
  });

  it.each([
    ['td3', td3 as AlgorithmDefinition],
    ['sac', sac as AlgorithmDefinition],
  ])('%s: one pass, as evaluated', (name, definition) => {
    const { algorithm, values } = build(definition, { hidden: 16 });
    const [actor] = actorsOf(name, tensorsOf(algorithm), values, sizes.actDim)!;
    for (const observation of observations) {
      const own = actor!.act(observation, seededDraw(0));
      const theirs = tf.tidy(() =>
        algorithm.act(tf.tensor2d(observation, [1, 11]) as Tensor2D, 'exploit', new StreamNoise(new Rng(1))).dataSync(),
      );
      for (let i = 0; i < 3; i++) expect(Math.abs(own[i]! - theirs[i]!)).toBeLessThan(1e-5);
    }
  });

  it('is undefined for weights it cannot run', () => {
    expect(actorsOf('unknown', new Map(), {}, 3)).toBeUndefined();
  });
});
