import type { Tensor } from '../safetensors.ts';
import { foldBack, foldFront, Mlp } from './mlp.ts';
import { type Actor, Critic, judged, type SampleRequest } from './policy.ts';
import { betasOf, type Candidates, clip, type Draw } from './sampling.ts';
import { fourierFeatures, SdeModel } from './sdeModel.ts';

type Tensors = ReadonlyMap<string, Tensor>;

/** ε of K noisy actions x [K, A] at diffusion step t and one observation. */
interface Denoiser {
  readonly obsDim: number;
  readonly actDim: number;
  predict(x: Float32Array, rows: number, t: number, observation: Float32Array): Float32Array;
}

/** What acts in IDQL (its average behaviour model) and in QSM (its score network), and how many candidates each draws. */
const PARTS: Readonly<Record<string, { denoiser: (tensors: Tensors) => Denoiser | undefined; candidates: string }>> = {
  idql: { denoiser: tensors => SdeModel.from(tensors, 'averageBehavior'), candidates: 'candidates' },
  qsm: { denoiser: fourierNetwork, candidates: '' },
};

/** IDQL's or QSM's policy; undefined for other algorithms and other weights. */
export function clippedActor(algo: string, tensors: Tensors, values: Readonly<Record<string, unknown>>) {
  const parts = PARTS[algo];
  const denoiser = parts?.denoiser(tensors);
  if (!parts || !denoiser) return undefined;
  const number = (key: string, otherwise: number) => {
    const value = values[key];
    return typeof value === 'number' ? value : otherwise;
  };
  const schedule = typeof values.schedule === 'string' ? values.schedule : 'vp';
  const chain = clippedChain(betasOf(schedule, number('diffusionSteps', 5)));
  const critic = Critic.from(tensors, ['targetCritic', 'critic'], 'relu');
  return new ClippedActor(denoiser, chain, critic, number(parts.candidates, 1));
}

interface ClippedChain {
  readonly steps: number;
  /** What is taken of ε, what the rest is divided by, and the deviation of the noise put in, per step. */
  readonly epsilon: Float64Array;
  readonly root: Float64Array;
  readonly sigma: Float64Array;
}

function clippedChain(betas: Float32Array): ClippedChain {
  let product = 1;
  const scale = Float32Array.from(betas, beta => {
    product *= Math.fround(1 - beta);
    return Math.sqrt(1 - Math.fround(product));
  });
  return {
    steps: betas.length,
    epsilon: Float64Array.from(betas, (beta, t) => beta / scale[t]!),
    root: Float64Array.from(betas, beta => Math.sqrt(1 - beta)),
    sigma: Float64Array.from(betas, (beta, t) => (t === 0 ? 0 : Math.sqrt(beta))),
  };
}

/**
 * ε_θ as a chain that clips x itself, with a twin critic that chooses (Hansen-Estruch et al. 2023, arXiv:2304.10573, and
 * Psenka et al. 2023, arXiv:2312.11752, by their codes): x ← clip((x − β_t/√(1 − ᾱ_t) ε)/√α_t + [t > 0] √β_t ξ, −1, 1).
 */
class ClippedActor implements Actor {
  readonly kind = 'diffusion';
  readonly label: string;
  readonly obsDim: number;
  readonly actDim: number;
  readonly candidates: number;
  readonly #denoiser: Denoiser;
  readonly #chain: ClippedChain;
  readonly #critic: Critic | undefined;

  constructor(denoiser: Denoiser, chain: ClippedChain, critic: Critic | undefined, candidates: number) {
    this.#denoiser = denoiser;
    this.#chain = chain;
    this.#critic = critic;
    this.obsDim = denoiser.obsDim;
    this.actDim = denoiser.actDim;
    this.candidates = candidates;
    this.label = `diffusion, K = ${candidates}`;
  }

  sample(
    observation: Float32Array,
    { candidates: rows, noiseRatio = 1, keepPaths = true }: SampleRequest,
    draw: Draw,
  ): Candidates {
    const begun = performance.now();
    const { steps, epsilon, root, sigma } = this.#chain;
    const size = rows * this.actDim;
    const x = draw('initial', size);
    const noise = draw('steps', steps * size);
    const paths = new Float32Array(keepPaths ? (steps + 1) * size : 0);
    if (keepPaths) paths.set(x);
    for (let t = steps - 1, call = 0; t >= 0; t--, call++) {
      const e = this.#denoiser.predict(x, rows, t, observation);
      for (let i = 0; i < size; i++) {
        const mean = (x[i]! - epsilon[t]! * e[i]!) / root[t]!;
        x[i] = clip(mean + sigma[t]! * noiseRatio * noise[call * size + i]!);
      }
      if (keepPaths) paths.set(x, (call + 1) * size);
    }
    return {
      ...judged(this.#critic, observation, x, rows),
      candidates: rows,
      actDim: this.actDim,
      levels: Array.from({ length: steps + 1 }, (_, i) => steps - i),
      paths,
      actions: x,
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
