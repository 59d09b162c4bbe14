import { TERMINATED, TRUNCATED } from '../data/steps.ts';
import type { Collected } from './collect.ts';

type Point = readonly [x: number, y: number];

/** m: a goal is reached within this distance, in both kinds of mazes. */
const GOAL_RADIUS = 0.5;

/** maze2d: reward i refers to observation i, not to its successor, and to the one goal of the task [rows]. */
export function relabelPoint({ observations, obsDim, rows }: Collected, goal: Point, dense: boolean): Float32Array {
  return Float32Array.from({ length: rows }, (_, i) => {
    const away = distance(observations, i * obsDim, goal);
    return dense ? Math.exp(-away) : Number(away <= GOAL_RADIUS);
  });
}

/**
 * AntMaze: reward and terminal are 1 where the successor lies at the goal, whatever the walker was heading for. Episodes
 * run on after it, so there are rows of ones; the clock's marks stay.
 */
export function relabelAnt(collected: Collected, goal: Point): Collected {
  const { nextObservations, obsDim, rows } = collected;
  const reached = Uint8Array.from({ length: rows }, (_, i) =>
    Number(distance(nextObservations, i * obsDim, goal) <= GOAL_RADIUS),
  );
  return {
    ...collected,
    rewards: Float32Array.from(reached),
    flags: collected.flags.map((flag, i) => (flag & TRUNCATED) | (reached[i] ? TERMINATED : 0)),
  };
}

function distance(observations: Float32Array, at: number, [x, y]: Point): number {
  const [dx, dy] = [observations[at]! - x, observations[at + 1]! - y];
  return Math.sqrt(dx * dx + dy * dy);
}
