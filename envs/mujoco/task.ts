import type { Rng } from '../../src/random/rng.ts';
import type { Simulation, ViewName } from './mujoco.ts';

export type Info = Record<string, number | readonly number[]>;

/**
 * The task itself, in float64 and in its own action units, as the literature defines it: what the reference rollouts
 * record. `MujocoEnv` makes an `Env` of it.
 */
export interface Task {
  readonly reward: number;
  readonly terminated: boolean;
  readonly info: Info;
  /** All a step needs beside the engine's integration state: goals, and derived quantities of the step before. Saved with it. */
  readonly memory: Float64Array;
  /** Where the task wants to be, if it has a goal: a part of `memory`. */
  readonly goal?: Float64Array;
  /** The random stream was restarted: forget what outlives an episode. */
  reseed?(): void;
  /** Writes a drawn start state into the zeroed simulation, and draws what belongs to the episode, a goal say. */
  randomize(rng: Rng): void;
  /** After the forward pass of a reset: remembers what the first step compares with. */
  begin(): void;
  /** One environment step. `action` [actDim], not clamped here: the engine clamps what has a control range. */
  step(action: Float64Array): void;
  /** Writes the observation [obsDim]. */
  observe(out: Float64Array): void;
  /** After the observation of a step was taken: draws what changes within an episode. */
  afterStep?(rng: Rng): void;
}

/** One row of the observation layout. */
export interface LayoutEntry {
  /** How many numbers. */
  readonly size: number;
  /** The engine's name of the quantity: `qpos[2:24]`. */
  readonly name: string;
  /** What the numbers mean, with units. */
  readonly meaning: string;
}

export interface ActionEntry {
  readonly name: string;
  /** What one unit of action does: `×100`. */
  readonly scale: string;
}

/** Choices a user has within a task. */
export interface TaskOptions {
  /** Goal mazes: reaching the goal does not end the episode (the default there). */
  readonly continuingTask?: boolean;
  /** Goal mazes with a continuing task: a reached goal is drawn anew (off by default). */
  readonly resetTarget?: boolean;
}

/** Everything known of one id before a world of it exists. */
export interface TaskDefinition {
  readonly id: string;
  /** One line: what the body is and what it should do. */
  readonly summary: string;
  /** Model file beside the task. */
  readonly model: string;
  /** Name of the model in the tables of mass properties, for `--physics legacy`. */
  readonly modelName: string;
  /** Masses and contact margins of MuJoCo up to 2.1. */
  readonly legacy?: boolean;
  /** Changes to the model text that belong to the id: walls of a maze, a control without limits. */
  readonly edit?: (xml: string) => string;
  readonly views: readonly ViewName[];
  /** Positions and velocities of the model: nq, nv. */
  readonly sizes: readonly [positions: number, velocities: number];
  /** Contact wrenches are computed after each step, because the task reads them. */
  readonly wrenches?: boolean;
  /** Engine steps in one environment step. */
  readonly frameSkip: number;
  /** Seconds of one engine step. */
  readonly timestep: number;
  readonly maxEpisodeSteps: number;
  readonly layout: readonly LayoutEntry[];
  /** Bounds of the task's own actions, rounded to float32 as declared in the literature. */
  readonly actionLow: readonly number[];
  readonly actionHigh: readonly number[];
  readonly actions: readonly ActionEntry[];
  /** What an action is: `torque N m`. */
  readonly actionUnit: string;
  readonly rewardText: string;
  readonly endText: string;
  readonly versionText: string;
  /** Best published returns with their protocol, if any. */
  readonly published?: string;
  create(simulation: Simulation, options: TaskOptions): Task;
}

/** `count` bounds of ±limit in float32. */
export function symmetric(count: number, limit: number): { actionLow: number[]; actionHigh: number[] } {
  const bound = Math.fround(limit);
  return { actionLow: Array(count).fill(-bound), actionHigh: Array(count).fill(bound) };
}

/** Adds U(-noise, noise) to every entry. */
export function addUniform(values: Float64Array, noise: number, rng: Rng): void {
  for (let i = 0; i < values.length; i++) values[i]! += rng.uniform(-noise, noise);
}

/** Adds noise · N(0, 1) to every entry. */
export function addNormal(values: Float64Array, noise: number, rng: Rng): void {
  for (let i = 0; i < values.length; i++) values[i]! += noise * rng.normal();
}
