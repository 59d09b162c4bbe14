import type { Rng } from '../../src/random/rng.ts';
import { ANT_ACTIONS } from './ant.ts';
import { ANT_WALL, addWalls, type Cell, cells, type Grid } from './maze.ts';
import type { Simulation } from './mujoco.ts';
import { clip, norm2 } from './numerics.ts';
import { addNormal, addUniform, type Info, symmetric, type Task, type TaskDefinition } from './task.ts';

const FRAME_SKIP = 5;
/** m: edge of a cell. */
const CELL = 4;
/** m: the goal is reached, and the episode over, within this distance. */
const GOAL_RADIUS = 0.5;
/** N m: an action of 1. */
const MAX_TORQUE = 30;
/** m, rad: half-width of the uniform noise on the start position. */
const POSITION_NOISE = 0.1;
/** m/s, rad/s: standard deviation of the noise on the start velocity. */
const VELOCITY_NOISE = 0.1;

/** Of D4RL; the start cell R is the origin, rows grow towards +y. */
const GRIDS: Readonly<Record<string, Grid>> = {
  umaze: ['#####', '#R..#', '###.#', '#G..#', '#####'],
  medium: ['########', '#R.##..#', '#..#...#', '##...###', '#..#...#', '#.#..#.#', '#...#.G#', '########'],
  large: [
    '############',
    '#R...#.....#',
    '#.##.#.#.#.#',
    '#......#...#',
    '#.####.###.#',
    '#..#.#.....#',
    '##.#.#.#.###',
    '#..#...#.G.#',
    '############',
  ],
  'eval-umaze': ['#####', '#..R#', '#.###', '#..G#', '#####'],
  'eval-medium': ['########', '#R....G#', '#.#.##.#', '#....#.#', '###..###', '#......#', '#..##..#', '########'],
  'eval-large': [
    '############',
    '#R.#...#.G.#',
    '##.###.#.#.#',
    '#..#.#.....#',
    '#.##.#..##.#',
    '#......#...#',
    '#.##.#.#.###',
    '#....#.....#',
    '############',
  ],
};

function place(grid: Grid, { row, col }: Cell): [number, number] {
  const start = cells(grid, 'R')[0]!;
  return [CELL * (col - start.col), CELL * (row - start.row)];
}

class AntMazeD4rl implements Task {
  reward = 0;
  terminated = false;
  info: Info = {};
  /** Goal x, y, and 1 once it has been drawn. */
  readonly memory = new Float64Array(3);
  readonly goal = this.memory.subarray(0, 2);
  readonly #simulation: Simulation;
  readonly #goalCell: [number, number];
  readonly #redraws: boolean;

  constructor(simulation: Simulation, grid: Grid, version: number) {
    this.#simulation = simulation;
    this.#goalCell = place(grid, cells(grid, 'G')[0]!);
    this.#redraws = version === 2;
  }

  /** v0 and v1 keep the goal they drew first: with a new seed, that is the seed's first. */
  reseed(): void {
    this.memory[2] = 0;
  }

  randomize(rng: Rng): void {
    if (this.#redraws || this.memory[2] === 0) {
      for (let i = 0; i < 2; i++)
        this.goal[i] = Math.max(0, this.#goalCell[i]! + rng.uniform(0, 1) + rng.uniform(0, 0.5));
      this.memory[2] = 1;
    }
    addUniform(this.#simulation.qpos, POSITION_NOISE, rng);
    addNormal(this.#simulation.qvel, VELOCITY_NOISE, rng);
  }

  begin(): void {}

  step(action: Float64Array): void {
    const simulation = this.#simulation;
    for (let i = 0; i < 8; i++)
      simulation.ctrl[i] = clip(-MAX_TORQUE + (action[i]! + 1) * 0.5 * (2 * MAX_TORQUE), -MAX_TORQUE, MAX_TORQUE);
    simulation.step(FRAME_SKIP);
    const { qpos } = simulation;
    const distance = norm2(qpos[0]! - this.goal[0]!, qpos[1]! - this.goal[1]!);
    this.terminated = distance <= GOAL_RADIUS;
    this.reward = Number(this.terminated);
    this.info = { distance_to_goal: distance };
  }

  observe(out: Float64Array): void {
    out.set(this.#simulation.qpos);
    out.set(this.#simulation.qvel, 15);
  }
}

function definition(name: string, maze: string, version: number): TaskDefinition {
  const grid = GRIDS[maze]!;
  return {
    id: `antmaze-${name}-v${version}`,
    summary: 'a four-legged body that walks through a maze to a goal',
    model: 'antD4rl.xml',
    modelName: 'ant_d4rl',
    edit: xml =>
      addWalls(xml, grid, {
        halfExtents: [CELL / 2, CELL / 2, 1],
        position: cell => [...place(grid, cell), 1],
        attributes: { ...ANT_WALL, solimp: '0.8 0.8 0.01 0.5 2' },
      }),
    views: [],
    sizes: [15, 14],
    frameSkip: FRAME_SKIP,
    timestep: 0.02,
    maxEpisodeSteps: maze.endsWith('umaze') ? 700 : 1000,
    layout: [
      { size: 2, name: 'qpos[0:2]', meaning: 'torso x, y m' },
      { size: 1, name: 'qpos[2]', meaning: 'torso height m' },
      { size: 4, name: 'qpos[3:7]', meaning: 'orientation (w x y z)' },
      { size: 8, name: 'qpos[7:15]', meaning: 'hip and ankle of four legs rad' },
      { size: 14, name: 'qvel', meaning: 'm/s, rad/s' },
    ],
    ...symmetric(8, 1),
    actions: ANT_ACTIONS.map(joint => ({ name: joint, scale: '×30' })),
    actionUnit: 'torque N m',
    rewardText: '1 within 0.5 m of the goal (which is not observed), else 0',
    endText: 'the goal is reached',
    versionText: 'v0 = v1 the goal is drawn once    v2 the goal is drawn at every reset',
    create: simulation => new AntMazeD4rl(simulation, grid, version),
  };
}

/** Suffixes name how the data of a maze were collected; the environment is the same. */
const NAMES = ['umaze', 'umaze-diverse', 'medium-play', 'medium-diverse', 'large-play', 'large-diverse'];

export const antMazeD4rl: readonly TaskDefinition[] = [
  ...[0, 1, 2].flatMap(version => NAMES.map(name => definition(name, name.split('-')[0]!, version))),
  ...NAMES.map(name => definition(`eval-${name}`, `eval-${name.split('-')[0]}`, 0)),
  // The mazes themselves, whatever the data.
  definition('medium', 'medium', 2),
  definition('large', 'large', 2),
];
