import type { Tensor } from '../safetensors.ts';
import type { ScoreField } from '../worker/messages.ts';
import { clippedActor } from './clippedActor.ts';
import { foldBack, foldFront, linearOf, Mlp } from './mlp.ts';
import { betasOf, type Candidates, type Chain, chainFromBetas, clip, type Draw, timeFeatures } from './sampling.ts';
import { SdeModel, signalNoise } from './sdeModel.ts';

type Tensors = ReadonlyMap<string, Tensor>;
type Values = Readonly<Record<string, unknown>>;

export interface SampleRequest {
  readonly candidates: number;
  readonly noiseRatio?: number;
  readonly keepPaths?: boolean;
}

/** A way to act: many candidates through a chain, or one pass. */
export interface Actor {
  readonly kind: 'diffusion' | 'direct';
  /** `diffusion, K = 32`, `SRPO, 1 pass`: for the bars of time. */
  readonly label: string;
  readonly obsDim: number;
  readonly actDim: number;
  /** Samples the policy makes where it acts. */
  readonly candidates: number;
  sample(observation: Float32Array, request: SampleRequest, draw: Draw): Candidates;
  act(observation: Float32Array, draw: Draw): Float32Array;
  /** min(Q₁, Q₂) of any actions [n, A] at one observation; empty without a critic. */
  values(observation: Float32Array, actions: Float32Array): Float32Array;
}

/** Two critics of [s, a]. */
export class Critic {
  readonly q1: Mlp;
  readonly q2: Mlp;

  constructor(q1: Mlp, q2: Mlp) {
    this.q1 = q1;
    this.q2 = q2;
  }

  static from(tensors: Tensors, prefixes: readonly string[], activation: 'mish' | 'relu'): Critic | undefined {
    for (const prefix of prefixes) {
      const [q1, q2] = ['q1', 'q2'].map(name => Mlp.from(tensors, `${prefix}/${name}`, activation));
      if (q1 && q2) return new Critic(q1, q2);
    }
    return undefined;
  }

  /** Both values of K actions [K, A] at one observation. */
  both(observation: Float32Array, actions: Float32Array, rows: number): [Float32Array, Float32Array] {
    const of = (q: Mlp) => q.applyFolded(actions, rows, foldFront(q.layers[0]!, observation));
    return [of(this.q1), of(this.q2)];
  }
}

/** ε_θ(x, t, s) as a DDPM with a twin critic: QVPO, DIPO, QSM, EDP and its kin. */
export class DdpmActor implements Actor {
  readonly kind = 'diffusion';
  readonly label: string;
  readonly obsDim: number;
  readonly actDim: number;
  readonly candidates: number;
  readonly #body: Mlp;
  readonly #embeddings: readonly Float32Array[];
  readonly #chain: Chain;
  readonly #critic: Critic | undefined;

  constructor(
    body: Mlp,
    embeddings: readonly Float32Array[],
    chain: Chain,
    critic: Critic | undefined,
    candidates: number,
  ) {
    this.#body = body;
    this.#embeddings = embeddings;
    this.#chain = chain;
    this.#critic = critic;
    this.actDim = body.outputs;
    this.obsDim = body.inputs - this.actDim - embeddings[0]!.length;
    this.candidates = candidates;
    this.label = `diffusion, K = ${candidates}`;
  }

  sample(
    observation: Float32Array,
    { candidates: rows, noiseRatio = 1, keepPaths = true }: SampleRequest,
    draw: Draw,
  ): Candidates {
    const begun = performance.now();
    const { actDim } = this;
    const size = rows * actDim;
    const steps = this.#embeddings.length;
    const x = draw('initial', size);
    const noise = draw('steps', steps * size);
    const paths = new Float32Array(keepPaths ? (steps + 1) * size : 0);
    // The observation's part of the first layer is the same in every step: folded in once.
    const folded = foldBack(this.#body.layers[0]!, observation);
    if (keepPaths) paths.set(x);
    for (let t = steps - 1, call = 0; t >= 0; t--, call++) {
      const e = this.#body.applyFolded(x, rows, foldBack(folded, this.#embeddings[t]!));
      const { recip, recipm1, coef0, coefX, sigma } = this.#chain;
      for (let i = 0; i < size; i++) {
        const x0 = clip(recip[t]! * x[i]! - recipm1[t]! * e[i]!);
        x[i] = coef0[t]! * x0 + coefX[t]! * x[i]! + sigma[t]! * noiseRatio * noise[call * size + i]!;
      }
      if (keepPaths) paths.set(x, (call + 1) * size);
    }
    const actions = x.map(clip);
    if (keepPaths) paths.set(actions, steps * size);
    const levels = Array.from({ length: steps + 1 }, (_, i) => steps - i);
    return {
      ...judged(this.#critic, observation, actions, rows),
      candidates: rows,
      actDim,
      levels,
      paths,
      actions,
      milliseconds: performance.now() - begun,
    };
  }

  act(observation: Float32Array, draw: Draw): Float32Array {
    const { actions, chosen } = this.sample(observation, { candidates: this.candidates, keepPaths: false }, draw);
    return actions.slice(chosen * this.actDim, (chosen + 1) * this.actDim);
  }

  values(observation: Float32Array, actions: Float32Array): Float32Array {
    return judged(this.#critic, observation, actions, actions.length / this.actDim).q;
  }
}

/** min(Q₁, Q₂) of the candidates and the first of the largest. */
export function judged(critic: Critic | undefined, observation: Float32Array, actions: Float32Array, rows: number) {
  if (!critic) return { q: new Float32Array(0), disagreement: new Float32Array(0), chosen: 0 };
  const [q1, q2] = critic.both(observation, actions, rows);
  const q = q1.map((value, i) => Math.min(value, q2[i]!));
  const disagreement = q1.map((value, i) => Math.abs(value - q2[i]!));
  let chosen = 0;
  for (let i = 1; i < rows; i++) if (q[i]! > q[chosen]!) chosen = i;
  return { q, disagreement, chosen };
}

/** One pass: SRPO's policy, TD3's, the mean of SAC's. */
export class DirectActor implements Actor {
  readonly kind = 'direct';
  readonly label: string;
  readonly obsDim: number;
  readonly actDim: number;
  readonly candidates = 1;
  readonly #network: Mlp;

  constructor(network: Mlp, label: string, actDim = network.outputs) {
    this.#network = network;
    this.label = label;
    this.obsDim = network.inputs;
    this.actDim = actDim;
  }

  sample(observation: Float32Array): Candidates {
    const begun = performance.now();
    const actions = this.act(observation);
    return {
      candidates: 1,
      actDim: this.actDim,
      levels: [0],
      paths: actions,
      actions,
      q: new Float32Array(0),
      disagreement: new Float32Array(0),
      chosen: 0,
      milliseconds: performance.now() - begun,
    };
  }

  act(observation: Float32Array): Float32Array {
    return this.#network.apply(observation, 1).slice(0, this.actDim).map(clip);
  }

  values(): Float32Array {
    return new Float32Array(0);
  }
}

/**
 * The actors a checkpoint holds, the one that acts first; a distilled policy brings its teacher as the second. `undefined`
 * for an algorithm this page cannot run.
 */
export function actorsOf(algo: string, tensors: Tensors, values: Values, actDim: number): Actor[] | undefined {
  const number = (key: string, otherwise: number) =>
    typeof values[key] === 'number' ? (values[key] as number) : otherwise;
  const diffusion = clippedActor(algo, tensors, values) ?? ddpmOf(algo, tensors, values, number);
  if (diffusion) return [diffusion];
  const activation = 'relu';
  const policy = Mlp.from(tensors, 'policy', activation, algo === 'sac' ? 'linear' : 'tanh');
  const behavior = SdeModel.from(tensors, 'behavior');
  if (policy && behavior) {
    const critic = Critic.from(tensors, ['critic', 'critic/critic', 'critic/target', 'targetCritic'], 'relu');
    return [new DirectActor(policy, 'SRPO, 1 pass'), behavior.actor(critic, 32)];
  }
  if (!policy) return undefined;
  return [
    algo === 'sac'
      ? new DirectActor(squashed(policy, actDim), 'SAC, mean', actDim)
      : new DirectActor(policy, `${algo.toUpperCase()}, 1 pass`),
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

function ddpmOf(
  algo: string,
  tensors: Tensors,
  values: Values,
  number: (key: string, otherwise: number) => number,
): DdpmActor | undefined {
  const prefix = ['denoiser', 'policy', 'policy/policy', 'actor', 'network'].find(name =>
    linearOf(tensors, `${name}/body/0`),
  );
  if (!prefix) return undefined;
  const body = Mlp.from(tensors, `${prefix}/body`, 'mish')!;
  const timeMlp = Mlp.from(tensors, `${prefix}/timeMlp`, 'mish')!;
  const steps = number('diffusionSteps', 20);
  const edp = algo.startsWith('edp');
  const schedule = edp ? 'linear-scaled' : typeof values.schedule === 'string' ? values.schedule : 'cosine';
  const convention = edp ? 'edp' : 'ddpm';
  const embeddings = Array.from({ length: steps }, (_, t) =>
    timeMlp.apply(timeFeatures(t, timeMlp.inputs, convention), 1),
  );
  const critic = Critic.from(tensors, ['critic', 'critic/critic', 'targetCritic'], 'mish');
  const candidates = number('evaluationCandidates', 1);
  return new DdpmActor(body, embeddings, chainFromBetas(betasOf(schedule, steps)), critic, candidates);
}

/** What SRPO's policy is moved by: the behaviour's score and the critic's gradient. */
export interface ScoreModel {
  field(observation: Float32Array, actions: Float32Array, t: number, policyAction: Float32Array): ScoreField;
}

/** Half the width of the differences that stand for ∂Q/∂a: the critic is smooth at this scale, float32 is not far below. */
const H = 0.01;

export function scoreModelOf(algo: string, tensors: Tensors): ScoreModel | undefined {
  const behavior = algo === 'srpo' ? SdeModel.from(tensors, 'behavior') : undefined;
  const critic = Critic.from(tensors, ['targetCritic', 'critic/target', 'critic', 'critic/critic'], 'relu');
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
