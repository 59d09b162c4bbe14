import type { RngState } from '../random/rng.ts';
import { Rng } from '../random/rng.ts';
import type { Env, EnvState, EpisodeSummary, Glance, VectorStep } from './env.ts';

/** The arrays through which worlds are stepped; N worlds side by side. In shared memory if several threads work on them. */
export interface StepBuffers {
  readonly actions: Float32Array;
  readonly nextObservations: Float32Array;
  readonly observations: Float32Array;
  readonly rewards: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  readonly diverged: Uint8Array;
  /** Return and length of the episode that ended in this step; meaningful where terminated or truncated. */
  readonly episodeReturns: Float64Array;
  readonly episodeLengths: Float64Array;
}

/** Arrays for N worlds, in one buffer, shared between threads if `shared`. */
export function stepBuffers(numEnvs: number, obsDim: number, actDim: number, memory?: SharedArrayBuffer): StepBuffers {
  const buffer = memory ?? new ArrayBuffer(stepBytes(numEnvs, obsDim, actDim));
  let offset = 0;
  const take = (bytes: number) => {
    offset += bytes;
    return offset - bytes;
  };
  return {
    rewards: new Float64Array(buffer, take(8 * numEnvs), numEnvs),
    episodeReturns: new Float64Array(buffer, take(8 * numEnvs), numEnvs),
    episodeLengths: new Float64Array(buffer, take(8 * numEnvs), numEnvs),
    actions: new Float32Array(buffer, take(4 * numEnvs * actDim), numEnvs * actDim),
    nextObservations: new Float32Array(buffer, take(4 * numEnvs * obsDim), numEnvs * obsDim),
    observations: new Float32Array(buffer, take(4 * numEnvs * obsDim), numEnvs * obsDim),
    terminated: new Uint8Array(buffer, take(numEnvs), numEnvs),
    truncated: new Uint8Array(buffer, take(numEnvs), numEnvs),
    diverged: new Uint8Array(buffer, take(numEnvs), numEnvs),
  };
}

/** Bytes that `stepBuffers` lays out. */
export function stepBytes(numEnvs: number, obsDim: number, actDim: number): number {
  return numEnvs * (3 * 8 + 4 * actDim + 8 * obsDim + 3);
}

/** The stream of each world: they depend on the seed and the world's number alone, not on who steps it. */
export function worldStreams(seed: number, numEnvs: number): RngState[] {
  const rng = new Rng(seed);
  return Array.from({ length: numEnvs }, (_, i) => rng.split(`world ${i}`).state);
}

/** What the buffers hold after a step, copied. */
export function collect(buffers: StepBuffers): VectorStep {
  const { terminated, truncated, episodeReturns, episodeLengths } = buffers;
  const episodes: EpisodeSummary[] = [];
  for (let env = 0; env < terminated.length; env++) {
    if (!terminated[env] && !truncated[env]) continue;
    episodes.push({
      env,
      episodeReturn: episodeReturns[env]!,
      episodeLength: episodeLengths[env]!,
      terminated: terminated[env] === 1,
    });
  }
  return {
    nextObservations: Float32Array.from(buffers.nextObservations),
    observations: Float32Array.from(buffers.observations),
    rewards: Float64Array.from(buffers.rewards),
    terminated: Uint8Array.from(terminated),
    truncated: Uint8Array.from(truncated),
    diverged: Uint8Array.from(buffers.diverged),
    episodes,
  };
}

/** Some of the N worlds, stepped one after the other in this thread; finished episodes start anew. */
export class Worlds {
  readonly envs: readonly Env[];
  readonly #buffers: StepBuffers;
  readonly #first: number;
  readonly #obsDim: number;
  /** Each world's part of `buffers.actions`. */
  readonly #actions: readonly Float32Array[];
  readonly #returns: Float64Array;
  readonly #lengths: Float64Array;

  /** `envs` are worlds first, first + 1, … of the buffers. */
  constructor(envs: readonly Env[], buffers: StepBuffers, first = 0) {
    const { spec } = envs[0]!;
    this.envs = envs;
    this.#buffers = buffers;
    this.#first = first;
    this.#obsDim = spec.observationSpace.low.length;
    const actDim = spec.actionSpace.low.length;
    this.#actions = envs.map((_, k) => buffers.actions.subarray((first + k) * actDim, (first + k + 1) * actDim));
    this.#returns = new Float64Array(envs.length);
    this.#lengths = new Float64Array(envs.length);
  }

  reset(streams: readonly RngState[]): void {
    this.envs.forEach((env, k) => {
      this.#buffers.observations.set(env.reset(streams[k]!), (this.#first + k) * this.#obsDim);
    });
    this.#returns.fill(0);
    this.#lengths.fill(0);
  }

  /** Takes `buffers.actions`, fills the rest. `beat` is called after each world. */
  step(beat?: () => void): void {
    for (let k = 0; k < this.envs.length; k++) {
      this.#stepWorld(k);
      beat?.();
    }
  }

  save(): EnvState[] {
    return this.envs.map((env, k) => {
      const state = env.save();
      const episode = { episodeReturn: this.#returns[k]!, episodeLength: this.#lengths[k]! };
      return { ...state, scalars: { ...state.scalars, ...episode } };
    });
  }

  restore(states: readonly EnvState[]): void {
    this.envs.forEach((env, k) => {
      const state = states[k]!;
      this.#buffers.observations.set(env.restore(state), (this.#first + k) * this.#obsDim);
      this.#returns[k] = state.scalars.episodeReturn ?? 0;
      this.#lengths[k] = state.scalars.episodeLength ?? 0;
    });
  }

  qpos(): Float64Array[] {
    return this.envs.map(env => env.qpos?.() ?? new Float64Array(0));
  }

  /** `world`: counted over all workers. */
  glance(world: number): Glance | undefined {
    return this.envs[world - this.#first]?.glance?.();
  }

  close(): void {
    for (const env of this.envs) env.close();
  }

  #stepWorld(k: number): void {
    const b = this.#buffers;
    const world = this.#first + k;
    const env = this.envs[k]!;
    const at = world * this.#obsDim;
    const step = env.step(this.#actions[k]!);
    const over = step.terminated || step.truncated;
    b.nextObservations.set(step.observation, at);
    b.rewards[world] = step.reward;
    b.terminated[world] = step.terminated ? 1 : 0;
    b.truncated[world] = step.truncated ? 1 : 0;
    b.diverged[world] = step.info.diverged === 1 ? 1 : 0;
    this.#returns[k]! += step.reward;
    this.#lengths[k]! += 1;
    b.episodeReturns[world] = this.#returns[k]!;
    b.episodeLengths[world] = this.#lengths[k]!;
    if (over) {
      this.#returns[k] = 0;
      this.#lengths[k] = 0;
    }
    b.observations.set(over ? env.reset() : step.observation, at);
  }
}
