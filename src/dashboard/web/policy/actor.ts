import type { Tensor } from '../safetensors.ts';
import { foldFront, Mlp } from './mlp.ts';
import { type Candidates, clip, type Draw } from './sampling.ts';
import type { Denoiser, Walk } from './walks.ts';

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

  static from(
    tensors: ReadonlyMap<string, Tensor>,
    prefixes: readonly string[],
    activation: 'mish' | 'relu',
  ): Critic | undefined {
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

export interface Acting {
  readonly candidates: number;
  /** Of the noise in each step: while it learns, and when it is evaluated. */
  readonly noiseRatio?: number;
  readonly evaluationNoiseRatio?: number;
  /** Which candidate acts: the best one, or one drawn with probability ∝ exp(min(Q₁, Q₂)). */
  readonly choice?: 'best' | 'drawn';
}

/** Many candidates through a chain or a solver, judged by a twin critic. */
export class DiffusionActor implements Actor {
  readonly kind = 'diffusion';
  readonly label: string;
  readonly candidates: number;
  readonly #denoiser: Denoiser;
  readonly #walk: Walk;
  readonly #critic: Critic | undefined;
  readonly #acting: Acting;

  constructor(denoiser: Denoiser, walk: Walk, critic: Critic | undefined, acting: Acting) {
    this.#denoiser = denoiser;
    this.#walk = walk;
    this.#critic = critic;
    this.#acting = acting;
    this.candidates = acting.candidates;
    this.label = `diffusion, K = ${acting.candidates}`;
  }

  get obsDim(): number {
    return this.#denoiser.obsDim;
  }

  get actDim(): number {
    return this.#denoiser.actDim;
  }

  sample(observation: Float32Array, request: SampleRequest, draw: Draw): Candidates {
    const { candidates: rows, noiseRatio = this.#acting.noiseRatio ?? 1, keepPaths = true } = request;
    const begun = performance.now();
    const { levels } = this.#walk;
    const size = rows * this.actDim;
    const paths = new Float32Array(keepPaths ? levels.length * size : 0);
    let level = 0;
    const visit = (x: Float32Array) => void (keepPaths && paths.set(x, level++ * size));
    const actions = this.#walk.run({ denoiser: this.#denoiser, observation, rows, noiseRatio, draw, visit }).map(clip);
    if (keepPaths) paths.set(actions, (levels.length - 1) * size);
    const drawn = this.#acting.choice === 'drawn' ? draw : undefined;
    const judgement = judged(this.#critic, observation, actions, rows, drawn);
    const { actDim } = this;
    return { ...judgement, candidates: rows, actDim, levels, paths, actions, milliseconds: performance.now() - begun };
  }

  act(observation: Float32Array, draw: Draw): Float32Array {
    const { candidates, noiseRatio, evaluationNoiseRatio = noiseRatio } = this.#acting;
    const request = { candidates, noiseRatio: evaluationNoiseRatio, keepPaths: false };
    const { actions, chosen } = this.sample(observation, request, draw);
    return actions.slice(chosen * this.actDim, (chosen + 1) * this.actDim);
  }

  values(observation: Float32Array, actions: Float32Array): Float32Array {
    return judged(this.#critic, observation, actions, actions.length / this.actDim).q;
  }
}

/** min(Q₁, Q₂) of the candidates and the first of the largest; with `draw` one drawn by Gumbel noise on them. */
function judged(
  critic: Critic | undefined,
  observation: Float32Array,
  actions: Float32Array,
  rows: number,
  draw?: Draw,
) {
  if (!critic) return { q: new Float32Array(0), disagreement: new Float32Array(0), chosen: 0 };
  const [q1, q2] = critic.both(observation, actions, rows);
  const q = q1.map((value, i) => Math.min(value, q2[i]!));
  const disagreement = q1.map((value, i) => Math.abs(value - q2[i]!));
  const gumbel = draw?.('choice', rows, 'uniform').map(u => -Math.log(-Math.log(Math.max(u, 1e-20))));
  const rank = gumbel ? q.map((value, i) => value + gumbel[i]!) : q;
  return { q, disagreement, chosen: rank.reduce((most, value, i) => (value > rank[most]! ? i : most), 0) };
}

/** One pass: SRPO's policy, TD3's, the mean of SAC's. */
export class DirectActor implements Actor {
  readonly kind = 'direct';
  readonly label: string;
  readonly obsDim: number;
  readonly actDim: number;
  readonly candidates = 1;
  readonly #network: Mlp;
  readonly #critic: Critic | undefined;

  constructor(network: Mlp, label: string, critic: Critic | undefined, actDim = network.outputs) {
    this.#network = network;
    this.#critic = critic;
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

  values(observation: Float32Array, actions: Float32Array): Float32Array {
    return judged(this.#critic, observation, actions, actions.length / this.actDim).q;
  }
}
