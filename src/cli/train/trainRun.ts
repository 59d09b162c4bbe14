import { relative } from 'node:path';
import { normalizedScore, scoreRange } from '../../data/scores.ts';
import type { WorkerFault } from '../../env/crew.ts';
import type { VectorEnv } from '../../env/env.ts';
import { trainOnline } from '../../loops/online.ts';
import type { OnlineWatcher, Score, TrainingResult } from '../../loops/onlineRun.ts';
import type { RunStore } from '../../runs/runStore.ts';
import type { Io } from '../command.ts';
import { publishedBest, publishedScores } from '../eval/published.ts';
import type { LiveState } from '../terminal/live.ts';
import { summaryLines } from '../terminal/summary.ts';
import { TrainingView } from '../terminal/trainingView.ts';
import { type WatchOptions, watch } from '../view/watching.ts';
import { Interrupt } from './interrupt.ts';
import { buildOnline, type OnlineParts } from './onlineParts.ts';
import { knownTask, simulatorTeller } from './simulator.ts';
import { Tuning } from './tuning.ts';

export interface TrainRunOptions {
  readonly io: Io;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly resume: boolean;
  /** Built beforehand, or from the run's configuration. */
  readonly parts?: OnlineParts;
  readonly secondsPerStep?: number;
  readonly watchers?: readonly OnlineWatcher[];
  /** Where the viewer listens; `{ address: 'off' }` starts none. */
  readonly viewer?: WatchOptions;
}

/** Trains a run to its end or until it is interrupted, shows it, and reports. Resolves to the exit code. */
export async function trainRun(store: RunStore, options: TrainRunOptions): Promise<number> {
  const { io, json, quiet } = options;
  const { config } = store;
  const faults: WorkerFault[] = [];
  let tell = (fault: WorkerFault): unknown => faults.push(fault);
  let tellMoved: (message: string) => unknown = simulatorTeller(io, options);
  const parts =
    options.parts ??
    (await buildOnline(
      config,
      fault => tell(fault),
      message => tellMoved(message),
    ));
  let interrupted = () => false;
  const watching = await watch(store, parts, { ...options.viewer, stopped: () => interrupted() });
  const run = shownPath(store.directory);
  const view = new TrainingView(
    { ...config, run, published: publishedFor(config.task, config.algo), url: watching.dashboard?.url },
    {
      output: io.stderr,
      env: io.env,
      quiet,
      plain: json,
      now: () => new Date(),
      memory: () => process.memoryUsage.rss(),
      secondsPerStep: options.secondsPerStep,
    },
  );
  tell = ({ worker, reason }) => view.message([['warn', `simulation thread ${worker} was restarted`], `: ${reason}`]);
  tellMoved = message => view.message([['warn', 'simulator'], `: ${message}`]);
  for (const fault of faults) tell(fault);
  view.announceViewer();
  if (watching.problem) view.message([['warn', 'no viewer'], `: ${watching.problem}`]);
  const interrupt = new Interrupt(
    () => view.status('stopping'),
    () => view.close(),
  );
  interrupted = () => interrupt.requested;
  const tuning = new Tuning(store.path('changes.jsonl'), parts.algorithm, config.values);
  const { steering } = watching;
  if (steering) steering.tuning = tuning;
  try {
    const result = await trainOnline({
      ...parts,
      env: watching.env,
      evaluationEnv: announced(watching.evaluationEnv, () => interrupt.requested || view.status('evaluating')),
      store,
      seed: config.seed,
      resume: options.resume,
      watchers: [watcher(view, store, parts, interrupt), watching.watcher, ...(options.watchers ?? [])],
      stopRequested: () => interrupt.requested || steering?.ended === true,
      wishes: steering && (() => steering.wishes()),
      beforeStep: step => tuning.beforeStep(step),
    });
    return await report(store, result, view, options);
  } finally {
    interrupt.close();
    view.close();
    await Promise.all([parts.env.close(), parts.evaluationEnv.close(), watching.close()]);
  }
}

function watcher(view: TrainingView, store: RunStore, { schedule }: OnlineParts, interrupt: Interrupt): OnlineWatcher {
  const start = Math.max(schedule.warmupSteps, 1);
  return {
    row: (step, values) => view.log(step, values),
    saved: (step, seconds) => view.checkpoint(step, seconds),
    stepped: step => {
      const updates = step < start ? 0 : Math.floor((step - start + 1) * schedule.updatesPerStep);
      if (!interrupt.requested) view.status(updates === 0 ? 'warm-up' : 'training');
      view.progress(step, updates, store.seconds);
    },
    restored: (step, damaged) => {
      for (const { step: lost, reason } of damaged)
        view.message([['warn', `checkpoint ${lost} is damaged, an older one is used`], `: ${reason}`]);
      view.message([`continues at step ${step}`]);
    },
  };
}

/** The same worlds, saying when an evaluation begins. */
export function announced(env: VectorEnv, begins: () => unknown): VectorEnv {
  return {
    spec: env.spec,
    numEnvs: env.numEnvs,
    reset: seed => {
      begins();
      return env.reset(seed);
    },
    step: actions => env.step(actions),
    save: () => env.save(),
    restore: states => env.restore(states),
    qpos: env.qpos && (() => env.qpos!()),
    close: () => env.close(),
  };
}

async function report(
  store: RunStore,
  result: TrainingResult,
  view: TrainingView,
  { io, json }: TrainRunOptions,
): Promise<number> {
  const run = shownPath(store.directory);
  if (!result.finished) {
    view.close([
      [['warn', `interrupted at step ${result.step.toLocaleString('en-US')}; everything is saved`]],
      `       continue      agent resume ${run}`.split('\n'),
    ]);
    return 130;
  }
  const { config } = store;
  const { evalEpisodes: episodes } = config.options as { evalEpisodes: number };
  const range = scoreRange(config.task);
  const scored = (score: Score | undefined) =>
    score && {
      ...{ return: score.return, returnStd: score.returnStd, episodes, step: score.step },
      ...(range && { normalizedScore: normalizedScore(score.return, range) }),
    };
  const summary = {
    algo: config.algo,
    task: config.task,
    seed: config.seed,
    preset: config.preset,
    backend: config.backend,
    steps: result.step,
    updates: result.updates,
    seconds: Math.round(store.seconds * 1000) / 1000,
    eval: { last: scored(result.last), best: scored(result.best) },
    environment: config.environment,
  };
  await store.writeSummary(summary);
  const { last, best } = summary.eval;
  const published = publishedBest(knownTask(config.task)?.published, config.algo);
  view.close(summaryLines({ ...summary, unit: 'steps', run, last, best, published }));
  io.stdout.write(json ? `${JSON.stringify({ ...summary, run: store.directory })}\n` : `${run}\n`);
  return 0;
}

function publishedFor(task: string, algo: string): LiveState['published'] {
  return publishedScores(task, knownTask(task)?.published, algo);
}

/** The directory as the user would type it: relative where that is shorter. */
export function shownPath(directory: string): string {
  const path = relative(process.cwd(), directory);
  return path === '' || path.startsWith('..') ? directory : path; // outside the working folder: as it is
}
