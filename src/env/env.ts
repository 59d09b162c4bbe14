import type { RngState } from '../random/rng.ts';

/** A box of real numbers; bounds are inclusive, ±Infinity where there is none. */
export interface Box {
  readonly low: Float64Array;
  readonly high: Float64Array;
}

export interface EnvSpec {
  /** As in the literature: `Hopper-v3`, `antmaze-large-play-v2`, `h1-walk-v0`. */
  readonly id: string;
  readonly observationSpace: Box;
  /** The environment's own bounds; `step` takes actions in [-1, 1], which are mapped to them. */
  readonly actionSpace: Box;
  /** Steps after which an episode is truncated. */
  readonly maxEpisodeSteps: number;
}

export interface Step {
  /** A fresh copy, never a view. */
  readonly observation: Float32Array;
  readonly reward: number;
  /** The MDP ended: do not bootstrap. */
  readonly terminated: boolean;
  /** The clock ended (or the simulator diverged): bootstrap. */
  readonly truncated: boolean;
  readonly info: Readonly<Record<string, number | readonly number[]>>;
}

/** One world, in process, synchronous. */
export interface Env {
  readonly spec: EnvSpec;
  /** Starts an episode. With a seed (or a stream's state) the random stream restarts from it; without, it goes on. */
  reset(seed?: number | RngState): Float32Array;
  /** `action` in [-1, 1], [actDim]; values beyond are clamped. Throws on NaN, a wrong size, or before the first reset. */
  step(action: Float32Array): Step;
  /** Everything `restore` needs to go on bit for bit: engine state, random stream, elapsed steps, last observation. */
  save(): EnvState;
  /** Returns the observation to act on. */
  restore(state: EnvState): Float32Array;
  /** Generalised positions of the simulated bodies, a copy: what a viewer needs to draw the moment. */
  qpos?(): Float64Array;
  /** The last step's reward by terms. */
  rewardTerms?(): Readonly<Record<string, number>>;
  glance?(): Glance;
  close(): void;
}

/** What a viewer shows of a world beside its pose: the last step's reward by terms, and where it touches. */
export interface Glance {
  readonly terms: Readonly<Record<string, number>>;
  /** Points and forces in world axes [n × 6], metres and newtons. */
  readonly contacts: Float32Array;
}

/** A saved environment: plain numbers, so it can be written into a checkpoint. */
export interface EnvState {
  readonly physics: Float64Array;
  readonly scalars: Readonly<Record<string, number>>;
  readonly rng: {
    readonly key: readonly [number, number];
    readonly counter: number;
  };
}

export interface EpisodeSummary {
  readonly env: number;
  /** Undiscounted sum of rewards. */
  readonly episodeReturn: number;
  readonly episodeLength: number;
  readonly terminated: boolean;
}

export interface VectorStep {
  /** True successors [N × obsDim]: what replay stores. */
  readonly nextObservations: Float32Array;
  /** Where to act next [N × obsDim]; differs only where an episode just reset. */
  readonly observations: Float32Array;
  readonly rewards: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  /** 1 where the simulation diverged: the episode counts as truncated and this step is no transition to store. */
  readonly diverged?: Uint8Array;
  /** Episodes that ended in this step. */
  readonly episodes: readonly EpisodeSummary[];
}

/** N worlds, anywhere, asynchronous: all that loops ever see. Resets finished episodes by itself. */
export interface VectorEnv {
  readonly spec: EnvSpec;
  readonly numEnvs: number;
  /** Starts N episodes; world i draws from its own stream of `seed`. Returns observations [N × obsDim]. */
  reset(seed: number): Promise<Float32Array>;
  /** `actions` [N × actDim] in [-1, 1]. */
  step(actions: Float32Array): Promise<VectorStep>;
  save(): Promise<readonly EnvState[]>;
  /** Continues from saved worlds; returns the observations [N × obsDim] to act on. */
  restore(states: readonly EnvState[]): Promise<Float32Array>;
  /** Positions of every world after the last step (of a finished episode: after its reset). */
  qpos?(): Promise<readonly Float64Array[]>;
  /** The last step's reward of world 0 by terms, where it lives in this thread. */
  rewardTerms?(): Readonly<Record<string, number>> | undefined;
  /** A closer look at one world; undefined where it cannot be looked at. */
  glance?(world: number): Promise<Glance | undefined>;
  close(): Promise<void>;
}
