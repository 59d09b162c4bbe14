import type { Algorithm } from '../../algorithms/algorithm.ts';
import { algorithms } from '../../algorithms/catalog.ts';
import { Srpo } from '../../algorithms/srpo.ts';
import { SrpoTeacher } from '../../algorithms/srpoTeacher.ts';
import { AgentError } from '../../errors.ts';
import { restoreVariables } from '../../loops/variables.ts';
import { Rng } from '../../random/rng.ts';
import type { StoredTensor } from '../../runs/safetensors.ts';
import { type Noise, StreamNoise } from '../../tensor/noise.ts';
import { type Tensor2D, tf } from '../../tensor/tf.ts';

/** No Node here: this file runs in the page's worker. */

/** What of a run's configuration decides its policy. */
export interface PolicyConfig {
  readonly algo: string;
  readonly seed: number;
  readonly values: Readonly<Record<string, unknown>>;
}

/** A way to act: the trained policy, or the diffusion model it was taught by. */
export interface PageActor {
  readonly kind: 'diffusion' | 'direct';
  /** `QVPO, best of 32`, `SRPO, 1 pass`. */
  readonly label: string;
  /** Samples per action. */
  readonly candidates: number;
  /** The action in [-1, 1] for one observation, as in an evaluation. */
  act(observation: Float32Array, noise: Noise): Float32Array;
}

/** Candidates and calls of SRPO's teacher: IDQL's number in the mazes with the calls that keep its quality, and a cheap one. */
const TEACHERS = [
  { candidates: 32, calls: 15 },
  { candidates: 4, calls: 5 },
] as const;
const ONE_PASS = ['sac', 'td3', 'iql', 'td3-bc', 'bc', 'srpo'];

/**
 * A checkpoint's policy: the trainer's own algorithm with the weights put back, so that it computes what an evaluation
 * computes. Needs a running backend. Throws `AgentError` for an algorithm or weights that do not fit.
 */
export class PagePolicy {
  readonly actors: readonly PageActor[];
  readonly #algorithm: Algorithm;

  constructor(config: PolicyConfig, sizes: { readonly obsDim: number; readonly actDim: number }) {
    const definition = algorithms.get(config.algo);
    if (!definition) throw new AgentError(`this version has no algorithm "${config.algo}"`);
    const initial = new StreamNoise(new Rng(config.seed).split('initial weights'));
    const algorithm = definition.create(sizes, config.values as never, initial);
    this.#algorithm = algorithm;
    const own: PageActor = {
      ...described(config),
      act: (observation, noise) => actionOf(s => algorithm.act(s, 'exploit', noise), observation),
    };
    this.actors = algorithm instanceof Srpo ? [own, ...TEACHERS.map(options => teacher(algorithm, options))] : [own];
  }

  /** Takes over weights. An optimizer's state may be missing (exported policies have none): acting does not read it. */
  restore(tensors: ReadonlyMap<string, Pick<StoredTensor, 'shape' | 'data'>>): void {
    const wanted = Object.entries(this.#algorithm.variables).filter(
      ([name]) => tensors.has(name) || !isOptimizerState(name),
    );
    restoreVariables(Object.fromEntries(wanted), tensors);
  }

  dispose(): void {
    for (const variable of Object.values(this.#algorithm.variables)) variable.dispose();
  }
}

function described({ algo, values }: PolicyConfig): Pick<PageActor, 'kind' | 'label' | 'candidates'> {
  const name = algo.toUpperCase();
  if (ONE_PASS.includes(algo)) return { kind: 'direct', label: `${name}, 1 pass`, candidates: 1 };
  const named = values.evaluationCandidates ?? (algo === 'idql' ? values.candidates : 1);
  const candidates = typeof named === 'number' ? named : 1;
  return { kind: 'diffusion', label: `${name}, K = ${candidates}`, candidates };
}

function teacher(srpo: Srpo, options: (typeof TEACHERS)[number]): PageActor {
  const { candidates, calls } = options;
  const model = new SrpoTeacher(srpo, options);
  return {
    kind: 'diffusion',
    label: `diffusion teacher, K = ${candidates} × ${calls}`,
    candidates,
    act: (observation, noise) => actionOf(s => model.act(s, noise), observation),
  };
}

function actionOf(act: (s: Tensor2D) => Tensor2D, observation: Float32Array): Float32Array {
  return tf.tidy(() => new Float32Array(act(tf.tensor2d(observation, [1, observation.length])).dataSync()));
}

/** Whether a variable is needed to train only. */
export function isOptimizerState(name: string): boolean {
  return /[oO]ptimizer\//.test(name);
}
