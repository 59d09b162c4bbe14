import type { Metrics } from '../algorithms/algorithm.ts';
import type { Batch } from '../data/batch.ts';
import type { VectorStep } from '../env/env.ts';
import { Rng } from '../random/rng.ts';
import type { StateTree } from '../runs/stateTree.ts';
import { StreamNoise } from '../tensor/noise.ts';
import { type Tensor2D, tf } from '../tensor/tf.ts';
import { Breather } from './breather.ts';
import { type Evaluation, evaluate } from './evaluate.ts';
import { stopTraining } from './failure.ts';
import { checkObservations, checkUpdate } from './finite.ts';
import { Means } from './means.ts';
import type { OnlineRun, SavedLoop, Score, TrainingResult } from './onlineRun.ts';
import { readMetrics } from './readMetrics.ts';
import { savedState } from './savedState.ts';
import { storeTransitions } from './storeTransitions.ts';
import { restoreVariables, storeVariables } from './variables.ts';

/**
 * Trains online: act, step the worlds and meanwhile update, store, and at their times log, evaluate and save. Everything that
 * decides what happens next is in the checkpoint, so an interrupted run continues as if it had not been.
 * Throws `AgentError` when a number is not finite, leaving a dump in the run's `failures/`.
 */
export async function trainOnline(run: OnlineRun): Promise<TrainingResult> {
  const loop = new OnlineLoop(run);
  await loop.begin();
  return loop.run();
}

class OnlineLoop {
  readonly #run: OnlineRun;
  readonly #obsDim: number;
  readonly #actDim: number;
  readonly #streams: Record<'warmup' | 'act' | 'replay' | 'update', Rng>;
  #observations = new Float32Array(0);
  #step = 0;
  #updates = 0;
  #last: Score | undefined;
  #best: Score | undefined;
  #metrics: Metrics = {};
  /** Reward by terms, since the last row. */
  readonly #rewards = new Means();
  #mark = { seconds: 0, step: 0, updates: 0, acting: 0, actions: 0, waited: 0, training: 0 };
  /** Seconds spent in the policy, and its actions. */
  #acting = 0;
  #actions = 0;
  /** Milliseconds of training, evaluations and checkpoints aside, and of those the ones in which only worlds moved. */
  #training = 0;
  #waited = 0;
  #savedAt = -1;

  constructor(run: OnlineRun) {
    this.#run = run;
    this.#obsDim = run.env.spec.observationSpace.low.length;
    this.#actDim = run.env.spec.actionSpace.low.length;
    const root = new Rng(run.seed);
    const [warmup, act, replay, update] = ['warm-up', 'act', 'replay', 'update'].map(name => root.split(name));
    this.#streams = { warmup: warmup!, act: act!, replay: replay!, update: update! };
  }

  /** Fresh worlds, or everything from the last checkpoint. */
  async begin(): Promise<void> {
    const { store, replay, env, resume, watchers } = this.#run;
    const restored = resume
      ? await store.restore(() => {
          replay.clear();
          return (start, columns) => replay.append(start, columns as never);
        })
      : undefined;
    if (restored) {
      restoreVariables(this.#run.algorithm.variables, restored.tensors);
      await this.#restore(
        savedState<SavedLoop>(restored.state, [
          'step',
          'updates',
          'metrics',
          'rewards',
          'observations',
          'streams',
          'worlds',
        ]),
      );
      this.#savedAt = this.#step;
      for (const watcher of watchers ?? []) watcher.restored?.(this.#step, restored.damaged);
      await this.#evaluateAndSave(); // if it was interrupted in an evaluation
    } else {
      this.#observations = new Float32Array(await env.reset(new Rng(this.#run.seed).split('worlds').uint32()));
    }
    this.#mark = this.#now();
  }

  async run(): Promise<TrainingResult> {
    const { schedule, stopRequested } = this.#run;
    const breather = new Breather();
    while (this.#step < schedule.steps) {
      this.#run.beforeStep?.(this.#step);
      try {
        await this.#advance(breather);
        if (this.#step >= schedule.steps) await this.#learn(breather); // no step is left to learn beside
      } catch (error) {
        throw await this.#failed(error);
      }
      await this.#atTheirTimes();
      await breather.breathe();
      if (stopRequested?.()) break;
    }
    await this.#save(false);
    const finished = this.#step >= schedule.steps && this.#last?.step === this.#step; // the last evaluation too
    return { finished, step: this.#step, updates: this.#updates, last: this.#last, best: this.#best };
  }

  /**
   * One step of every world. Worlds elsewhere are under way while the updates are made that were due before this step; so a
   * policy acts without the updates of its last step, wherever the worlds are.
   */
  async #advance(breather: Breather): Promise<void> {
    const { env, schedule } = this.#run;
    const start = performance.now();
    const actions = this.#step < schedule.warmupSteps ? this.#randomActions() : this.#policyActions();
    let since = performance.now();
    const stepping = env.step(actions);
    stepping.catch(() => undefined); // heard below, after the updates
    this.#waited += performance.now() - since;
    try {
      if (this.#updates < this.#updatesDue) {
        await new Promise(resolve => setImmediate(resolve)); // what env.step has to send leaves now
        await this.#learn(breather);
      }
    } finally {
      since = performance.now();
      const result = await stepping;
      this.#waited += performance.now() - since;
      this.#take(actions, result);
      this.#training += performance.now() - start;
    }
  }

  #take(actions: Float32Array, result: VectorStep): void {
    const { env, replay, watchers } = this.#run;
    this.#step += env.numEnvs;
    storeTransitions(replay, this.#observations, actions, result);
    this.#observations = new Float32Array(result.observations);
    checkObservations(this.#observations, this.#obsDim);
    this.#rewards.add(env.rewardTerms?.() ?? {});
    for (const { episodeReturn, episodeLength } of result.episodes)
      this.#log({ 'episode/return': episodeReturn, 'episode/length': episodeLength });
    for (const watcher of watchers ?? []) watcher.stepped?.(this.#step, actions, result);
  }

  #randomActions(): Float32Array {
    return Float32Array.from({ length: this.#run.env.numEnvs * this.#actDim }, () =>
      this.#streams.warmup.uniform(-1, 1),
    );
  }

  #policyActions(): Float32Array {
    const { algorithm, env, store } = this.#run;
    const noise = new StreamNoise(this.#streams.act);
    const start = store.seconds;
    const actions = tf.tidy(() => {
      const observations: Tensor2D = tf.tensor2d(this.#observations, [env.numEnvs, this.#obsDim]);
      return new Float32Array(algorithm.act(observations, 'explore', noise).dataSync());
    });
    this.#acting += store.seconds - start;
    this.#actions += env.numEnvs;
    return actions;
  }

  /** `updatesPerStep` for each step from the end of the warm-up on. */
  get #updatesDue(): number {
    const { warmupSteps, updatesPerStep } = this.#run.schedule;
    const start = Math.max(warmupSteps, 1);
    return this.#step < start ? 0 : Math.floor((this.#step - start + 1) * updatesPerStep);
  }

  /** The updates that are due. */
  async #learn(breather: Breather): Promise<void> {
    const { schedule, algorithm, replay } = this.#run;
    const stage = algorithm.stages[0]!;
    const sample = (): Batch => replay.sample(stage.batchSize, this.#streams.replay);
    const noise = new StreamNoise(this.#streams.update);
    while (this.#updates < this.#updatesDue && replay.size > 0) {
      const metrics = tf.tidy(() => readMetrics(stage.update(sample, this.#step / schedule.steps, noise)));
      this.#metrics = { ...this.#metrics, ...metrics }; // a policy may be updated less often than its critic
      this.#updates++;
      checkUpdate(metrics, algorithm.variables);
      await breather.breathe();
    }
  }

  async #atTheirTimes(): Promise<void> {
    const { schedule } = this.#run;
    if (this.#due(schedule.logEvery)) {
      this.#log({ ...(this.#metrics as Record<string, number>), ...this.#rewards.take('reward/'), ...this.#rates() });
      this.#mark = this.#now();
    }
    await this.#evaluateAndSave();
  }

  /** Speeds since the last row. */
  #rates(): Record<string, number> {
    const [now, then] = [this.#now(), this.#mark];
    const elapsed = Math.max(now.seconds - then.seconds, 1e-6);
    const actions = now.actions - then.actions;
    return {
      'time/stepsPerSecond': (now.step - then.step) / elapsed,
      'time/updatesPerSecond': (now.updates - then.updates) / elapsed,
      'time/waitFraction': (now.waited - then.waited) / Math.max(now.training - then.training, 1e-6),
      ...(actions > 0 && { 'time/actionMicroseconds': (1e6 * (now.acting - then.acting)) / actions }),
    };
  }

  #now() {
    const [seconds, step, updates] = [this.#run.store.seconds, this.#step, this.#updates];
    const [acting, actions, waited, training] = [this.#acting, this.#actions, this.#waited, this.#training];
    return { seconds, step, updates, acting, actions, waited, training };
  }

  /** At their times, and once for each: an evaluation, and a checkpoint after it. */
  async #evaluateAndSave(): Promise<void> {
    const { schedule } = this.#run;
    const asked = this.#run.wishes?.();
    const evaluating = this.#due(schedule.evalEvery) || this.#step >= schedule.steps || asked?.evaluate === true;
    const evaluated = evaluating && this.#last?.step !== this.#step ? await this.#evaluate() : undefined;
    const best = evaluated !== undefined && evaluated === this.#best;
    if (best || this.#due(schedule.checkpointEvery) || asked?.checkpoint) await this.#save(best);
  }

  /** Whether the last step of the worlds reached a multiple of `every`. */
  #due(every: number): boolean {
    return Math.floor(this.#step / every) > Math.floor((this.#step - this.#run.env.numEnvs) / every);
  }

  /** Worlds and noise depend on seed and step alone, so an evaluation changes nothing for the training. */
  async #evaluate(): Promise<Score | undefined> {
    const { algorithm, evaluationEnv, schedule, seed, stopRequested, watchers } = this.#run;
    const result: Evaluation | undefined = await evaluate(algorithm, evaluationEnv, {
      episodes: schedule.evalEpisodes,
      seed: new Rng(seed).split(`evaluation ${this.#step}`).uint32(),
      stopped: stopRequested,
    });
    if (!result) return undefined;
    const score = { step: this.#step, return: result.return, returnStd: result.returnStd, length: result.length };
    this.#last = score;
    if (!this.#best || score.return > this.#best.return) this.#best = score;
    this.#log({ 'eval/return': score.return, 'eval/returnStd': score.returnStd, 'eval/length': score.length });
    for (const watcher of watchers ?? []) watcher.evaluated?.(score, this.#best);
    return score;
  }

  #log(values: Readonly<Record<string, number>>): void {
    this.#run.store.logger.log(this.#step, values);
    for (const watcher of this.#run.watchers ?? []) watcher.row?.(this.#step, values);
  }

  async #save(best: boolean): Promise<void> {
    if (this.#savedAt === this.#step && !best) return;
    const { store, algorithm, replay, watchers } = this.#run;
    const before = store.seconds;
    const tensors = storeVariables(algorithm.variables);
    await store.save(this.#step, { tensors, state: await this.#state(), replay }, { best });
    this.#savedAt = this.#step;
    for (const watcher of watchers ?? []) watcher.saved?.(this.#step, store.seconds - before);
  }

  async #state(): Promise<StateTree> {
    const streams = Object.fromEntries(Object.entries(this.#streams).map(([name, rng]) => [name, rng.state]));
    const saved: SavedLoop = {
      step: this.#step,
      updates: this.#updates,
      last: this.#last ?? null,
      best: this.#best ?? null,
      metrics: this.#metrics as Record<string, number>,
      rewards: this.#rewards.state,
      observations: this.#observations,
      streams: streams as SavedLoop['streams'],
      worlds: await this.#run.env.save(),
    };
    return saved as unknown as StateTree;
  }

  async #restore(saved: SavedLoop): Promise<void> {
    this.#step = saved.step;
    this.#updates = saved.updates;
    this.#last = saved.last ?? undefined;
    this.#best = saved.best?.step === saved.last?.step ? this.#last : (saved.best ?? undefined);
    this.#metrics = saved.metrics;
    this.#rewards.restore(saved.rewards);
    this.#observations = new Float32Array(await this.#run.env.restore(saved.worlds));
    for (const name of Object.keys(saved.streams) as (keyof SavedLoop['streams'])[])
      this.#streams[name] = new Rng(saved.streams[name]);
  }

  /** Keeps the state a failure happened in; the last checkpoint stays as it was. */
  async #failed(error: unknown): Promise<unknown> {
    const { store, algorithm } = this.#run;
    const content = async () => ({ tensors: storeVariables(algorithm.variables), state: await this.#state() });
    return stopTraining(store, error, { step: this.#step, content });
  }
}
