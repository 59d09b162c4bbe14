import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ANT_COLLECTION_GRIDS } from '../../../envs/mujoco/antMazeGoals.ts';
import { cells } from '../../../envs/mujoco/maze.ts';
import { MAZE2D_GRIDS } from '../../../envs/mujoco/maze2d.ts';
import { makeEnv, makeMujocoEnv } from '../../../envs/registry.ts';
import type { CatalogueEntry } from '../../data/catalogue.ts';
import { readD4rl } from '../../data/d4rl.ts';
import { freeCells, type Place } from '../../data/gridPlan.ts';
import { joinCollections, type LocalCollection } from '../../data/localDataset.ts';
import { localFile } from '../../data/locate.ts';
import { stepsOfReplay } from '../../data/replaySteps.ts';
import { type Remedy, UsageError } from '../../errors.ts';
import { collect, type Driver } from '../../loops/collect.ts';
import { policyDriver, randomDriver } from '../../loops/drivers.ts';
import { AntDriver, PointDriver } from '../../loops/mazeDrivers.ts';
import { openReplay } from '../../loops/openReplay.ts';
import { PolicyFile } from '../../loops/policyFile.ts';
import { relabelAnt, relabelPoint } from '../../loops/relabel.ts';
import { Rng } from '../../random/rng.ts';
import { readCheckpoint } from '../../runs/readRun.ts';
import { decodeSafetensors, type StoredTensors } from '../../runs/safetensors.ts';
import { packageRoot } from '../packageRoot.ts';
import { middleOfGoals, PlacedAnt } from './placedAnt.ts';

export interface MakeOptions {
  readonly entry: CatalogueEntry;
  readonly steps: number;
  readonly seed: number;
  /** A safetensors file or a run. */
  readonly policy: string | undefined;
  readonly home: string;
  readonly progress: (done: number) => void;
  readonly stopped: () => boolean;
}

export interface Made {
  readonly collection: LocalCollection;
  /** How it came about, in a sentence. */
  readonly protocol: string;
}

/** Collects the set with this name without version. Throws `UsageError` where a controller is missing. */
export async function collectionOf(local: string, options: MakeOptions): Promise<Made> {
  if (local.startsWith('maze2d-')) return pointMaze(local, options);
  if (local.startsWith('antmaze-')) return antMaze(local, options);
  const level = local.slice(local.indexOf('-') + 1);
  if (level === 'random') return random(options);
  if (level === 'medium' || level === 'expert') return sampled(local, options);
  if (level === 'medium-expert') return mediumExpert(local, options);
  return replay(local, options);
}

async function random(options: MakeOptions): Promise<Made> {
  const { entry } = options;
  const rng = new Rng(options.seed).split('random actions');
  const driver = randomDriver(entry.actDim!, entry.maxEpisodeSteps!, rng);
  return { collection: await drive(entry.envId, driver, options), protocol: 'uniform actions' };
}

async function sampled(local: string, options: MakeOptions): Promise<Made> {
  const { entry, seed } = options;
  const policy = new PolicyFile(await policyTensors(local, options), sizesOf(entry), options.policy ?? local);
  const driver = policyDriver(policy, entry.maxEpisodeSteps!, new Rng(seed).split('policy'));
  return { collection: await drive(entry.envId, driver, options), protocol: 'actions sampled from a trained policy' };
}

async function mediumExpert(local: string, { home, policy }: MakeOptions): Promise<Made> {
  if (policy !== undefined) throw new UsageError(`${local} takes no --policy: it joins the medium and the expert set`);
  const parts = ['medium', 'expert'].map(level => local.replace('medium-expert', level));
  const absent = parts.filter(part => !existsSync(localFile(part, home)));
  if (absent.length > 0) {
    const remedies = absent.map((part): Remedy => ['make it', `agent dataset make ${part}`]);
    throw new UsageError(`local/${local} joins local/${parts.join(' and local/')}: not here yet`, remedies);
  }
  const [medium, expert] = await Promise.all(parts.map(part => readD4rl(localFile(part, home))));
  return { collection: joinCollections(medium!, expert!), protocol: `${parts.join(', then ')}` };
}

/** The run's own steps from the first one it kept, at most as many as asked for: `medium-replay` ends where the medium policy stood. */
async function replay(local: string, { entry, policy, steps }: MakeOptions): Promise<Made> {
  if (policy === undefined || !isRun(policy)) {
    throw new UsageError(`local/${local} is the replay of an online run, which --policy names`, [
      ['train one', `agent online --algo sac --env ${entry.envId}`],
      ['then', `agent dataset make ${local} --policy RUN`],
    ]);
  }
  const buffer = await openReplay(policy);
  const { obsDim, actDim } = sizesOf(entry);
  if (buffer.obsDim !== obsDim || buffer.actDim !== actDim)
    throw new UsageError(
      `${policy} has ${buffer.obsDim} observations and ${buffer.actDim} actions, ${entry.envId} ${obsDim} and ${actDim}`,
    );
  const columns = buffer.read(buffer.total - buffer.size, Math.min(buffer.size, steps));
  return { collection: stepsOfReplay(columns, obsDim, actDim), protocol: `the replay of ${policy}` };
}

async function pointMaze(local: string, options: MakeOptions): Promise<Made> {
  const { entry, seed } = options;
  const [, maze, dense] = local.split('-') as [string, string, string | undefined];
  const grid = MAZE2D_GRIDS[maze]!;
  const rng = new Rng(seed).split('planner');
  const driver = new PointDriver({ grid, maxEpisodeSteps: entry.maxEpisodeSteps!, rng });
  const collected = await drive(entry.envId, driver, options);
  const [goal] = cells(grid, 'G');
  const rewards = relabelPoint(collected, [goal!.row, goal!.col], dense !== undefined);
  const { nextObservations: _, ...collection } = { ...collected, rewards };
  return { collection, protocol: 'a planner and a PD controller, goals at random, rewards for the fixed goal' };
}

async function antMaze(local: string, options: MakeOptions): Promise<Made> {
  const { entry, seed, policy } = options;
  const [, maze, set] = local.split('-') as [string, keyof typeof ANT_COLLECTION_GRIDS, string | undefined];
  const grid = ANT_COLLECTION_GRIDS[maze];
  const tensors = await policyTensors('ant-walker', options);
  const walker = new PolicyFile(tensors, sizesOf(entry), policy ?? 'ant-walker');
  const marked = (letter: 'R' | 'G') => cells(grid, letter).map(({ row, col }): Place => [row, col]);
  const goals = set === 'diverse' ? freeCells(grid) : marked('G');
  const rng = new Rng(seed);
  const driver = new AntDriver({ grid, walker, goals, rng: rng.split('waypoints') });
  // Picked by hand in the play sets: the task's own start and the goals.
  const begins = set === 'diverse' ? freeCells(grid) : [...marked('R'), ...goals];
  const starts = set === undefined ? undefined : { grid, cells: begins, rng: rng.split('starts') };
  const env = await makeMujocoEnv(entry.envId);
  try {
    const collected = await collect(new PlacedAnt(env, starts), driver, options);
    const { nextObservations: _, ...collection } = relabelAnt(collected, middleOfGoals(env, seed));
    return { collection, protocol: 'a walker led through waypoints, rewards for the middle of the goals' };
  } finally {
    env.close();
  }
}

async function drive(envId: string, driver: Driver, options: MakeOptions) {
  const env = await makeEnv(envId);
  try {
    return await collect(env, driver, options);
  } finally {
    env.close();
  }
}

function sizesOf({ obsDim, actDim }: CatalogueEntry): { obsDim: number; actDim: number } {
  return { obsDim: obsDim!, actDim: actDim! };
}

function isRun(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true && existsSync(join(path, 'config.json'));
}

/** The controller: a file or run given by the user, or the one shipped under this name. */
async function policyTensors(name: string, { policy, entry }: MakeOptions): Promise<StoredTensors> {
  if (policy !== undefined && isRun(policy)) return (await readCheckpoint(policy, 'last')).tensors;
  const file = policy ?? join(packageRoot(), 'envs', 'policies', `${name}.safetensors`);
  if (!existsSync(file)) {
    if (policy !== undefined) throw new UsageError(`there is no policy ${policy}`);
    const env = name === 'ant-walker' ? 'ant-waypoint-v0' : entry.envId;
    throw new UsageError(`no controller "${name}" is shipped: one has to be trained first`, [
      [
        name.endsWith('-medium') ? 'train it to a third of an expert' : 'train it',
        `agent online --algo sac --env ${env}`,
      ],
      ['then', `agent dataset make ${entry.name.replace(/-v\d+$/, '')} --policy RUN`],
    ]);
  }
  return decodeSafetensors(readFileSync(file)).tensors;
}
