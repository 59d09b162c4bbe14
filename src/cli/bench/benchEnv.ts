import type { MujocoEnv } from '../../../envs/mujoco/mujocoEnv.ts';
import { makeMujocoEnv } from '../../../envs/registry.ts';
import { makeVectorEnv, suitableWorkers } from '../../../envs/vector.ts';
import type { VectorEnv } from '../../env/env.ts';
import { Rng } from '../../random/rng.ts';
import { measureStartUp, type StartUp } from './benchEnvStart.ts';

export interface EnvBenchmark extends StartUp {
  /** Environment steps a second, all worlds together. */
  readonly stepsPerSecond: number;
  /** The engine alone, one world in one thread, taking the same steps from the same states. */
  readonly rawStepsPerSecond: number;
  readonly fraction: number;
  /** With several worlds: what a trainer sees of the worker threads. */
  readonly threads?: ThreadBenchmark;
}

/** The same worlds with `workers` threads, with one, and without; measured in turn. */
export interface ThreadBenchmark {
  readonly workers: number;
  readonly oneWorkerStepsPerSecond: number;
  readonly inProcessStepsPerSecond: number;
  /** Steps a second with all workers, divided by those with one. */
  readonly speedup: number;
  /** The same, divided by those in process. */
  readonly speedupOverInProcess: number;
}

export interface EnvBenchOptions {
  readonly numEnvs?: number;
  /** Worker threads; default what suits the machine. */
  readonly workers?: number;
  /** Measuring time of each side in each round. */
  readonly secondsPerRound?: number;
  readonly rounds?: number;
  /** Told now and then with several worlds. */
  readonly onMeasured?: (done: number, of: number) => void;
}

/**
 * Turns with several worlds, and the seconds of one: many and short, so that where a host takes a core away for a moment
 * it spoils some, and not the median.
 */
const TURNS = 60;
const TURN_SECONDS = 0.2;
/** Steps before the first turn, in seconds: compiled by then, all of them. */
const WARM_UP_SECONDS = 2;

/** What the environment did in one step: the controls it wrote, and the state before if an episode began there. */
interface Recorded {
  readonly controls: Float64Array;
  readonly start?: Float64Array;
}

/**
 * Measures stepping through `Env` against the bare engine. Both take the very same steps: controls and start states of a
 * round through the environment are recorded and replayed on the engine alone. Rounds alternate; medians are reported,
 * of the fractions too.
 */
export async function benchEnv(id: string, options: EnvBenchOptions = {}): Promise<EnvBenchmark> {
  const { numEnvs = 1, rounds = 15, secondsPerRound = 0.2 } = options;
  const env = await makeMujocoEnv(id);
  try {
    const steps = stepsIn(env, secondsPerRound);
    const recorded = record(env, steps);
    const own: number[] = [];
    const raw: number[] = [];
    timeEngine(env, recorded); // compiled by now, both of them
    for (let round = 0; round < rounds; round++) {
      own.push(timeEnv(env, steps));
      raw.push(timeEngine(env, recorded));
    }
    const rawStepsPerSecond = steps / median(raw);
    const start = await measureStartUp(id);
    if (numEnvs === 1) {
      const fraction = median(raw.map((seconds, round) => seconds / own[round]!));
      return { stepsPerSecond: steps / median(own), rawStepsPerSecond, fraction, ...start };
    }
    const { stepsPerSecond, threads } = await timeWorlds(id, numEnvs, options, steps / secondsPerRound);
    return { stepsPerSecond, rawStepsPerSecond, fraction: stepsPerSecond / rawStepsPerSecond, threads, ...start };
  } finally {
    env.close();
  }
}

/** The same pseudo-random actions in every round, drawn beforehand: drawing them is no part of a step. */
function actionsOf(size: number): Float32Array[] {
  const rng = new Rng(1);
  return Array.from({ length: 997 }, () => Float32Array.from({ length: size }, () => rng.uniform(-1, 1)));
}

function stepsIn(env: MujocoEnv, seconds: number): number {
  timeEnv(env, 50);
  const perStep = timeEnv(env, 200) / 200;
  return Math.max(50, Math.round(seconds / perStep));
}

/** Seconds for `steps` steps through the environment, resets of finished episodes left out. */
function timeEnv(env: MujocoEnv, steps: number): number {
  const actions = actionsOf(env.spec.actionSpace.low.length);
  let resets = 0;
  env.reset(0);
  const begun = performance.now();
  for (let t = 0; t < steps; t++) {
    const { terminated, truncated } = env.step(actions[t % actions.length]!);
    if (!terminated && !truncated) continue;
    const before = performance.now();
    env.reset();
    resets += performance.now() - before;
  }
  return (performance.now() - begun - resets) / 1000;
}

function record(env: MujocoEnv, steps: number): Recorded[] {
  const { simulation } = env;
  const actions = actionsOf(env.spec.actionSpace.low.length);
  const recorded: Recorded[] = [];
  env.reset(0);
  let start: Float64Array | undefined = simulation.saveState();
  for (let t = 0; t < steps; t++) {
    const { terminated, truncated } = env.step(actions[t % actions.length]!);
    recorded.push({ controls: simulation.ctrl.slice(), start });
    start = undefined;
    if (!terminated && !truncated) continue;
    env.reset();
    start = simulation.saveState();
  }
  return recorded;
}

/** Seconds the engine takes for the recorded steps: controls, engine steps, contact wrenches where the task reads them. */
function timeEngine({ simulation, definition }: MujocoEnv, recorded: readonly Recorded[]): number {
  const { frameSkip, wrenches } = definition;
  let restores = 0;
  const begun = performance.now();
  for (const { controls, start } of recorded) {
    if (start) {
      const before = performance.now();
      simulation.restoreState(start);
      restores += performance.now() - before;
    }
    simulation.ctrl.set(controls);
    simulation.step(frameSkip);
    if (wrenches) simulation.contactWrenches();
  }
  return (performance.now() - begun - restores) / 1000;
}

/**
 * Steps a second of N worlds over worker threads, over one, and in this thread; in turn, so that all see the same machine.
 * All take the same steps, and those who wait for their turn sleep.
 */
async function timeWorlds(
  id: string,
  numEnvs: number,
  { workers = suitableWorkers(numEnvs), onMeasured }: EnvBenchOptions,
  engineRate: number,
): Promise<{ stepsPerSecond: number; threads: ThreadBenchmark }> {
  const sides = [workers, 1, 0];
  const worth = (seconds: number) => Math.max(2, Math.round((seconds * engineRate) / numEnvs));
  const count = worth(TURN_SECONDS);
  const rates: number[][] = sides.map(() => []);
  const envs: VectorEnv[] = [];
  try {
    for (const threads of sides) envs.push(await makeVectorEnv(id, numEnvs, { workers: threads }));
    const actions = actionsOf(numEnvs * envs[0]!.spec.actionSpace.low.length);
    for (const env of envs) {
      await env.reset(0);
      await timeVector(env, actions, worth(WARM_UP_SECONDS));
    }
    for (let turn = 1; turn <= TURNS; turn++) {
      for (const [side, env] of envs.entries())
        rates[side]!.push((count * numEnvs) / (await timeVector(env, actions, count)));
      if (turn % 10 === 0) onMeasured?.(turn, TURNS);
    }
  } finally {
    for (const env of envs) await env.close();
  }
  const over = (other: number) => median(rates[0]!.map((rate, round) => rate / rates[other]![round]!));
  return {
    stepsPerSecond: median(rates[0]!),
    threads: {
      workers,
      oneWorkerStepsPerSecond: median(rates[1]!),
      inProcessStepsPerSecond: median(rates[2]!),
      speedup: over(1),
      speedupOverInProcess: over(2),
    },
  };
}

async function timeVector(env: VectorEnv, actions: readonly Float32Array[], count: number): Promise<number> {
  const begun = performance.now();
  for (let t = 0; t < count; t++) await env.step(actions[t % actions.length]!);
  return (performance.now() - begun) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** The measurement in words. */
export function envBenchText({
  stepsPerSecond,
  fraction,
  threads,
  readySeconds,
  memoryBytesPerEnv,
}: EnvBenchmark): string {
  const lines = [`${Math.round(stepsPerSecond)} steps/s, ${(100 * fraction).toFixed(0)} % of the engine alone`];
  if (threads) {
    const { workers, speedup, speedupOverInProcess } = threads;
    lines.push(
      `${workers} worker threads: ${speedup.toFixed(2)} × one, ${speedupOverInProcess.toFixed(2)} × none (in process)`,
    );
  }
  lines.push(
    `ready ${readySeconds.toFixed(2)} s after a cold start, ${(memoryBytesPerEnv / 2 ** 20).toFixed(1)} MB for each further world`,
  );
  return lines.join('\n');
}
