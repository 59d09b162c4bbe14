import { type Dashboard, startDashboard } from '../../dashboard/child.ts';
import type { VectorEnv, VectorStep } from '../../env/env.ts';
import { AgentError } from '../../errors.ts';
import type { OfflineWatcher } from '../../loops/offline.ts';
import type { OnlineWatcher } from '../../loops/onlineRun.ts';
import { recordEpisode } from '../../runs/episodes.ts';
import type { RunStore } from '../../runs/runStore.ts';
import { Steering } from '../train/steering.ts';
import { Feed } from './feed.ts';

/** A training episode is recorded at most so often. */
const RECORD_MS = 20_000;

/** The viewer of a run: its page, and what may be done to the training there. */
export interface Viewing {
  readonly dashboard?: Dashboard;
  readonly steering?: Steering;
  /** Why there is no viewer although one was to be: training goes on without. */
  readonly problem?: string;
  close(): Promise<void>;
}

export interface Watching extends Viewing {
  /** The same worlds, watched: nothing that is computed changes. */
  readonly env: VectorEnv;
  readonly evaluationEnv: VectorEnv;
  readonly watcher: OnlineWatcher & OfflineWatcher;
}

export interface WatchOptions {
  /** `[HOST:]PORT`, or `off`; without one 127.0.0.1:7878 or any free port. */
  readonly address?: string;
  readonly control?: boolean;
  /** Whether the run is to stop: a paused training must not sleep through Ctrl-C. */
  readonly stopped?: () => boolean;
  readonly allowedHosts?: readonly string[];
}

/** Starts the viewer of a run, unless it is off: curves and figures need no more than the run's directory. */
export async function view(store: RunStore, options: WatchOptions): Promise<Viewing> {
  const { dashboard, problem } = options.address === 'off' ? {} : await start(store, options);
  const steering = dashboard && options.control ? new Steering(store, dashboard) : undefined;
  return { dashboard, problem, steering, close: async () => dashboard?.close() };
}

/**
 * Starts the viewer of a run (unless it is off) and lets it see the worlds: frames while it takes them, the first episode
 * of every evaluation, a training episode now and then.
 */
export async function watch(
  store: RunStore,
  parts: { readonly env: VectorEnv; readonly evaluationEnv: VectorEnv },
  options: WatchOptions,
): Promise<Watching> {
  const viewing = await view(store, options);
  const { dashboard, steering } = viewing;
  const folder = store.path('episodes');
  let trainingStep = 0;
  const evaluation = new Recorder();
  const training = new Recorder();
  const saving: Promise<unknown>[] = [];
  const save = (recorder: Recorder, kind: 'training' | 'evaluation', step: number) => {
    const episode = recorder.take();
    if (episode) saving.push(recordEpisode(folder, { ...episode, step, kind, index: 0 }));
  };
  const feed = dashboard && new Feed(dashboard, store);
  let nextRecord = 0;
  const env = observed(parts.env, {
    reset: () => {},
    stepped: async (actions, result) => {
      trainingStep += parts.env.numEnvs;
      if (await training.stepped(parts.env, actions, result)) save(training, 'training', trainingStep);
      if (result.episodes.some(({ env: world }) => world === 0) && Date.now() >= nextRecord) {
        nextRecord = Date.now() + RECORD_MS;
        await training.begin(parts.env);
      }
      await feed?.stepped(parts.env, trainingStep, result);
      await steering?.gate(trainingStep, options.stopped ?? (() => false));
    },
  });
  const evaluationEnv = observed(parts.evaluationEnv, {
    reset: () => evaluation.begin(parts.evaluationEnv),
    stepped: async (actions, result) => {
      await evaluation.stepped(parts.evaluationEnv, actions, result);
      // Where nothing trains in worlds, evaluations are what there is to see live.
      if (parts.env === parts.evaluationEnv) await feed?.stepped(parts.evaluationEnv, trainingStep, result);
    },
  });
  const watcher: Watching['watcher'] = {
    stepped: step => {
      trainingStep = step;
    },
    updated: step => {
      trainingStep = step;
    },
    restored: step => {
      trainingStep = step;
    },
    evaluated: score => save(evaluation, 'evaluation', score.step),
  };
  return {
    ...viewing,
    env,
    evaluationEnv,
    watcher,
    close: async () => {
      await Promise.all(saving);
      await viewing.close();
    },
  };
}

/** An address asked for must work; the usual one may be taken, and then any port will do. */
async function start(
  store: RunStore,
  { address, control = false, allowedHosts }: WatchOptions,
): Promise<{ dashboard?: Dashboard; problem?: string }> {
  const options = { runDir: store.directory, control, allowedHosts };
  if (address !== undefined) return { dashboard: await startDashboard({ ...options, address }) };
  let problem = '';
  for (const port of ['7878', '0']) {
    try {
      return { dashboard: await startDashboard({ ...options, address: port }) };
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      problem = error.message;
    }
  }
  return { problem };
}

/** Worlds that tell of every step before the loop sees it. */
function observed(
  env: VectorEnv,
  listener: { reset(): void | Promise<void>; stepped(actions: Float32Array, result: VectorStep): Promise<void> },
): VectorEnv {
  return {
    spec: env.spec,
    numEnvs: env.numEnvs,
    reset: async seed => {
      const observations = await env.reset(seed);
      await listener.reset();
      return observations;
    },
    step: async actions => {
      const result = await env.step(actions);
      await listener.stepped(actions, result);
      return result;
    },
    save: () => env.save(),
    restore: states => env.restore(states),
    qpos: env.qpos && (() => env.qpos!()),
    rewardTerms: env.rewardTerms && (() => env.rewardTerms!()),
    glance: env.glance && (world => env.glance!(world)),
    close: () => env.close(),
  };
}

/** Collects one episode of world 0. */
class Recorder {
  #qpos: Float64Array[] | undefined;
  #actions: Float32Array[] = [];
  #rewards: number[] = [];
  #done: { episodeReturn: number; terminated: boolean } | undefined;

  /** World 0 has just been reset. */
  async begin(env: VectorEnv): Promise<void> {
    const first = (await env.qpos?.())?.[0];
    this.#qpos = first?.length ? [first] : undefined;
    this.#actions = [];
    this.#rewards = [];
    this.#done = undefined;
  }

  /** True when the episode ended with this step. */
  async stepped(env: VectorEnv, actions: Float32Array, result: VectorStep): Promise<boolean> {
    if (!this.#qpos || this.#done) return false;
    const actDim = env.spec.actionSpace.low.length;
    this.#actions.push(actions.slice(0, actDim));
    this.#rewards.push(result.rewards[0]!);
    const ended = result.episodes.find(({ env: world }) => world === 0);
    // After the last step world 0 stands at its next start: its final pose is the one before.
    const pose = ended ? this.#qpos.at(-1)! : (await env.qpos!())[0]!;
    this.#qpos.push(pose);
    if (ended) this.#done = ended;
    return ended !== undefined;
  }

  take() {
    const [qpos, done] = [this.#qpos, this.#done];
    if (!qpos || !done) return undefined;
    this.#qpos = undefined;
    return {
      episodeReturn: done.episodeReturn,
      terminated: done.terminated,
      qpos: joined(qpos, Float64Array),
      actions: joined(this.#actions, Float32Array),
      rewards: Float32Array.from(this.#rewards),
    };
  }
}

function joined<T extends Float64Array | Float32Array>(rows: readonly T[], type: new (length: number) => T): T {
  const width = rows[0]?.length ?? 0;
  const out = new type(rows.length * width);
  rows.forEach((row, i) => {
    out.set(row, i * width);
  });
  return out;
}
