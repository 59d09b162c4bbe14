import type { Algorithm } from '../algorithms/algorithm.ts';
import type { ReplayBuffer } from '../data/replayBuffer.ts';
import type { EnvState, VectorEnv, VectorStep } from '../env/env.ts';
import type { RngState } from '../random/rng.ts';
import type { RunStore } from '../runs/runStore.ts';
import type { SavedMeans } from './means.ts';

/** When the loop does what, in environment steps. */
export interface OnlineSchedule {
  readonly steps: number;
  readonly warmupSteps: number;
  readonly updatesPerStep: number;
  readonly logEvery: number;
  readonly evalEvery: number;
  readonly evalEpisodes: number;
  readonly checkpointEvery: number;
}

/** A return and the step it was measured at. */
export interface Score {
  readonly step: number;
  readonly return: number;
  readonly returnStd: number;
  readonly length: number;
}

/** Whoever watches: the terminal, the dashboard, a recorder. None of them changes what is computed. */
export interface OnlineWatcher {
  /** A row of metrics.jsonl. */
  row?(step: number, values: Readonly<Record<string, number>>): void;
  evaluated?(score: Score, best: Score): void;
  saved?(step: number, seconds: number): void;
  restored?(step: number, damaged: readonly { step: number; reason: string }[]): void;
  /** After each step of the worlds: actions taken and what came of them. */
  stepped?(step: number, actions: Float32Array, result: VectorStep): void;
}

export interface OnlineRun {
  readonly algorithm: Algorithm;
  readonly env: VectorEnv;
  /** Worlds of its own for evaluations. */
  readonly evaluationEnv: VectorEnv;
  readonly replay: ReplayBuffer;
  readonly store: RunStore;
  readonly seed: number;
  readonly schedule: OnlineSchedule;
  /** True: go on from the last checkpoint, bit for bit. */
  readonly resume?: boolean;
  readonly watchers?: readonly OnlineWatcher[];
  /** Asked after every update; true saves and ends the loop. */
  readonly stopRequested?: () => boolean;
  /** Called before each step of the worlds: the moment at which hyperparameters may change. */
  readonly beforeStep?: (step: number) => void;
  /** Wishes from outside since the last call, fulfilled after this step. Neither changes what is learned. */
  readonly wishes?: () => { readonly evaluate: boolean; readonly checkpoint: boolean };
}

export interface TrainingResult {
  readonly finished: boolean;
  readonly step: number;
  readonly updates: number;
  readonly last: Score | undefined;
  readonly best: Score | undefined;
}

/** What a checkpoint holds beside tensors and replay. */
export interface SavedLoop {
  readonly step: number;
  readonly updates: number;
  readonly last: Score | null;
  readonly best: Score | null;
  readonly metrics: Readonly<Record<string, number>>;
  readonly rewards: SavedMeans;
  readonly observations: Float32Array;
  readonly streams: Readonly<Record<'warmup' | 'act' | 'replay' | 'update', RngState>>;
  readonly worlds: readonly EnvState[];
}
