import type { Rng } from '../../src/random/rng.ts';
import { ANT_ACTIONS, ANT_FRAME_SKIP, ANT_TIMESTEP, Ant, antLayout } from './ant.ts';
import { GoalMaze, type GoalMazeOptions } from './goalMaze.ts';
import { ANT_WALL, addCentredWalls, CENTRED_GRIDS, type CentredMaze } from './maze.ts';
import type { Simulation } from './mujoco.ts';
import { type Info, symmetric, type Task, type TaskDefinition } from './task.ts';

/** m: edge of a cell. */
const CELL = 4;
/** Of an edge: height of the walls. */
const WALL_HEIGHT = 0.5;

/** The ant of Gymnasium in a maze of Gymnasium-Robotics; its own reward is ignored. */
class AntMaze implements Task {
  info: Info = {};
  /** Goal x, y, then what the ant remembers. */
  readonly memory: Float64Array;
  readonly goal: Float64Array;
  readonly #simulation: Simulation;
  readonly #ant: Ant;
  readonly #maze: GoalMaze;
  readonly #antDim: number;

  constructor(simulation: Simulation, options: GoalMazeOptions, antDim: number) {
    this.#simulation = simulation;
    this.memory = new Float64Array(4);
    this.goal = this.memory.subarray(0, 2);
    this.#ant = new Ant(simulation, { version: options.version === 5 ? 5 : 4 }, this.memory.subarray(2));
    this.#maze = new GoalMaze(options, this.goal);
    this.#antDim = antDim;
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

  begin(): void {
    this.#ant.begin();
  }

  step(action: Float64Array): void {
    this.#ant.step(action);
    const { qpos } = this.#simulation;
    this.#maze.judge(qpos[0]!, qpos[1]!);
    // Spread last: names added after a spread make a hidden class a step (see `Humanoid`).
    this.info = { success: Number(this.#maze.success), ...this.#ant.info };
  }

  afterStep(rng: Rng): void {
    const { qpos } = this.#simulation;
    this.#maze.moveTarget(qpos[0]!, qpos[1]!, rng);
  }

  observe(out: Float64Array): void {
    const { qpos } = this.#simulation;
    this.#ant.observe(out);
    out[this.#antDim] = qpos[0]!;
    out[this.#antDim + 1] = qpos[1]!;
    out[this.#antDim + 2] = this.goal[0]!;
    out[this.#antDim + 3] = this.goal[1]!;
  }
}

function definition(name: string, dense: boolean, version: number): TaskDefinition {
  const maze: CentredMaze = { grid: CENTRED_GRIDS[name]!, size: CELL, height: WALL_HEIGHT };
  const layout = antLayout({ version: version === 5 ? 5 : 4 });
  const antDim = layout.reduce((total, { size }) => total + size, 0);
  return {
    id: `AntMaze_${name}${dense ? 'Dense' : ''}-v${version}`,
    summary: 'a four-legged body that walks through a maze to a goal it is told',
    model: 'ant.xml',
    modelName: 'ant',
    wrenches: version === 5,
    edit: xml => addCentredWalls(xml, maze, ANT_WALL),
    views: ['xpos', 'cfrc_ext'],
    sizes: [15, 14],
    frameSkip: ANT_FRAME_SKIP,
    timestep: ANT_TIMESTEP,
    maxEpisodeSteps: /^(UMaze|Open)/.test(name) ? 700 : 1000,
    layout: [
      ...layout,
      { size: 2, name: 'achieved goal', meaning: 'torso x, y m' },
      { size: 2, name: 'desired goal', meaning: 'goal x, y m' },
    ],
    ...symmetric(8, 1),
    actions: ANT_ACTIONS.map(joint => ({ name: joint, scale: '×150' })),
    actionUnit: 'torque N m',
    rewardText: dense ? 'exp(− distance to the goal)' : '1 within 0.45 m of the goal, else 0',
    endText: 'never before the time limit; made with continuingTask: false, at the goal',
    versionText: 'v3 = v4 the ant of Ant-v4 (31 observations)    v5 the ant of Ant-v5 (109)',
    create: (simulation, options) => new AntMaze(simulation, { ...options, maze, dense, version }, antDim),
  };
}

export const antMaze: readonly TaskDefinition[] = [3, 4, 5].flatMap(version =>
  Object.keys(CENTRED_GRIDS).flatMap(name => [definition(name, false, version), definition(name, true, version)]),
);
