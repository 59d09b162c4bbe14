import { freeCells, type Grid, isFree, type Place, shortestWay } from '../data/gridPlan.ts';
import type { Rng } from '../random/rng.ts';
import type { Driver } from './collect.ts';
import type { PolicyFile } from './policyFile.ts';

type Point = readonly [x: number, y: number];

/** m: a waypoint of the ball counts as reached within this distance and at no more displacement in a step. */
const REACHED = 0.1;
/** m: waypoints lie at most so far before a cell's centre, per axis: where the shifted ball has room. */
const WAYPOINT_SHIFT = 0.2;
/** Gain of the ball's PD controller; its damping is 1. */
const GAIN = 10;
/** m: the ball is drawn so far off the centre of its cell. */
const BALL_OFFSET = 0.2;

export interface PointDriverOptions {
  readonly grid: Grid;
  /** A goal not reached in so many steps is replaced. */
  readonly maxEpisodeSteps: number;
  readonly rng: Rng;
  /** Standard deviation of noise on the actions: 0.5 in the noisy collections. */
  readonly noise?: number;
}

/**
 * D4RL's maze2d controller: a plan over the grid gives waypoints, a PD controller steers the ball through them. A goal
 * that is reached or takes too long is replaced, and the ball rolls on. Here x counts rows and y columns.
 */
export class PointDriver implements Driver {
  readonly resets = false;
  readonly heedsTermination = false;
  readonly #options: PointDriverOptions;
  #goal: Point = [0, 0];
  #waypoints: Point[] = [];
  #last: Point = [0, 0];

  constructor(options: PointDriverOptions) {
    this.#options = options;
  }

  get goal(): Point {
    return this.#goal;
  }

  begin(observation: Float32Array): void {
    this.#last = [observation[0]!, observation[1]!];
    this.#choose(this.#last);
  }

  act(observation: Float32Array): Float32Array {
    const { noise = 0, rng } = this.#options;
    const at: Point = [observation[0]!, observation[1]!];
    if (this.#waypoints.length > 1 && this.#reached(at, this.#waypoints[0]!)) this.#waypoints.shift();
    this.#last = at;
    const target = this.#waypoints[0]!;
    return Float32Array.from([0, 1], axis => {
      const wanted = GAIN * (target[axis]! - at[axis]!) - observation[2 + axis]!;
      return Math.max(-1, Math.min(1, wanted + (noise > 0 ? noise * rng.normal() : 0)));
    });
  }

  timeout(observation: Float32Array, elapsed: number): boolean {
    const at: Point = [observation[0]!, observation[1]!];
    if (elapsed < this.#options.maxEpisodeSteps && !this.#reached(at, this.#goal)) return false;
    this.#choose(at);
    return true;
  }

  #reached(at: Point, waypoint: Point): boolean {
    return distance(at, waypoint) < REACHED && distance(at, this.#last) < REACHED;
  }

  /** A goal in a free cell, and waypoints to it through the cells between. */
  #choose(at: Point): void {
    const { grid, rng } = this.#options;
    const cells = freeCells(grid);
    const from = nearestFree(grid, [at[0] + BALL_OFFSET, at[1] + BALL_OFFSET]);
    const to = cells[rng.integer(cells.length)]!;
    this.#goal = [to[0] + rng.uniform(-0.1, 0.1), to[1] + rng.uniform(-0.1, 0.1)];
    const way = shortestWay(grid, from, to) ?? [to];
    const between = way.slice(1, -1);
    const shifted = between.map(([row, col]): Point => {
      return [row - rng.uniform(0, WAYPOINT_SHIFT), col - rng.uniform(0, WAYPOINT_SHIFT)];
    });
    this.#waypoints = [...shifted, this.#goal];
  }
}

/** m: edge of a cell of the ant's mazes. */
const CELL = 4;
/** Length of the vector to the waypoint that the walker is given. */
const COMPASS = 10;
/** Standard deviation of the noise on the walker's actions. */
const ANT_NOISE = 0.2;
/** m: so near the next waypoint is drawn: the radius the walker was trained with. */
const ANT_REACHED = 1;
/** A new goal and a new start after so many steps, whether it was reached or not. */
const ANT_EPISODE = 1000;

export interface AntDriverOptions {
  /** R marks the cell at the origin; x grows with columns, y with rows. */
  readonly grid: Grid;
  /** Takes the observation without x, y and a vector of length 10 towards the next waypoint. */
  readonly walker: PolicyFile;
  /** Cells to walk to. */
  readonly goals: readonly Place[];
  readonly rng: Rng;
}

/**
 * D4RL's AntMaze collection: a plan over the grid gives the next cell on the way, a walker goes to a point drawn in it
 * (in the last cell: to the goal). Its actions are sampled, as in the other collections, since its mode has points where
 * it stands still for good, and get noise besides. Reaching the goal ends nothing; the clock does.
 */
export class AntDriver implements Driver {
  readonly resets = true;
  readonly heedsTermination = false;
  readonly #options: AntDriverOptions;
  readonly #origin: Place;
  #goal: Point = [0, 0];
  #goalCell: Place = [0, 0];
  /** The cell it came from and the one it walks to; empty: the way has to be found. */
  #leg: readonly Place[] = [];
  #waypoint: Point = [0, 0];

  constructor(options: AntDriverOptions) {
    this.#options = options;
    this.#origin = originOf(options.grid);
  }

  get goal(): Point {
    return this.#goal;
  }

  begin(): void {
    const { goals, rng } = this.#options;
    this.#goalCell = goals[rng.integer(goals.length)]!;
    this.#goal = antGoal(this.#options.grid, this.#goalCell, rng);
    this.#leg = [];
  }

  act(observation: Float32Array): Float32Array {
    const { walker, rng } = this.#options;
    const at: Point = [observation[0]!, observation[1]!];
    this.#steer(at);
    const away = Math.max(1e-6, distance(at, this.#waypoint));
    const seen = new Float32Array(observation.length);
    seen.set(observation.subarray(2));
    for (const axis of [0, 1]) {
      seen[observation.length - 2 + axis] = (COMPASS * (this.#waypoint[axis]! - at[axis]!)) / away;
    }
    return walker.act(seen, rng).map(a => Math.max(-1, Math.min(1, a + ANT_NOISE * rng.normal())));
  }

  timeout(_: Float32Array, elapsed: number): boolean {
    return elapsed >= ANT_EPISODE;
  }

  /** Draws the next waypoint at the last one, not where a cell ends: the ant would cut the corner there, and fall over it. */
  #steer(at: Point): void {
    const { grid, rng } = this.#options;
    const cell = nearestFree(grid, [at[1] / CELL + this.#origin[0], at[0] / CELL + this.#origin[1]]);
    const onItsWay = this.#leg.some(place => samePlace(place, cell));
    if (onItsWay && distance(at, this.#waypoint) > ANT_REACHED) return;
    const next = shortestWay(grid, cell, this.#goalCell)?.[1];
    this.#leg = next ? [cell, next] : [cell];
    const [x, y] = antPlace(grid, next ?? this.#goalCell);
    const last = !next || samePlace(next, this.#goalCell);
    this.#waypoint = last ? this.#goal : [x + rng.uniform(0, 1), y + rng.uniform(0, 1)];
  }
}

/** World x, y of a cell's centre in the ant's mazes. */
export function antPlace(grid: Grid, [row, col]: Place): Point {
  const [originRow, originCol] = originOf(grid);
  return [CELL * (col - originCol), CELL * (row - originRow)];
}

/** A goal in a cell, drawn as the task draws its own. */
function antGoal(grid: Grid, cell: Place, rng: Rng): Point {
  const [x, y] = antPlace(grid, cell);
  const shift = () => rng.uniform(0, 1) + rng.uniform(0, 0.5);
  return [Math.max(0, x + shift()), Math.max(0, y + shift())];
}

function originOf(grid: Grid): Place {
  const row = grid.findIndex(line => line.includes('R'));
  return [row, grid[row]!.indexOf('R')];
}

function samePlace(a: Place, b: Place): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

function nearestFree(grid: Grid, [row, col]: Point): Place {
  const rounded: Place = [Math.round(row), Math.round(col)];
  if (isFree(grid, rounded)) return rounded;
  const away = (cell: Place) => distance([row, col], cell);
  return freeCells(grid).reduce((best, cell) => (away(cell) < away(best) ? cell : best));
}

function distance(a: Point, b: Point): number {
  return Math.sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]));
}
