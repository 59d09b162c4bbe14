import type { Algorithm } from '../../algorithms/algorithm.ts';
import { useBackend } from '../../backend/register.ts';
import { normalizedScore, scoreRange } from '../../data/scores.ts';
import type { VectorEnv } from '../../env/env.ts';
import { AgentError, UsageError } from '../../errors.ts';
import { type Evaluation, evaluate } from '../../loops/evaluate.ts';
import { restoreVariables } from '../../loops/variables.ts';
import { Rng } from '../../random/rng.ts';
import { readCheckpoint } from '../../runs/readRun.ts';
import { type RunConfig, readConfig } from '../../runs/runConfig.ts';
import { StreamNoise } from '../../tensor/noise.ts';
import { type Tensor2D, tf } from '../../tensor/tf.ts';
import type { Command, Io } from '../command.ts';
import { backends, precisionOf, precisionOption } from '../flags.ts';
import { charsetFor } from '../terminal/charset.ts';
import { formatReturn, formatSpread, formatTime, grouped } from '../terminal/format.ts';
import { paintFor, paintLine } from '../terminal/paint.ts';
import { Interrupt } from '../train/interrupt.ts';
import { buildAlgorithm, makeWorlds, sizesOf } from '../train/onlineParts.ts';
import type { LoopOptions } from '../train/onlinePlan.ts';
import { knownTask, simulatorTeller } from '../train/simulator.ts';
import { shownPath } from '../train/trainRun.ts';
import { checkpointOf } from './checkpointOf.ts';
import { type Comparison, compareWithTeacher, comparisonLines } from './teacher.ts';

/** What `agent eval --json` prints. */
interface EvalResult {
  /** With its ending where the physics are not the usual: `Hopper-v3+legacy`. */
  readonly task: string;
  readonly return: number;
  readonly returnStd: number;
  readonly returns: readonly number[];
  readonly lengths: readonly number[];
  /** D4RL 0–100, where the task has one. */
  readonly normalizedScore?: number;
  readonly episodes: number;
  readonly checkpoint: number;
  readonly actionMicroseconds: number;
  /** With `--teacher`. */
  readonly teacher?: Comparison;
}

export const command: Command = {
  name: 'eval',
  args: 'RUN',
  maxArgs: 1,
  options: [
    { name: 'episodes', value: 'N', default: '10', doc: 'episodes to average over' },
    { name: 'checkpoint', value: 'last|best|STEP', doc: 'which policy (default last)' },
    { name: 'seed', value: 'S', default: '0', doc: 'of start states and action noise' },
    { name: 'teacher', doc: 'SRPO: time and arithmetic of an action beside the diffusion model it learned from' },
    { name: 'backend', value: backends.join('|'), doc: 'what computes (default auto)' },
    { ...precisionOption, doc: 'of sampling and of judging samples (default: as trained, where the processor can)' },
    { name: 'threads', value: 'N', doc: 'worker threads (default: one a core)' },
  ],
  examples: ['agent eval runs/qvpo-humanoid-v3-1120-k7q2 --checkpoint best --episodes 100'],
  run: async (input, io) => {
    const directory = input.only('RUN', [['for example', 'agent eval runs/qvpo-humanoid-v3-1120-k7q2']]);
    const episodes = input.count('episodes') ?? 10;
    const seed = input.count('seed', 0) ?? 0;
    const which = checkpointOf(input) ?? 'last';
    const config = readConfig(directory);
    const threads = input.count('threads');
    const backend = input.choice('backend', backends) ?? 'auto';
    const own = config.precision === 'bf16' ? 'auto' : 'float32';
    const precision = input.has('precision') ? precisionOf(input) : own;
    const checkpoint = await readCheckpoint(directory, which);
    await useBackend(backend, { threads, precision });
    const task = taskOf(config);
    const waits = simulatorTeller(io, { quiet: input.has('quiet') });
    const env = await makeWorlds(task, Math.min(episodes, 10), config.options as Partial<LoopOptions>, waits);
    const interrupt = new Interrupt(
      () => {},
      () => {},
    );
    try {
      const algorithm = buildAlgorithm(config, env.spec);
      restoreVariables(algorithm.variables, checkpoint.tensors);
      const options = { episodes, seed, stopped: () => interrupt.requested };
      const result = await evaluate(algorithm, env, options);
      if (!result) return 130;
      const teacher = input.has('teacher') ? compareWithTeacher(algorithm, sizesOf(env.spec).obsDim, seed) : undefined;
      const range = scoreRange(config.task);
      const full = {
        ...describe(task, result, checkpoint.step, measureAction(algorithm, env, seed)),
        ...(range && { normalizedScore: normalizedScore(result.return, range) }),
        ...(teacher && { teacher }),
      };
      if (input.has('json')) io.stdout.write(`${JSON.stringify(full)}\n`);
      else print(full, directory, task, io);
      return 0;
    } finally {
      interrupt.close();
      await env.close();
    }
  },
};

/** The task a run is evaluated on; an offline run may have been given none. */
export function taskOf({ kind, task, options }: RunConfig): string {
  if (kind === 'online') return task;
  const env = options.env as string | null | undefined;
  if (!env) throw new UsageError(`the run was trained on ${task} alone: there is no task to evaluate it on`);
  return env;
}

function describe(task: string, result: Evaluation, checkpoint: number, actionMicroseconds: number): EvalResult {
  if (!Number.isFinite(result.return)) throw new AgentError(`the return is ${result.return}`);
  const { returns, lengths, returnStd } = result;
  return {
    task,
    return: result.return,
    returnStd,
    returns,
    lengths,
    episodes: returns.length,
    checkpoint,
    actionMicroseconds,
  };
}

/** Median time of one action for one observation, in µs: 20 calls to warm up, 100 measured. */
function measureAction(algorithm: Algorithm, env: VectorEnv, seed: number): number {
  const { obsDim } = sizesOf(env.spec);
  const rng = new Rng(seed).split('action time');
  const noise = new StreamNoise(rng);
  const observation = Float32Array.from({ length: obsDim }, () => rng.normal());
  const times: number[] = [];
  for (let i = 0; i < 120; i++) {
    const begin = performance.now();
    tf.tidy(() => algorithm.act(tf.tensor2d(observation, [1, obsDim]) as Tensor2D, 'exploit', noise).dataSync());
    if (i >= 20) times.push(performance.now() - begin);
  }
  times.sort((a, b) => a - b);
  return Math.round(times[50]! * 1e4) / 10;
}

function print(result: EvalResult, directory: string, task: string, io: Io): void {
  const published = knownTask(task)?.published;
  const paint = paintFor(io.stdout, io.env);
  const lines = [
    ['return', `${formatReturn(result.return)} ± ${formatSpread(result.returnStd, result.return)}`],
    [
      'episodes',
      `${result.episodes}, ${grouped(Math.min(...result.lengths))} to ${grouped(Math.max(...result.lengths))} steps long`,
    ],
    ['checkpoint', `${grouped(result.checkpoint)} of ${shownPath(directory)}`],
    ['an action', formatTime(result.actionMicroseconds * 1e-6)],
    ...(result.normalizedScore === undefined ? [] : [['score', `${result.normalizedScore.toFixed(1)}, D4RL`]]),
    ...(published ? [['published', published]] : []),
  ].map(([label, text], index) => paintLine(['  ', label!.padEnd(12), index === 0 ? ['bold', text!] : text!], paint));
  const compared = result.teacher ? ['', ...comparisonLines(result.teacher).map(line => paintLine(line, paint))] : [];
  const encode = charsetFor(io.env);
  io.stdout.write(`${encode([paintLine(['  ', ['bold', task]], paint), '', ...lines, ...compared].join('\n'))}\n`);
}
