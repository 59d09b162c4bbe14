import { makeSchedule, type ScheduleName } from '../../../diffusion/schedules.ts';
import type { SamplerName } from '../../../diffusion/solverPlan.ts';
import type { Tensor } from '../safetensors.ts';
import type { ScoreField } from '../worker/messages.ts';
import { type Acting, type Actor, Critic, DiffusionActor, DirectActor } from './actor.ts';
import { foldBack, foldFront, linearOf, Mlp } from './mlp.ts';
import { timeFeatures } from './sampling.ts';
import { fourierFeatures, SdeModel, signalNoise } from './sdeModel.ts';
import { chainWalk, clippedWalk, type Denoiser, solverWalk, teacherWalk, type Walk } from './walks.ts';

type Tensors = ReadonlyMap<string, Tensor>;
type Values = Readonly<Record<string, unknown>>;

/** SRPO's teacher here as in IDQL: 32 candidates, 15 calls. */
const TEACHER = { candidates: 32, calls: 15 };

/** Where a twin critic's tensors lie, the slowly following one first. */
const TARGET_FIRST = ['targetCritic', 'critic/target', 'critic', 'critic/critic'];

/**
 * The actors a checkpoint holds, the one that acts first; a distilled policy brings its teacher as the second. `undefined`
 * for an algorithm this page cannot run.
 */
export function actorsOf(algo: string, tensors: Tensors, values: Values, actDim: number): Actor[] | undefined {
  const diffusion = diffusionOf(algo, tensors, values);
  if (diffusion) return [diffusion];
  const policy = Mlp.from(tensors, 'policy', 'relu', algo === 'sac' ? 'linear' : 'tanh');
  if (!policy) return undefined;
  const behavior = SdeModel.from(tensors, 'behavior');
  const critic = Critic.from(tensors, TARGET_FIRST, 'relu');
  if (behavior) {
    const teacher = new DiffusionActor(behavior, teacherWalk(TEACHER.calls), critic, TEACHER);
    return [new DirectActor(policy, 'SRPO, 1 pass', critic), teacher];
  }
  return [
    algo === 'sac'
      ? new DirectActor(squashed(policy, actDim), 'SAC, mean', critic, actDim)
      : new DirectActor(policy, `${algo.toUpperCase()}, 1 pass`, critic),
  ];
}

/** The mean of a squashed Gaussian: tanh of the first half of the outputs. */
function squashed(network: Mlp, actDim: number): Mlp {
  const last = network.layers.at(-1)!;
  if (last.outputs === actDim) return new Mlp(network.layers, network.activation, 'tanh');
  const weight = new Float32Array(last.inputs * actDim);
  for (let i = 0; i < last.inputs; i++)
    weight.set(last.weight.subarray(i * last.outputs, i * last.outputs + actDim), i * actDim);
  const mean = { inputs: last.inputs, outputs: actDim, weight, bias: last.bias.slice(0, actDim) };
  return new Mlp([...network.layers.slice(0, -1), mean], network.activation, 'tanh');
}

/** What acts, and which critic judges: IDQL's average behaviour model, QSM's score network, a noise network otherwise. */
function diffusionOf(algo: string, tensors: Tensors, values: Values): DiffusionActor | undefined {
  const clipped = algo === 'idql' || algo === 'qsm';
  const denoiser =
    algo === 'idql'
      ? SdeModel.from(tensors, 'averageBehavior')
      : algo === 'qsm'
        ? fourierNetwork(tensors)
        : noiseNetwork(algo, tensors);
  if (!denoiser) return undefined;
  const target = clipped || algo === 'diffusion-ql';
  const critics = ['critic', 'critic/critic', 'targetCritic'];
  const critic = Critic.from(tensors, target ? critics.toReversed() : critics, clipped ? 'relu' : 'mish');
  return new DiffusionActor(denoiser, walkOf(algo, values, clipped), critic, actingOf(algo, values));
}

function walkOf(algo: string, values: Values, clipped: boolean): Walk {
  const { sampler = 'ddpm', diffusionSteps, solverCalls, schedule: own } = values;
  const edp = algo.startsWith('edp');
  const otherwise = edp ? 'linear-scaled' : clipped || algo === 'diffusion-ql' ? 'vp' : 'cosine';
  const name = (typeof own === 'string' ? own : otherwise) as ScheduleName;
  const steps = Number(diffusionSteps ?? 20);
  if (sampler === 'ddpm') return clipped ? clippedWalk(name, steps) : chainWalk(name, steps);
  const solver = sampler as Exclude<SamplerName, 'ddpm'>;
  return solverWalk(solver, makeSchedule(name, steps), Number(solverCalls), clipped ? 'x0' : 'epsilon');
}

function actingOf(algo: string, values: Values): Acting {
  const { noiseRatio, evaluationCandidates, candidates, deterministicEvaluation } = values;
  return {
    candidates: Number((algo === 'idql' ? candidates : evaluationCandidates) ?? 1),
    noiseRatio: Number(noiseRatio ?? 1),
    evaluationNoiseRatio: algo === 'dipo' || deterministicEvaluation === true ? 0 : Number(noiseRatio ?? 1),
    choice: algo.startsWith('edp') || algo === 'diffusion-ql' ? 'drawn' : 'best',
  };
}

/** ε_θ of QVPO, DIPO, Diffusion-QL and EDP: an MLP on [x, embedding of t, s]. */
function noiseNetwork(algo: string, tensors: Tensors): Denoiser | undefined {
  const prefix = ['denoiser', 'policy'].find(name => linearOf(tensors, `${name}/body/0`));
  const body = prefix && Mlp.from(tensors, `${prefix}/body`, 'mish');
  const timeMlp = prefix && Mlp.from(tensors, `${prefix}/timeMlp`, 'mish');
  if (!body || !timeMlp) return undefined;
  const convention = algo.startsWith('edp') ? 'edp' : 'ddpm';
  const embeddings = new Map<number, Float32Array>();
  let [last, folded] = [undefined as Float32Array | undefined, body.layers[0]!];
  return {
    obsDim: body.inputs - body.outputs - timeMlp.outputs,
    actDim: body.outputs,
    predict(x, rows, t, observation) {
      // The observation's part of the first layer is the same in every step: folded in once.
      if (observation !== last) folded = foldBack(body.layers[0]!, observation);
      last = observation;
      const e = embeddings.get(t) ?? timeMlp.apply(timeFeatures(t, timeMlp.inputs, convention), 1);
      embeddings.set(t, e);
      return body.applyFolded(x, rows, foldBack(folded, e));
    },
  };
}

/** QSM's network: learned Fourier features of the step → two layers → e; an MLP on [s, x, e]. */
function fourierNetwork(tensors: Tensors): Denoiser | undefined {
  const frequencies = tensors.get('score/fourier/W')?.data as Float32Array | undefined;
  const time = Mlp.from(tensors, 'score/time', 'mish');
  const body = Mlp.from(tensors, 'score/body', 'mish');
  if (!frequencies || !time || !body) return undefined;
  return {
    obsDim: body.inputs - body.outputs - time.outputs,
    actDim: body.outputs,
    predict(x, rows, t, observation) {
      const first = foldFront(body.layers[0]!, observation);
      return body.applyFolded(x, rows, foldBack(first, time.apply(fourierFeatures(t, frequencies), 1)));
    },
  };
}

/** What SRPO's policy is moved by: the behaviour's score and the critic's gradient. */
export interface ScoreModel {
  field(observation: Float32Array, actions: Float32Array, t: number, policyAction: Float32Array): ScoreField;
}

/** Half the width of the differences that stand for ∂Q/∂a: the critic is smooth at this scale, float32 is not far below. */
const H = 0.01;

export function scoreModelOf(algo: string, tensors: Tensors): ScoreModel | undefined {
  const behavior = algo === 'srpo' ? SdeModel.from(tensors, 'behavior') : undefined;
  const critic = Critic.from(tensors, TARGET_FIRST, 'relu');
  if (!behavior || !critic) return undefined;
  const { actDim } = behavior;
  const score = (actions: Float32Array, t: number, observation: Float32Array) => {
    const { sigma } = signalNoise(t);
    return behavior.predict(actions, actions.length / actDim, t, observation).map(e => -e / sigma);
  };
  const gradient = (action: Float32Array, observation: Float32Array) => {
    const probes = new Float32Array(2 * actDim * actDim);
    for (let row = 0; row < 2 * actDim; row++) {
      probes.set(action, row * actDim);
      probes[row * actDim + (row >> 1)]! += row % 2 ? -H : H;
    }
    const [q1, q2] = critic.both(observation, probes, 2 * actDim);
    return Float32Array.from({ length: actDim }, (_, d) => {
      const mean = (row: number) => 0.5 * (q1[row]! + q2[row]!);
      return (mean(2 * d) - mean(2 * d + 1)) / (2 * H);
    });
  };
  return {
    field: (observation, actions, t, action) => ({
      score: score(actions, t, observation),
      action,
      own: score(action, t, observation),
      gradient: gradient(action, observation),
    }),
  };
}
