import { hyperparameters, Qvpo } from '../algorithms/qvpo.ts';
import { resolve } from '../config/hyperparameters.ts';
import { ReplayBuffer } from '../data/replayBuffer.ts';
import { Rng } from '../random/rng.ts';
import { StreamNoise } from '../tensor/noise.ts';
import { type Tensor2D, tf } from '../tensor/tf.ts';
import { Breather } from './breather.ts';
import { mustBeFinite, readMetrics } from './readMetrics.ts';

export interface BanditOptions {
  /** Reward of an action (x, y). */
  readonly reward: (x: number, y: number) => number;
  /** Whether QVPO trains on uniform actions beside the chosen ones. */
  readonly entropy: boolean;
  readonly updates: number;
  readonly seed: number;
  /** Hyperparameters of QVPO, instead of those that suit a bandit. */
  readonly values?: Readonly<Record<string, unknown>>;
  /** After each update that changes the policy: its number and the loss. */
  readonly watch?: (update: number, loss: number) => void;
}

/**
 * Sizes that suit two dimensions and no observation. The better of only two samples is trained on: of more, the first
 * optimum that the policy comes near would win wherever it is among them, and the others starve. α falls from 1 (four
 * fifths of the weight on uniform actions) to 0.15 (three eighths), so that by the time the policy may gather it draws
 * from everywhere and the critic knows every optimum. Smaller networks or slower rates never tell four modes apart.
 */
const small = {
  hidden: 128,
  batchSize: 256,
  diffusionSteps: 10,
  candidates: 2,
  behaviorCandidates: 1,
  targetCandidates: 1,
  policyEvery: 2,
  policyLearningRate: 3e-3,
  criticLearningRate: 3e-3,
  uniformActions: 4,
  entropyWeight: 1,
  entropyWeightFloor: 0.15,
};
/** Actions taken before each update, and uniform ones before the first. */
const [PER_UPDATE, WARMUP] = [8, 4096];

/**
 * QVPO on a bandit with two-dimensional actions: every episode is one action. Returns `samples` actions [n, 2] of the
 * trained policy, single samples of the diffusion and not the best of several.
 */
export async function trainBandit(options: BanditOptions, samples: number): Promise<Float32Array> {
  const { reward, entropy, updates, seed, watch } = options;
  const root = new Rng(seed);
  const layers = [
    { source: 'bandit', values: entropy ? small : { ...small, uniformActions: 0 } },
    { source: 'call', values: options.values ?? {} },
  ];
  const { values } = resolve(hyperparameters, layers);
  const algorithm = new Qvpo({ obsDim: 1, actDim: 2 }, values, new StreamNoise(root.split('initial weights')));
  const replay = new ReplayBuffer({ capacity: WARMUP + PER_UPDATE * updates, obsDim: 1, actDim: 2 });
  const [warmup, draws] = [root.split('warm-up'), root.split('replay')];
  const [acting, training] = [new StreamNoise(root.split('act')), new StreamNoise(root.split('update'))];
  store(
    replay,
    Float32Array.from({ length: 2 * WARMUP }, () => warmup.uniform(-1, 1)),
    reward,
  );
  const breather = new Breather();
  for (let update = 0; update < updates; update++) {
    store(replay, act(algorithm, PER_UPDATE, acting), reward);
    const sample = () => replay.sample(values.batchSize, draws);
    const metrics = tf.tidy(() => readMetrics(algorithm.stages[0]!.update(sample, update / updates, training)));
    mustBeFinite(metrics, `update ${update + 1}`);
    const loss = metrics['policy/loss'];
    if (loss !== undefined) watch?.(update + 1, loss);
    await breather.breathe();
  }
  const actions = act(algorithm, samples, new StreamNoise(root.split('samples')));
  tf.dispose(algorithm.variables);
  return actions;
}

function act(algorithm: Qvpo, count: number, noise: StreamNoise): Float32Array {
  const chosen = tf.tidy(() => algorithm.act(tf.zeros([count, 1]) as Tensor2D, 'explore', noise).dataSync());
  return new Float32Array(chosen);
}

function store(replay: ReplayBuffer, actions: Float32Array, reward: (x: number, y: number) => number): void {
  const nothing = new Float32Array(1);
  for (let i = 0; i < actions.length; i += 2) {
    const action = actions.slice(i, i + 2);
    const step = { world: 0, observation: nothing, nextObservation: nothing, terminated: true, truncated: false };
    replay.add({ ...step, action, reward: reward(action[0]!, action[1]!) });
  }
}
