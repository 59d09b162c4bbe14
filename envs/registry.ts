import type { Env } from '../src/env/env.ts';
import { nearest, UsageError } from '../src/errors.ts';
import { ant } from './mujoco/ant.ts';
import { antMaze } from './mujoco/antMaze.ts';
import { antMazeD4rl } from './mujoco/antMazeD4rl.ts';
import { antWaypoint } from './mujoco/antWaypoint.ts';
import { halfCheetah } from './mujoco/halfCheetah.ts';
import { hopper } from './mujoco/hopper.ts';
import { humanoid } from './mujoco/humanoid.ts';
import { humanoidStandup } from './mujoco/humanoidStandup.ts';
import { invertedDoublePendulum } from './mujoco/invertedDoublePendulum.ts';
import { invertedPendulum } from './mujoco/invertedPendulum.ts';
import { LEGACY, legacyDefinition, withLegacyPhysics } from './mujoco/legacy.ts';
import { maze2d } from './mujoco/maze2d.ts';
import { readModelFile, Simulation } from './mujoco/mujoco.ts';
import { MujocoEnv } from './mujoco/mujocoEnv.ts';
import { pointMaze } from './mujoco/pointMaze.ts';
import { pusher } from './mujoco/pusher.ts';
import { reacher } from './mujoco/reacher.ts';
import { swimmer } from './mujoco/swimmer.ts';
import type { TaskDefinition, TaskOptions } from './mujoco/task.ts';
import { unitreeH1 } from './mujoco/unitreeH1.ts';
import { walker2d } from './mujoco/walker2d.ts';

const definitions = new Map<string, TaskDefinition>(
  [
    invertedPendulum,
    invertedDoublePendulum,
    reacher,
    pusher,
    swimmer,
    hopper,
    halfCheetah,
    walker2d,
    ant,
    humanoid,
    humanoidStandup,
    antMazeD4rl,
    antWaypoint,
    maze2d,
    antMaze,
    pointMaze,
    unitreeH1,
  ]
    .flat()
    .map(definition => [definition.id.toLowerCase(), definition]),
);

export interface EnvOptions extends TaskOptions {
  /** MJCF text to use in place of the task's own model; it must have the same sizes and names. */
  readonly modelXml?: string;
}

/** Ids of all tasks, in the literature's spelling. */
export function envIds(): string[] {
  return [...definitions.values()].map(({ id }) => id);
}

/**
 * What is known of a task: layout, bounds, reward, ends, versions. Any case; `Hopper-v3+legacy` is the task with the
 * masses and contact margins of MuJoCo up to 2.1. An unknown id is a UsageError naming the nearest.
 */
export function envInfo(id: string): TaskDefinition {
  const wanted = id.toLowerCase();
  const definition = definitions.get(wanted.replace(LEGACY, ''));
  if (definition) return wanted.endsWith(LEGACY) ? legacyDefinition(definition) : definition;
  // Of equally near names the versions in use come before v2.
  const names = envIds();
  const near = nearest(
    id,
    names.toSorted((a, b) => Number(a.endsWith('-v2')) - Number(b.endsWith('-v2'))),
  );
  throw new UsageError(`no environment "${id}"`, [
    ...(near.length > 0 ? [['did you mean', near.join('  ')] as const] : []),
    ['all of them', 'agent env ls'],
  ]);
}

/** A world of the task. Throws a UsageError for an unknown id. */
export async function makeEnv(id: string, options: EnvOptions = {}): Promise<Env> {
  return makeMujocoEnv(id, options);
}

/** The same with its task and simulation in reach, for tests of the physics. */
export async function makeMujocoEnv(id: string, options: EnvOptions = {}): Promise<MujocoEnv> {
  const definition = envInfo(id);
  const simulation = await Simulation.create(await modelXml(definition, options), definition.views);
  try {
    checkSizes(simulation, definition);
    return new MujocoEnv(definition, simulation, options);
  } catch (error) {
    simulation.close();
    throw error;
  }
}

/** The model text a world of the task is compiled from. */
async function modelXml(definition: TaskDefinition, { modelXml: own }: EnvOptions): Promise<string> {
  const text = own ?? (await readModelFile(definition.model));
  const xml = definition.edit ? definition.edit(text) : text;
  return definition.legacy ? withLegacyPhysics(xml, definition) : xml;
}

/** A model of one's own must have the sizes the task's observations and actions are made for. */
function checkSizes({ nq, nv, nu }: Simulation, { id, sizes, actions }: TaskDefinition): void {
  const found = { positions: nq, velocities: nv, controls: nu };
  const wanted = { positions: sizes[0], velocities: sizes[1], controls: actions.length };
  for (const [what, count] of Object.entries(found))
    if (count !== wanted[what as keyof typeof wanted])
      throw new UsageError(`the model has ${count} ${what}, ${id} needs ${wanted[what as keyof typeof wanted]}`);
}
