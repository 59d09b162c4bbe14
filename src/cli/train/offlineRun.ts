import { Srpo } from '../../algorithms/srpo.ts';
import { type OfflineResult, type OfflineScore, type OfflineWatcher, trainOffline } from '../../loops/offline.ts';
import type { RunStore } from '../../runs/runStore.ts';
import type { Io } from '../command.ts';
import { compareWithTeacher, comparisonLines } from '../eval/teacher.ts';
import type { Line } from '../terminal/lines.ts';
import { summaryLines } from '../terminal/summary.ts';
import { TrainingView } from '../terminal/trainingView.ts';
import { view as startView, type WatchOptions, watch } from '../view/watching.ts';
import { Interrupt } from './interrupt.ts';
import { buildOffline, type OfflineParts } from './offlineParts.ts';
import type { OfflineOptions } from './offlinePlan.ts';
import { announced, shownPath } from './trainRun.ts';
import { Tuning } from './tuning.ts';

export interface OfflineRunOptions {
  readonly io: Io;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly resume: boolean;
  /** Built beforehand, or from the run's configuration. */
  readonly parts?: OfflineParts;
  readonly secondsPerStep?: number;
  /** Where the viewer listens; `{ address: 'off' }` starts none. */
  readonly viewer?: WatchOptions;
}

/** Trains an offline run to its end or until it is interrupted, shows it, and reports. Resolves to the exit code. */
export async function trainOfflineRun(store: RunStore, options: OfflineRunOptions): Promise<number> {
  const { io, json, quiet } = options;
  const { config } = store;
  const parts = options.parts ?? (await buildOffline(config));
  const worlds = parts.evaluationEnv;
  let interrupted = () => false;
  const stopped = () => interrupted();
  const viewer = { ...options.viewer, stopped };
  const watching = worlds && (await watch(store, { env: worlds, evaluationEnv: worlds }, viewer));
  const viewing = watching ?? (await startView(store, viewer)); // without worlds there are the curves
  const view = new TrainingView(
    { ...config, run: shownPath(store.directory), url: viewing.dashboard?.url },
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
  view.announceViewer();
  if (viewing.problem) view.message([['warn', 'no viewer'], `: ${viewing.problem}`]);
  const interrupt = new Interrupt(
    () => view.status('stopping'),
    () => view.close(),
  );
  interrupted = () => interrupt.requested;
  const tuning = new Tuning(store.path('changes.jsonl'), parts.algorithm, config.values);
  const { steering } = viewing;
  if (steering) steering.tuning = tuning;
  try {
    const result = await trainOffline({
      ...parts,
      evaluationEnv:
        watching && announced(watching.evaluationEnv, () => interrupt.requested || view.status('evaluating')),
      store,
      seed: config.seed,
      resume: options.resume,
      watchers: [watcher(view, store, interrupt), ...(watching ? [watching.watcher] : [])],
      stopRequested: () => interrupt.requested || steering?.ended === true,
      wishes: steering && (() => steering.wishes()),
      beforeUpdate: step => {
        tuning.beforeStep(step);
        return steering?.gate(step, stopped).then(() => tuning.beforeStep(step)); // what was asked while it was held
      },
    });
    return await report(store, result, view, { ...options, parts });
  } finally {
    interrupt.close();
    view.close();
    await Promise.all([worlds?.close(), viewing.close()]);
  }
}

function watcher(view: TrainingView, store: RunStore, interrupt: Interrupt): OfflineWatcher {
  let stage = '';
  return {
    stage: ({ name, steps }, index, done) => {
      stage = name;
      view.message([`stage ${index + 1}: ${name}, ${(steps! - done).toLocaleString('en-US')} updates`]);
    },
    updated: step => {
      if (!interrupt.requested) view.status(stage);
      view.progress(step, step, store.seconds);
    },
    row: (step, values) => view.log(step, values),
    saved: (step, seconds) => view.checkpoint(step, seconds),
    restored: (step, damaged) => {
      for (const { step: lost, reason } of damaged)
        view.message([['warn', `checkpoint ${lost} is damaged, an older one is used`], `: ${reason}`]);
      view.message([`continues at update ${step}`]);
    },
  };
}

async function report(
  store: RunStore,
  result: OfflineResult,
  view: TrainingView,
  { io, json, quiet, parts }: OfflineRunOptions & { readonly parts: OfflineParts },
): Promise<number> {
  const run = shownPath(store.directory);
  if (!result.finished) {
    view.close([
      [['warn', `interrupted at update ${result.step.toLocaleString('en-US')}; everything is saved`]],
      [`       continue      agent resume ${run}`],
    ]);
    return 130;
  }
  const { config } = store;
  const { evalEpisodes: episodes, dataset } = config.options as OfflineOptions;
  const scored = (score: OfflineScore | undefined) => score && { ...score, length: undefined, episodes };
  const [last, best] = [scored(result.last), scored(result.best)];
  const summary = {
    algo: config.algo,
    task: config.task,
    dataset,
    seed: config.seed,
    preset: config.preset,
    backend: config.backend,
    steps: result.step,
    updates: result.step,
    seconds: Math.round(store.seconds * 1000) / 1000,
    eval: { last, best },
    environment: config.environment,
  };
  await store.writeSummary(summary);
  const trained = parts.algorithm.stages.filter(({ steps }) => steps !== 0);
  const policy = trained.includes(parts.algorithm.stages.at(-1)!);
  const stages = policy ? undefined : trained.map(({ name }) => name);
  const lines = summaryLines({ ...summary, unit: 'updates', run, last, best, stages });
  view.close(quiet || !policy ? lines : [...lines, ...teacherLines(parts, config.seed)]);
  io.stdout.write(json ? `${JSON.stringify({ ...summary, run: store.directory })}\n` : `${run}\n`);
  return 0;
}

/** SRPO's headline: the extracted policy beside the diffusion policy of the same behaviour model. */
function teacherLines({ algorithm, data }: OfflineParts, seed: number): Line[] {
  if (!(algorithm instanceof Srpo)) return [];
  return [[], ...comparisonLines(compareWithTeacher(algorithm, data.obsDim, seed))];
}
