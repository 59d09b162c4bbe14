import { nearest, UsageError } from '../errors.ts';

/** A published collection. */
export interface CatalogueEntry {
  /** As in the literature: `hopper-medium-v2`, `D4RL/antmaze/umaze-v1`. */
  readonly name: string;
  readonly layout: 'd4rl' | 'minari';
  /** Path under the base it is published at; for Minari the folder that holds the files. */
  readonly path: string;
  /** The task a policy trained on it is evaluated on. */
  readonly envId: string;
  readonly obsDim?: number;
  readonly actDim?: number;
  readonly maxEpisodeSteps?: number;
  /** Transitions in the file, where known. */
  readonly transitions?: number;
  /** Size of the download in MiB, where known. */
  readonly mebibytes?: number;
}

/** Where D4RL's files were published. */
export const D4RL_BASE = 'http://rail.eecs.berkeley.edu/datasets/offline_rl/';
/** Where Minari's are. */
export const MINARI_BASE = 'https://huggingface.co/datasets/farama-minari/';

const LOCOMOTION = {
  halfcheetah: { env: 'HalfCheetah', obsDim: 17, actDim: 6 },
  hopper: { env: 'Hopper', obsDim: 11, actDim: 3 },
  walker2d: { env: 'Walker2d', obsDim: 17, actDim: 6 },
  ant: { env: 'Ant', obsDim: 111, actDim: 8 },
} as const;
const LEVELS = ['random', 'medium', 'medium-replay', 'full-replay', 'medium-expert', 'expert'] as const;

/** [transitions, MiB] of the v2 files as third parties list them; 0 where unknown. */
const SIZES: Readonly<Record<string, readonly [number, number]>> = {
  'halfcheetah-random-v2': [1e6, 227],
  'halfcheetah-medium-v2': [1e6, 227],
  'halfcheetah-expert-v2': [1e6, 227],
  'halfcheetah-medium-replay-v2': [202000, 57],
  'halfcheetah-full-replay-v2': [1e6, 0],
  'halfcheetah-medium-expert-v2': [2e6, 0],
  'hopper-random-v2': [1e6, 145],
  'hopper-medium-v2': [1e6, 146],
  'hopper-expert-v2': [1e6, 145],
  'hopper-medium-replay-v2': [402000, 72],
  'hopper-medium-expert-v2': [1999906, 290],
  'walker2d-random-v2': [1e6, 206],
  'walker2d-medium-v2': [1e6, 222],
  'walker2d-expert-v2': [1e6, 220],
  'walker2d-medium-replay-v2': [302000, 82],
  'walker2d-medium-expert-v2': [1999995, 441],
  'maze2d-umaze-v1': [1e6, 0],
  'maze2d-medium-v1': [2e6, 0],
  'maze2d-large-v1': [4e6, 0],
};

function locomotion(): CatalogueEntry[] {
  return (Object.keys(LOCOMOTION) as (keyof typeof LOCOMOTION)[]).flatMap(task =>
    [0, 1, 2].flatMap(version =>
      LEVELS.filter(level => version > 0 || level !== 'full-replay').map(level => {
        const { env, obsDim, actDim } = LOCOMOTION[task];
        const path =
          version === 0 ? oldPath(task, level) : `gym_mujoco_v${version}/${task}_${snake(level)}-v${version}.hdf5`;
        return {
          ...common(`${task}-${level}-v${version}`, path),
          envId: `${env}-v2`,
          obsDim,
          actDim,
          maxEpisodeSteps: 1000,
        };
      }),
    ),
  );
}

/** v0 calls medium-replay `mixed`, and walker2d's file is named differently again. */
function oldPath(task: string, level: string): string {
  if (level !== 'medium-replay') return `gym_mujoco/${task}_${snake(level)}.hdf5`;
  return `gym_mujoco/${task === 'walker2d' ? 'walker' : task}_mixed.hdf5`;
}

const MAZES = { umaze: ['u-maze', 'umaze'], medium: ['big-maze', 'medium'], large: ['hardest-maze', 'large'] } as const;

function antMazes(): CatalogueEntry[] {
  const sets = ['umaze', 'umaze-diverse', 'medium-play', 'medium-diverse', 'large-play', 'large-diverse'];
  return sets.flatMap(set =>
    [0, 1, 2].map(version => {
      const name = `antmaze-${set}-v${version}`;
      const [old, recent] = MAZES[set.split('-')[0] as keyof typeof MAZES];
      const starts = set === 'umaze' ? 'False' : 'True';
      const goals = set.endsWith('diverse') ? 'True' : 'False';
      const folder = ['ant_maze_new', 'ant_maze_v1', 'ant_maze_v2'][version];
      const stem = `Ant_maze_${version === 1 ? recent : old}_noisy_multistart_${starts}_multigoal_${goals}_sparse`;
      const path = `${folder}/${stem}${version === 2 ? '_fixed' : ''}.hdf5`;
      const sizes = { obsDim: 29, actDim: 8, maxEpisodeSteps: set.startsWith('umaze') ? 700 : 1000, transitions: 1e6 };
      return { ...common(name, path), envId: name, ...sizes, ...(version === 2 ? { mebibytes: 220 } : {}) };
    }),
  );
}

const MAZE2D_STEPS: Readonly<Record<string, number>> = {
  'open-v0': 150,
  'umaze-v0': 150,
  'medium-v0': 250,
  'large-v0': 600,
  'umaze-v1': 300,
  'medium-v1': 600,
  'large-v1': 800,
};

function pointMazes(): CatalogueEntry[] {
  return Object.entries(MAZE2D_STEPS).flatMap(([key, maxEpisodeSteps]) =>
    ['sparse', 'dense'].map(reward => {
      const [maze, version] = key.split('-');
      const name = `maze2d-${maze}${reward === 'dense' ? '-dense' : ''}-${version}`;
      const path = `maze2d/maze2d-${maze}-${reward}${version === 'v1' ? '-v1' : ''}.hdf5`;
      return { ...common(name, path), envId: name, obsDim: 4, actDim: 2, maxEpisodeSteps };
    }),
  );
}

const MINARI_MUJOCO: Readonly<Record<string, string>> = {
  halfcheetah: 'HalfCheetah',
  hopper: 'Hopper',
  walker2d: 'Walker2d',
  ant: 'Ant',
  humanoid: 'Humanoid',
  swimmer: 'Swimmer',
  reacher: 'Reacher',
  pusher: 'Pusher',
  invertedpendulum: 'InvertedPendulum',
  inverteddoublependulum: 'InvertedDoublePendulum',
};
const MINARI_ANT: readonly [set: string, envId: string][] = [
  ['umaze', 'AntMaze_UMaze-v4'],
  ['umaze-diverse', 'AntMaze_UMaze-v4'],
  ['medium-play', 'AntMaze_Medium-v4'],
  ['medium-diverse', 'AntMaze_Medium-v4'],
  ['large-play', 'AntMaze_Large-v4'],
  ['large-diverse', 'AntMaze_Large-v4'],
];
const MINARI_POINT: readonly [maze: string, envName: string][] = [
  ['open', 'Open'],
  ['umaze', 'UMaze'],
  ['medium', 'Medium'],
  ['large', 'Large'],
];

function minari(): CatalogueEntry[] {
  const entry = (name: string, envId: string): CatalogueEntry => ({ name, layout: 'minari', path: name, envId });
  return [
    ...MINARI_ANT.map(([set, envId]) => entry(`D4RL/antmaze/${set}-v1`, envId)),
    ...MINARI_POINT.flatMap(([maze, env]) => [
      entry(`D4RL/pointmaze/${maze}-v2`, `PointMaze_${env}-v3`),
      entry(`D4RL/pointmaze/${maze}-dense-v2`, `PointMaze_${env}Dense-v3`),
    ]),
    ...Object.entries(MINARI_MUJOCO).flatMap(([task, env]) =>
      ['simple', 'medium', 'expert'].map(level => entry(`mujoco/${task}/${level}-v0`, `${env}-v5`)),
    ),
  ];
}

function common(
  name: string,
  path: string,
): { name: string; layout: 'd4rl'; path: string; transitions?: number; mebibytes?: number } {
  const [transitions, mebibytes] = SIZES[name] ?? [0, 0];
  return {
    name,
    layout: 'd4rl',
    path,
    ...(transitions ? { transitions } : {}),
    ...(mebibytes ? { mebibytes } : {}),
  };
}

function snake(level: string): string {
  return level.replaceAll('-', '_');
}

/** Every published collection. */
export const catalogue: readonly CatalogueEntry[] = [...locomotion(), ...antMazes(), ...pointMazes(), ...minari()];

/** What a short name means: the version and the set that papers mean when they leave it out. */
export interface Resolution {
  readonly entry: CatalogueEntry;
  /** The name was completed: worth saying. */
  readonly completed: boolean;
}

/**
 * Finds a collection by its name, any case, `_` for `-`, or by a short one: without version the one papers report
 * (v2; v1 for maze2d), `antmaze-medium` and `antmaze-large` the play set, `mixed` medium-replay.
 * Throws `UsageError` naming the nearest for an unknown name.
 */
export function findEntry(name: string): Resolution {
  const wanted = name
    .toLowerCase()
    .replaceAll('_', '-')
    .replace(/-mixed\b/, '-medium-replay');
  const exact = catalogue.find(entry => entry.name.toLowerCase().replaceAll('_', '-') === wanted);
  if (exact) return { entry: exact, completed: exact.name.toLowerCase() !== name.toLowerCase() };
  for (const candidate of completions(wanted)) {
    const entry = catalogue.find(({ name: known }) => known === candidate);
    if (entry) return { entry, completed: true };
  }
  const close = nearest(wanted, [...new Set([...catalogue.map(entry => entry.name), ...shortNames()])]);
  throw new UsageError(`no dataset "${name}"`, [
    ...(close.length > 0 ? ([['did you mean', close.join('  ')]] as const) : []),
    ['all of them', 'agent dataset ls'],
  ]);
}

function completions(wanted: string): string[] {
  const version = /-v\d+$/.exec(wanted)?.[0];
  const stem = version ? wanted.slice(0, -version.length) : wanted;
  const stems = [stem, `${stem}-play`];
  return version
    ? stems.map(each => each + version)
    : ['-v2', '-v1', '-v0'].flatMap(end => stems.map(each => each + end));
}

function shortNames(): string[] {
  const stems = catalogue.filter(entry => entry.layout === 'd4rl').map(entry => entry.name.replace(/-v\d$/, ''));
  return [...stems, ...stems.filter(stem => stem.endsWith('-play')).map(stem => stem.replace(/-play$/, ''))];
}
