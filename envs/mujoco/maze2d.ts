import type { Rng } from '../../src/random/rng.ts';
import { addWalls, cells, drawCell, type Grid, POINT_WALL } from './maze.ts';
import type { Simulation } from './mujoco.ts';
import { clip, norm2 } from './numerics.ts';
import { addNormal, type Info, symmetric, type Task, type TaskDefinition } from './task.ts';
import { vectorExp } from './vectorMath.ts';

/** m: the target is reached within this distance. */
const GOAL_RADIUS = 0.5;
/** m: half-width of the uniform noise around the start cell, per axis. */
const POSITION_NOISE = 0.1;
/** m/s: standard deviation of the start velocity. */
const VELOCITY_NOISE = 0.1;
/** m/s: the ball's velocity is clipped to ± this before each step. */
export const MAX_POINT_VELOCITY = 5;

/** Of D4RL; x counts rows, y columns, and cell (row, col) is the place (row, col). */
export const MAZE2D_GRIDS: Readonly<Record<string, Grid>> = {
  open: ['#######', '#.....#', '#..G..#', '#.....#', '#######'],
  umaze: ['#####', '#G..#', '###.#', '#...#', '#####'],
  medium: ['########', '#..##..#', '#..#...#', '##...###', '#..#...#', '#.#..#.#', '#...#.G#', '########'],
  large: [
    '############',
    '#....#.....#',
    '#.##.#.#.#.#',
    '#......#...#',
    '#.####.###.#',
    '#..#.#.....#',
    '##.#.#.#.###',
    '#..#...#.G.#',
    '############',
  ],
  'eval-umaze': ['#####', '#..G#', '#.###', '#...#', '#####'],
  'eval-medium': ['########', '#.....G#', '#.#.##.#', '#....#.#', '###..###', '#......#', '#..##..#', '########'],
  'eval-large': [
    '############',
    '#..#...#.G.#',
    '##.###.#.#.#',
    '#..#.#.....#',
    '#.##.#..##.#',
    '#......#...#',
    '#.##.#.#.###',
    '#....#.....#',
    '############',
  ],
};

/**
 * Holds the velocity within bounds and steps the ball once. The original makes a forward pass in between; the step
 * computes everything from the clipped state again, so that pass changes nothing and is left out.
 */
export function stepPoint(simulation: Simulation, action: Float64Array): void {
  const { qvel, ctrl } = simulation;
  for (let i = 0; i < 2; i++) {
    qvel[i] = clip(qvel[i]!, -MAX_POINT_VELOCITY, MAX_POINT_VELOCITY);
    ctrl[i] = clip(action[i]!, -1, 1);
  }
  simulation.step(1);
}

class Maze2d implements Task {
  reward = 0;
  readonly terminated = false;
  info: Info = {};
  /** Target x, y. */
  readonly memory = new Float64Array(2);
  readonly #simulation: Simulation;
  readonly #grid: Grid;
  readonly #dense: boolean;

  constructor(simulation: Simulation, grid: Grid, dense: boolean) {
    this.#simulation = simulation;
    this.#grid = grid;
    this.#dense = dense;
    const [target] = cells(grid, 'G');
    this.memory.set([target!.row, target!.col]);
  }

  get goal(): Float64Array {
    return this.memory;
  }

  randomize(rng: Rng): void {
    const { qpos, qvel } = this.#simulation;
    const { row, col } = drawCell(cells(this.#grid, '.G'), rng);
    qpos[0] = row + rng.uniform(-POSITION_NOISE, POSITION_NOISE);
    qpos[1] = col + rng.uniform(-POSITION_NOISE, POSITION_NOISE);
    addNormal(qvel, VELOCITY_NOISE, rng);
  }

  begin(): void {}

  step(action: Float64Array): void {
    const simulation = this.#simulation;
    stepPoint(simulation, action);
    const { qpos } = simulation;
    const distance = norm2(qpos[0]! - this.memory[0]!, qpos[1]! - this.memory[1]!);
    this.reward = this.#dense ? vectorExp(-distance) : Number(distance <= GOAL_RADIUS);
    this.info = { distance_to_goal: distance };
  }

  observe(out: Float64Array): void {
    const { qpos, qvel } = this.#simulation;
    for (let i = 0; i < 2; i++) {
      out[i] = qpos[i]!;
      out[2 + i] = qvel[i]!;
    }
  }
}

/** [maze, version, time limit in steps]. */
const TASKS = [
  ['open', 0, 150],
  ['umaze', 0, 150],
  ['medium', 0, 250],
  ['large', 0, 600],
  ['umaze', 1, 300],
  ['medium', 1, 600],
  ['large', 1, 800],
  ['eval-umaze', 1, 300],
  ['eval-medium', 1, 600],
  ['eval-large', 1, 800],
] as const;

function definition(maze: string, version: number, maxEpisodeSteps: number, dense: boolean): TaskDefinition {
  const grid = MAZE2D_GRIDS[maze]!;
  return {
    id: `maze2d-${maze}${dense ? '-dense' : ''}-v${version}`,
    summary: 'a ball that rolls through a maze to a fixed goal',
    model: 'pointD4rl.xml',
    modelName: 'point_maze',
    edit: xml =>
      addWalls(xml, grid, {
        halfExtents: [0.5, 0.5, 0.2],
        position: ({ row, col }) => [row + 1, col + 1, 0],
        attributes: { contype: '2', ...POINT_WALL },
      }),
    views: [],
    sizes: [2, 2],
    frameSkip: 1,
    timestep: 0.01,
    maxEpisodeSteps,
    layout: [
      { size: 2, name: 'qpos', meaning: 'x (along rows), y (along columns) m' },
      { size: 2, name: 'qvel', meaning: 'm/s' },
    ],
    ...symmetric(2, 1),
    actions: ['ball_x', 'ball_y'].map(name => ({ name, scale: '×100' })),
    actionUnit: 'force N',
    rewardText: dense ? 'exp(− distance to the goal)' : '1 within 0.5 m of the goal, else 0',
    endText: 'never before the time limit',
    versionText: 'v0 shorter time limits    v1 longer ones',
    create: simulation => new Maze2d(simulation, grid, dense),
  };
}

export const maze2d: readonly TaskDefinition[] = TASKS.flatMap(([maze, version, limit]) => [
  definition(maze, version, limit, false),
  definition(maze, version, limit, true),
]);
