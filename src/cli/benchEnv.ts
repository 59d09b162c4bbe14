import type { MujocoEnv } from '../../envs/mujoco/mujocoEnv.ts';
import { makeMujocoEnv } from '../../envs/registry.ts';
import { makeVectorEnv, suitableWorkers } from '../../envs/vector.ts';
import { Rng } from '../random/rng.ts';

export interface EnvBenchmark {
  /** Environment steps a second, all worlds together. */
  readonly stepsPerSecond: number;
  /** The engine alone, one world in one thread, taking the same steps from the same states. */
  readonly rawStepsPerSecond: number;
  readonly fraction: number;
}

export interface EnvBenchOptions {
  readonly numEnvs?: number;
  /** Worker threads; default what suits the machine. */
  readonly workers?: number;
  /** Measuring time of each side in each round. */
  readonly secondsPerRound?: number;
  readonly rounds?: number;
}

/** What the environment did in one step: the controls it wrote, and the state before if an episode began there. */
interface Recorded {
  readonly controls: Float64Array;
  readonly start?: Float64Array;
}

/**
 * Measures stepping through `Env` against the bare engine. Both take the very same steps: controls and start states of a
 * round through the environment are recorded and replayed on the engine alone. Rounds alternate; medians are reported.
 */
export async function benchEnv(id: string, options: EnvBenchOptions = {}): Promise<EnvBenchmark> {
  const { numEnvs = 1, rounds = 7, secondsPerRound = 0.3 } = options;
  const env = await makeMujocoEnv(id);
  try {
    const steps = stepsIn(env, secondsPerRound);
    const recorded = record(env, steps);
    const own: number[] = [];
    const raw: number[] = [];
    for (let round = 0; round < rounds; round++) {
      own.push(timeEnv(env, steps));
      raw.push(timeEngine(env, recorded));
    }
    const rawStepsPerSecond = steps / median(raw);
    const stepsPerSecond = numEnvs === 1 ? steps / median(own) : await timeWorlds(id, numEnvs, options, steps, rounds);
    return { stepsPerSecond, rawStepsPerSecond, fraction: stepsPerSecond / rawStepsPerSecond };
  } finally {
    env.close();
  }
}

/** The same pseudo-random actions in every round. */
function actionsOf(actDim: number): (action: Float32Array, t: number) => void {
  const table = new Float32Array(997 * actDim);
  const rng = new Rng(1);
  for (let i = 0; i < table.length; i++) table[i] = rng.uniform(-1, 1);
  return (action, t) => action.set(table.subarray((t % 997) * actDim, ((t % 997) + 1) * actDim));
}

function stepsIn(env: MujocoEnv, seconds: number): number {
  timeEnv(env, 50);
  const perStep = timeEnv(env, 200) / 200;
  return Math.max(50, Math.round(seconds / perStep));
}

/** Seconds for `steps` steps through the environment, resets of finished episodes left out. */
function timeEnv(env: MujocoEnv, steps: number): number {
  const action = new Float32Array(env.spec.actionSpace.low.length);
  const draw = actionsOf(action.length);
  let resets = 0;
  env.reset(0);
  const begun = performance.now();
  for (let t = 0; t < steps; t++) {
    draw(action, t);
    const { terminated, truncated } = env.step(action);
    if (!terminated && !truncated) continue;
    const before = performance.now();
    env.reset();
    resets += performance.now() - before;
  }
  return (performance.now() - begun - resets) / 1000;
}

function record(env: MujocoEnv, steps: number): Recorded[] {
  const { simulation } = env;
  const action = new Float32Array(env.spec.actionSpace.low.length);
  const draw = actionsOf(action.length);
  const recorded: Recorded[] = [];
  env.reset(0);
  let start: Float64Array | undefined = simulation.saveState();
  for (let t = 0; t < steps; t++) {
    draw(action, t);
    const { terminated, truncated } = env.step(action);
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

/** Steps a second of N worlds over worker threads. */
async function timeWorlds(
  id: string,
  numEnvs: number,
  { workers = suitableWorkers(numEnvs) }: EnvBenchOptions,
  steps: number,
  rounds: number,
): Promise<number> {
  const env = await makeVectorEnv(id, numEnvs, { workers });
  try {
    const actions = new Float32Array(numEnvs * env.spec.actionSpace.low.length);
    const draw = actionsOf(actions.length);
    const perRound = Math.max(20, Math.round(steps / numEnvs));
    const seconds: number[] = [];
    await env.reset(0);
    for (let round = 0; round <= rounds; round++) {
      const begun = performance.now();
      for (let t = 0; t < perRound; t++) {
        draw(actions, t);
        await env.step(actions);
      }
      if (round > 0) seconds.push((performance.now() - begun) / 1000); // the first warms up
    }
    return (perRound * numEnvs) / median(seconds);
  } finally {
    await env.close();
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
