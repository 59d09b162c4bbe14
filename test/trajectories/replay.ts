import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { MujocoEnv } from '../../envs/mujoco/mujocoEnv.ts';
import { makeMujocoEnv } from '../../envs/registry.ts';

/** A recorded rollout of the original environment: a start state, actions, and all that came of them. */
export interface Rollout {
  readonly task: string;
  readonly physics: string;
  readonly frameSkip: number;
  readonly timestep: number;
  readonly timeLimit: number;
  readonly actionLow: readonly number[];
  readonly actionHigh: readonly number[];
  readonly goal?: readonly number[];
  readonly continuingTask?: boolean;
  readonly initial: { readonly qpos: number[]; readonly qvel: number[]; readonly observation: number[] };
  readonly actions: readonly number[][];
  readonly observations: readonly number[][];
  readonly rewards: readonly number[];
  readonly terminated: readonly boolean[];
  readonly qpos: readonly number[][];
  readonly qvel: readonly number[][];
  readonly ctrl?: readonly number[][];
  readonly info: Readonly<Record<string, readonly unknown[]>>;
}

export function readRollout(path: string): Rollout {
  return JSON.parse(gunzipSync(readFileSync(path)).toString('utf8')) as Rollout;
}

/** Replays the rollout in float64 and returns every difference, at most `limit`, as readable lines. */
export async function replay(rollout: Rollout, limit = 5): Promise<string[]> {
  const env = await makeMujocoEnv(rollout.task, { continuingTask: rollout.continuingTask });
  try {
    const differences = new Differences(limit);
    compareDeclaration(env, rollout, differences);
    start(env, rollout);
    const observation = new Float64Array(rollout.initial.observation.length);
    env.task.observe(observation);
    differences.compare('initial observation', observation, rollout.initial.observation);
    for (let t = 0; t < rollout.actions.length && !differences.full; t++) {
      env.simulation.refresh();
      env.task.step(Float64Array.from(rollout.actions[t]!));
      env.task.observe(observation);
      differences.compare(`observation after step ${t}`, observation, rollout.observations[t]!);
      compareStep(env, rollout, t, differences);
    }
    return differences.lines;
  } finally {
    env.close();
  }
}

/** Puts the environment where the rollout starts. */
function start({ simulation, task }: MujocoEnv, { initial, goal }: Rollout): void {
  simulation.zero();
  simulation.qpos.set(initial.qpos);
  simulation.qvel.set(initial.qvel);
  if (goal) task.goal!.set(goal);
  simulation.forward();
  task.begin();
}

function compareDeclaration(env: MujocoEnv, rollout: Rollout, differences: Differences): void {
  const { definition, spec, simulation } = env;
  differences.compare('frame skip', definition.frameSkip, rollout.frameSkip);
  differences.compare('time step', simulation.timestep, rollout.timestep);
  differences.compare('declared time step', definition.timestep, rollout.timestep);
  differences.compare('time limit', spec.maxEpisodeSteps, rollout.timeLimit);
  differences.compare('action low', spec.actionSpace.low, rollout.actionLow);
  differences.compare('action high', spec.actionSpace.high, rollout.actionHigh);
}

function compareStep(env: MujocoEnv, rollout: Rollout, t: number, found: Differences): void {
  const { simulation, task } = env;
  const at = (name: string) => `${name} after step ${t}`;
  found.compare(at('qpos'), simulation.qpos, rollout.qpos[t]!);
  found.compare(at('qvel'), simulation.qvel, rollout.qvel[t]!);
  if (rollout.ctrl) found.compare(at('ctrl'), simulation.ctrl, rollout.ctrl[t]!);
  found.compare(at('reward'), task.reward, rollout.rewards[t]!);
  found.compare(at('terminated'), task.terminated, rollout.terminated[t]!);
  for (const [name, values] of Object.entries(rollout.info))
    found.compare(at(`info ${name}`), task.info[name], values[t]);
}

class Differences {
  readonly lines: string[] = [];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get full(): boolean {
    return this.lines.length >= this.#limit;
  }

  /** Exact equality of numbers, flags or lists of them; -0 equals 0, which JSON does not tell apart everywhere. */
  compare(what: string, got: unknown, wanted: unknown): void {
    if (this.full) return;
    const [a, b] = [flat(got), flat(wanted)];
    if (a.length !== b.length) this.lines.push(`${what}: ${a.length} numbers, recorded ${b.length}`);
    for (let i = 0; i < a.length && i < b.length && !this.full; i++)
      if (a[i] !== b[i]) this.lines.push(`${what}[${i}]: ${a[i]}, recorded ${b[i]}`);
  }
}

function flat(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  if (typeof value === 'boolean') return [Number(value)];
  if (value === undefined || value === null) return [];
  return Array.from(value as ArrayLike<number>, Number);
}
