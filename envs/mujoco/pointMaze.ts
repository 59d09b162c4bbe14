import type { Rng } from '../../src/random/rng.ts';
import { GoalMaze, type GoalMazeOptions } from './goalMaze.ts';
import { addCentredWalls, CENTRED_GRIDS, type CentredMaze, POINT_WALL } from './maze.ts';
import { stepPoint } from './maze2d.ts';
import type { Simulation } from './mujoco.ts';
import { type Info, symmetric, type Task, type TaskDefinition } from './task.ts';

/** m: edge of a cell. */
const CELL = 1;
/** Of an edge: height of the walls. */
const WALL_HEIGHT = 0.4;

/** A ball in a maze of Gymnasium-Robotics. */
class PointMaze implements Task {
  info: Info = {};
  readonly memory = new Float64Array(2);
  readonly goal = this.memory;
  readonly #simulation: Simulation;
  readonly #maze: GoalMaze;

  constructor(simulation: Simulation, options: GoalMazeOptions) {
    this.#simulation = simulation;
    this.#maze = new GoalMaze(options, this.goal);
  }

  get reward(): number {
    return this.#maze.reward;
  }

  get terminated(): boolean {
    return this.#maze.terminated;
  }

  randomize(rng: Rng): void {
    this.#simulation.qpos.set(this.#maze.place(rng));
  }

  begin(): void {}

  step(action: Float64Array): void {
    stepPoint(this.#simulation, action);
    const { qpos } = this.#simulation;
    this.#maze.judge(qpos[0]!, qpos[1]!);
    this.info = { success: Number(this.#maze.success) };
  }

  afterStep(rng: Rng): void {
    const { qpos } = this.#simulation;
    this.#maze.moveTarget(qpos[0]!, qpos[1]!, rng);
  }

  observe(out: Float64Array): void {
    const { qpos, qvel } = this.#simulation;
    for (let i = 0; i < 2; i++) {
      out[i] = qpos[i]!;
      out[2 + i] = qvel[i]!;
      out[4 + i] = qpos[i]!;
      out[6 + i] = this.goal[i]!;
    }
  }
}

/** Steps after which an episode is truncated, by the size of the maze. */
function timeLimit(name: string): number {
  if (name.startsWith('Large')) return 800;
  return name.startsWith('Medium') ? 600 : 300;
}

function definition(name: string, dense: boolean): TaskDefinition {
  const maze: CentredMaze = { grid: CENTRED_GRIDS[name]!, size: CELL, height: WALL_HEIGHT };
  return {
    id: `PointMaze_${name}${dense ? 'Dense' : ''}-v3`,
    summary: 'a ball that rolls through a maze to a goal it is told',
    model: 'pointRobotics.xml',
    modelName: 'point_robotics',
    edit: xml => addCentredWalls(xml, maze, POINT_WALL),
    views: [],
    sizes: [2, 2],
    frameSkip: 1,
    timestep: 0.01,
    maxEpisodeSteps: timeLimit(name),
    layout: [
      { size: 2, name: 'qpos', meaning: 'x, y m' },
      { size: 2, name: 'qvel', meaning: 'm/s' },
      { size: 2, name: 'achieved goal', meaning: 'x, y m' },
      { size: 2, name: 'desired goal', meaning: 'goal x, y m' },
    ],
    ...symmetric(2, 1),
    actions: ['ball_x', 'ball_y'].map(joint => ({ name: joint, scale: '×100' })),
    actionUnit: 'force N',
    rewardText: dense ? 'exp(− distance to the goal)' : '1 within 0.45 m of the goal, else 0',
    endText: 'never before the time limit; made with continuingTask: false, at the goal',
    versionText: 'v3',
    create: (simulation, options) => new PointMaze(simulation, { ...options, maze, dense, version: 3 }),
  };
}

export const pointMaze: readonly TaskDefinition[] = Object.keys(CENTRED_GRIDS).flatMap(name => [
  definition(name, false),
  definition(name, true),
]);
