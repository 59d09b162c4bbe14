import type { Algorithm, Stage } from '../algorithms/algorithm.ts';
import type { Transitions } from '../data/batch.ts';
import type { VectorEnv } from '../env/env.ts';
import { Rng, type RngState } from '../random/rng.ts';
import type { RunStore } from '../runs/runStore.ts';
import type { StoredTensors } from '../runs/safetensors.ts';
import type { StateTree } from '../runs/stateTree.ts';
import { StreamNoise } from '../tensor/noise.ts';
import { tf } from '../tensor/tf.ts';
import { Breather } from './breather.ts';
import { evaluate } from './evaluate.ts';
import { stopTraining } from './failure.ts';
import { checkUpdate } from './finite.ts';
import { readMetrics } from './readMetrics.ts';
import { savedState } from './savedState.ts';
import { restoreVariables, storeVariables } from './variables.ts';

type Numbers = Readonly<Record<string, number>>;

/** When the loop does what, in gradient updates. */
export interface OfflineSchedule {
  readonly logEvery: number;
  /** Counted within the last stage, the one that trains the policy; also at its end. */
  readonly evalEvery: number;
  readonly evalEpisodes: number;
  readonly checkpointEvery: number;
}

/** A return and the update it was measured at, with the D4RL score where the task has one. */
export interface OfflineScore {
  readonly step: number;
  readonly return: number;
  readonly returnStd: number;
  readonly length: number;
  readonly normalizedScore?: number;
}

/** Whoever watches; none of them changes what is computed. */
export interface OfflineWatcher {
  /** A stage begins (or goes on after a resume): its number, and the updates made of it. */
  stage?(stage: Stage, index: number, done: number): void;
  /** After every update. */
  updated?(step: number): void;
  /** A row of metrics.jsonl. */
  row?(step: number, values: Readonly<Record<string, number | string>>): void;
  evaluated?(score: OfflineScore, best: OfflineScore): void;
  saved?(step: number, seconds: number): void;
  restored?(step: number, damaged: readonly { step: number; reason: string }[]): void;
}

export interface OfflineRun {
  readonly algorithm: Algorithm;
  readonly data: Transitions;
  /** Worlds to evaluate in; none where the data belongs to no known task. */
  readonly evaluationEnv?: VectorEnv;
  /** The D4RL score of a return. */
  readonly normalize?: (episodeReturn: number) => number;
  readonly store: RunStore;
  readonly seed: number;
  readonly schedule: OfflineSchedule;
  /** Stages that are not trained: their variables come from another run. */
  readonly taken?: ReadonlyMap<string, () => Promise<StoredTensors>>;
  /** True: go on from the last checkpoint, bit for bit. */
  readonly resume?: boolean;
  readonly watchers?: readonly OfflineWatcher[];
  /** Asked after every update; true saves and ends the loop. */
  readonly stopRequested?: () => boolean;
  /** Called before each update, after so many: the moment to hold the training, or to change hyperparameters. */
  readonly beforeUpdate?: (step: number) => void | Promise<void>;
  /** Wishes from outside since the last call, fulfilled after this update. Neither changes what is learned. */
  readonly wishes?: () => { readonly evaluate: boolean; readonly checkpoint: boolean };
}

export interface OfflineResult {
  readonly finished: boolean;
  /** Gradient updates, of all stages together. */
  readonly step: number;
  readonly last: OfflineScore | undefined;
  readonly best: OfflineScore | undefined;
}

/** Evaluations start in the same worlds whatever the seed of the training, so that seeds can be compared (SRPO's protocol). */
const EVALUATION_SEED = 1001;

/**
 * Trains offline: the stages of the algorithm in order, each for its number of updates; at their times it logs,
 * evaluates and saves. `step` counts updates over all stages. Everything that decides what happens next is in the
 * checkpoint. Throws `AgentError` when a number is not finite, leaving a dump in the run's `failures/`.
 */
export async function trainOffline(run: OfflineRun): Promise<OfflineResult> {
  const loop = new OfflineLoop(run);
  await loop.begin();
  return loop.run();
}

class OfflineLoop {
  readonly #run: OfflineRun;
  readonly #stages: readonly Stage[];
  readonly #acting: string | undefined; // the stage that ends with a policy: nothing before it is evaluated
  #step = 0;
  /** Which of the stages, and how many updates of it are done. */
  #at = { stage: 0, done: 0 };
  #streams: Streams;
  #last: OfflineScore | undefined;
  #best: OfflineScore | undefined;
  #metrics: Numbers = {};
  #mark = { seconds: 0, step: 0 };
  #savedAt = -1;

  constructor(run: OfflineRun) {
    this.#run = run;
    this.#stages = run.algorithm.stages.filter(stage => (stage.steps ?? 0) > 0 && !run.taken?.has(stage.name));
    this.#acting = run.algorithm.stages.findLast(({ name }) => !run.taken?.has(name))?.name;
    this.#streams = this.#freshStreams();
  }

  /** Stages taken from other runs, or everything from the last checkpoint. */
  async begin(): Promise<void> {
    const { store, resume, algorithm, taken, watchers } = this.#run;
    const restored = resume ? await store.restore() : undefined;
    if (!restored) algorithm.prepare?.(this.#run.data);
    if (restored) {
      restoreVariables(algorithm.variables, restored.tensors);
      this.#restore(savedState<SavedLoop>(restored.state, ['step', 'stage', 'done', 'complete', 'metrics', 'streams']));
      for (const watcher of watchers ?? []) watcher.restored?.(this.#step, restored.damaged);
      await this.#evaluateAndSave(); // if it was interrupted in an evaluation
    } else if (taken && taken.size > 0) {
      for (const [name, load] of taken) restoreVariables(variablesOf(algorithm, name), await load());
      await this.#save(false);
    }
    this.#mark = { seconds: store.seconds, step: this.#step };
  }

  async run(): Promise<OfflineResult> {
    let finished = true;
    for (; finished && this.#at.stage < this.#stages.length; ) {
      finished = await this.#train(this.#stages[this.#at.stage]!);
      if (!finished) break;
      this.#at = { stage: this.#at.stage + 1, done: 0 };
      this.#streams = this.#freshStreams();
    }
    await this.#save(false);
    return { finished, step: this.#step, last: this.#last, best: this.#best };
  }

  /** What is left of a stage; false when stopped before its end. */
  async #train(stage: Stage): Promise<boolean> {
    const breather = new Breather();
    for (const watcher of this.#run.watchers ?? []) watcher.stage?.(stage, this.#at.stage, this.#at.done);
    while (this.#at.done < stage.steps!) {
      await this.#run.beforeUpdate?.(this.#step);
      if (this.#run.stopRequested?.()) return false;
      try {
        this.#update(stage);
      } catch (error) {
        throw await this.#failed(error);
      }
      if (this.#step % this.#run.schedule.logEvery === 0 || this.#at.done === stage.steps) this.#logMetrics(stage);
      await this.#evaluateAndSave();
      await breather.breathe();
    }
    if (stage.name !== this.#acting) return !this.#run.stopRequested?.();
    return !this.#run.evaluationEnv || this.#last?.step === this.#step;
  }

  #update(stage: Stage): void {
    const { data } = this.#run;
    const sample = () => data.sample(stage.batchSize, this.#streams.data);
    const noise = new StreamNoise(this.#streams.update);
    this.#metrics = tf.tidy(() => readMetrics(stage.update(sample, this.#at.done / stage.steps!, noise)));
    this.#at = { ...this.#at, done: this.#at.done + 1 };
    this.#step++;
    checkUpdate(this.#metrics, stage.variables ?? this.#run.algorithm.variables);
    for (const watcher of this.#run.watchers ?? []) watcher.updated?.(this.#step);
  }

  #logMetrics(stage: Stage): void {
    const { store } = this.#run;
    const updatesPerSecond = (this.#step - this.#mark.step) / (store.seconds - this.#mark.seconds);
    const time: Numbers = Number.isFinite(updatesPerSecond) ? { 'time/updatesPerSecond': updatesPerSecond } : {};
    this.#log({ stage: stage.name, ...this.#metrics, ...time });
    this.#mark = { seconds: store.seconds, step: this.#step };
  }

  /** At their times, and once for each: an evaluation, and a checkpoint after it; one at the end of every stage. */
  async #evaluateAndSave(): Promise<void> {
    const { schedule, evaluationEnv } = this.#run;
    const stage = this.#stages[this.#at.stage];
    if (!stage || this.#at.done === 0) return;
    const asked = this.#run.wishes?.();
    const ending = this.#at.done === stage.steps;
    const due = stage.name === this.#acting && (ending || this.#at.done % schedule.evalEvery === 0);
    const evaluating = due || asked?.evaluate === true;
    const score =
      evaluating && evaluationEnv && this.#last?.step !== this.#step ? await this.#evaluate(evaluationEnv) : undefined;
    const best = score !== undefined && score === this.#best;
    if (best || ending || this.#step % schedule.checkpointEvery === 0 || asked?.checkpoint) await this.#save(best);
  }

  async #evaluate(env: VectorEnv): Promise<OfflineScore | undefined> {
    const { algorithm, schedule, stopRequested: stopped, watchers, normalize } = this.#run;
    const options = { episodes: schedule.evalEpisodes, seed: EVALUATION_SEED, stopped };
    const result = await evaluate(algorithm, env, options);
    if (!result) return undefined;
    const { return: mean, returnStd, length } = result;
    const normalizedScore = normalize?.(mean);
    const score = { step: this.#step, return: mean, returnStd, length, ...(normalize && { normalizedScore }) };
    this.#last = score;
    if (!this.#best || mean > this.#best.return) this.#best = score;
    const normalized: Numbers = normalizedScore === undefined ? {} : { 'eval/normalizedScore': normalizedScore };
    this.#log({ 'eval/return': mean, 'eval/returnStd': returnStd, 'eval/length': length, ...normalized });
    for (const watcher of watchers ?? []) watcher.evaluated?.(score, this.#best);
    return score;
  }

  #log(values: Readonly<Record<string, number | string>>): void {
    this.#run.store.logger.log(this.#step, values);
    for (const watcher of this.#run.watchers ?? []) watcher.row?.(this.#step, values);
  }

  /** Streams of the stage: they depend on its name alone, so a stage draws the same with or without those before it. */
  #freshStreams(): Streams {
    const name = this.#stages[this.#at.stage]?.name ?? 'end';
    const root = new Rng(this.#run.seed);
    return { data: root.split(`data ${name}`), update: root.split(`update ${name}`) };
  }

  async #save(best: boolean): Promise<void> {
    if (this.#savedAt === this.#step && !best) return;
    const { store, algorithm, watchers } = this.#run;
    const before = store.seconds;
    await store.save(this.#step, { tensors: storeVariables(algorithm.variables), state: this.#state() }, { best });
    this.#savedAt = this.#step;
    for (const watcher of watchers ?? []) watcher.saved?.(this.#step, store.seconds - before);
  }

  #state(): StateTree {
    const { stage, done } = this.#at;
    const saved: SavedLoop = {
      step: this.#step,
      stage,
      done,
      complete: this.#complete(),
      last: this.#last ?? null,
      best: this.#best ?? null,
      metrics: this.#metrics,
      streams: { data: this.#streams.data.state, update: this.#streams.update.state },
    };
    return saved as unknown as StateTree;
  }

  /** Names of the stages whose variables are what this run wanted them to be. */
  #complete(): string[] {
    const trained = this.#stages.filter(
      (stage, i) => i < this.#at.stage || (i === this.#at.stage && this.#at.done === stage.steps),
    );
    return [...(this.#run.taken?.keys() ?? []), ...trained.map(stage => stage.name)];
  }

  #restore(saved: SavedLoop): void {
    this.#step = saved.step;
    this.#at = { stage: saved.stage, done: saved.done };
    this.#last = saved.last ?? undefined;
    this.#best = saved.best?.step === saved.last?.step ? this.#last : (saved.best ?? undefined);
    this.#metrics = { ...saved.metrics };
    this.#streams = { data: new Rng(saved.streams.data), update: new Rng(saved.streams.update) };
    if (saved.complete.join() === this.#complete().join()) this.#savedAt = this.#step; // else a new plan ends the stage here
  }

  /** Keeps the state a failure happened in; the last checkpoint stays as it was. */
  async #failed(error: unknown): Promise<unknown> {
    const { store, algorithm } = this.#run;
    const where = `update ${this.#step} (${this.#stages[this.#at.stage]?.name})`;
    const content = async () => ({ tensors: storeVariables(algorithm.variables), state: this.#state() });
    return stopTraining(store, error, { step: this.#step, where, content });
  }
}

interface Streams {
  readonly data: Rng;
  readonly update: Rng;
}

/** What the loop keeps in a checkpoint. */
export interface SavedLoop {
  readonly step: number;
  readonly stage: number;
  readonly done: number;
  readonly complete: readonly string[];
  readonly last: OfflineScore | null;
  readonly best: OfflineScore | null;
  readonly metrics: Numbers;
  readonly streams: { readonly data: RngState; readonly update: RngState };
}

function variablesOf(algorithm: Algorithm, name: string) {
  const stage = algorithm.stages.find(stage => stage.name === name);
  if (!stage?.variables) throw new Error(`no stage "${name}" with variables of its own`);
  return stage.variables;
}
