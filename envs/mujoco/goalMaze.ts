import type { Rng } from '../../src/random/rng.ts';
import { type CentredMaze, cells, centre, drawCell } from './maze.ts';
import { vectorExp } from './vectorMath.ts';

/** m: a goal within this distance is reached. */
const GOAL_RADIUS = 0.45;
/** Starts and goals are drawn within ± this fraction of a cell around its centre, per axis. */
const PLACE_NOISE = 0.25;
/** A start is farther from the goal than this fraction of a cell. */
const START_DISTANCE = 0.5;

export interface GoalMazeOptions {
  readonly maze: CentredMaze;
  /** exp(−distance) instead of 1 at the goal. */
  readonly dense: boolean;
  /** Version 3 demands a start 0.5 m, not 0.5 cells, from the goal. */
  readonly version: number;
  /** Reaching the goal does not end the episode (the default of these tasks). */
  readonly continuingTask?: boolean;
  /** In a continuing task, a reached goal is drawn anew. */
  readonly resetTarget?: boolean;
}

/** What the mazes of Gymnasium-Robotics share: where to start, where to go, what reaching it is worth. */
export class GoalMaze {
  reward = 0;
  terminated = false;
  success = false;
  readonly #options: GoalMazeOptions;
  readonly #goal: Float64Array;

  /** `goal` [2] is kept by the task, in the memory that is saved. */
  constructor(options: GoalMazeOptions, goal: Float64Array) {
    this.#options = options;
    this.#goal = goal;
  }

  /** Draws goal and start; returns the start x, y. */
  place(rng: Rng): [number, number] {
    const { maze, version } = this.#options;
    const free = cells(maze.grid, '.');
    const marked = cells(maze.grid, 'RGC').length > 0;
    const starts = marked ? cells(maze.grid, 'RC') : free;
    const goals = marked ? cells(maze.grid, 'GC') : free;
    this.#goal.set(this.#noisy(centre(maze, drawCell(goals, rng)), rng));
    const [x, y] = [this.#goal[0]!, this.#goal[1]!];
    const distance = START_DISTANCE * (version === 3 ? 1 : maze.size);
    let start: [number, number];
    do start = centre(maze, drawCell(starts, rng));
    while (Math.hypot(start[0] - x, start[1] - y) <= distance);
    return this.#noisy(start, rng);
  }

  /** Sets reward, success and end for a body at (x, y). */
  judge(x: number, y: number): void {
    const dx = x - this.#goal[0]!;
    const dy = y - this.#goal[1]!;
    const distance = Math.sqrt(dx * dx + dy * dy);
    this.success = distance <= GOAL_RADIUS;
    this.reward = this.#options.dense ? vectorExp(-distance) : Number(this.success);
    this.terminated = this.#options.continuingTask === false && this.success;
  }

  /** In a continuing task with moving targets: a new goal, farther from (x, y) than its radius, once this one is reached. */
  moveTarget(x: number, y: number, rng: Rng): void {
    const { continuingTask, resetTarget, maze } = this.#options;
    if (!resetTarget || continuingTask === false || !this.success) return;
    const marked = cells(maze.grid, 'GC');
    const goals = marked.length > 0 ? marked : cells(maze.grid, '.');
    do this.#goal.set(this.#noisy(centre(maze, drawCell(goals, rng)), rng));
    while (Math.hypot(x - this.#goal[0]!, y - this.#goal[1]!) <= GOAL_RADIUS);
  }

  #noisy([x, y]: [number, number], rng: Rng): [number, number] {
    const noise = PLACE_NOISE * this.#options.maze.size;
    return [x + rng.uniform(-noise, noise), y + rng.uniform(-noise, noise)];
  }
}
