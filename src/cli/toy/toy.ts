import { type PlanarName, planarNames } from '../../../envs/toy/planar.ts';
import { useBackend } from '../../backend/register.ts';
import { nearest, UsageError } from '../../errors.ts';
import type { Command, Input, Io } from '../command.ts';
import { backends } from '../flags.ts';
import { formatDuration } from '../terminal/format.ts';
import { shownPath } from '../train/trainRun.ts';
import { type Viewing, view } from '../view/watching.ts';
import { banditExperiment, planarExperiment, type ToySizes } from './experiments.ts';
import { ToyRun } from './toyRun.ts';

export const command: Command = {
  name: 'toy',
  args: '[DATASET…]',
  options: [
    { name: 'run', value: 'DIR', doc: 'where the run with its figures goes (default runs/toy-…)' },
    { name: 'seed', value: 'S', default: '0', doc: 'of every random stream' },
    { name: 'steps', value: 'N', default: '6000', doc: 'updates of each behaviour model' },
    { name: 'bandit-steps', value: 'N', default: '4000', doc: 'updates of QVPO on the bandit; 0: leave it out' },
    { name: 'backend', value: backends.join('|'), doc: 'what computes (default auto)' },
    { name: 'threads', value: 'N', doc: 'worker threads (default: one a core)' },
    { name: 'dashboard', value: '[HOST:]PORT|off', doc: 'address of the viewer (default 127.0.0.1:7878)' },
    { name: 'allow-host', value: 'NAMES', doc: 'names by which other machines may call the viewer, comma-separated' },
  ],
  examples: ['agent toy', 'agent toy 8gaussians rings --bandit-steps 0'],
  run: async (input, io) => {
    const names = wanted(input.args);
    const seed = input.count('seed', 0) ?? 0;
    const sizes: ToySizes = {
      updates: input.count('steps') ?? 6000,
      banditUpdates: input.count('bandit-steps', 0) ?? 4000,
      points: 100_000,
      grid: 56,
      arrows: 21,
    };
    const backend = await useBackend(input.choice('backend', backends) ?? 'auto', { threads: input.count('threads') });
    const directory = input.text('run');
    const run = new ToyRun({ argv: input.argv, directory, datasets: names, sizes, seed, backend });
    const viewing = await view(run.store, {
      address: input.text('dashboard'),
      allowedHosts: input.text('allow-host')?.split(','),
    });
    if (!input.has('quiet')) announce(viewing, io);
    try {
      await experiments(run, names, sizes, seed, input, io);
      await run.finish();
    } catch (error) {
      await run.store.close({ failed: true });
      throw error;
    } finally {
      await Promise.all([run.store.close(), viewing.close()]);
    }
    const place = shownPath(run.store.directory);
    if (input.has('json')) {
      const { report, files, store } = run;
      io.stdout.write(`${JSON.stringify({ ...report, files, run: store.directory })}\n`);
    } else io.stdout.write(`${run.files.map(shownPath).join('\n')}\n`);
    if (!input.has('quiet')) io.stderr.write(`look at them   agent view ${place}\n`);
    return 0;
  },
};

/** Where the curves and figures are seen while they are made. */
function announce({ dashboard, problem }: Viewing, io: Io): void {
  if (dashboard) io.stderr.write(`view ${dashboard.url}\n`);
  if (problem) io.stderr.write(`no viewer: ${problem}\n`);
}

function wanted(args: readonly string[]): readonly PlanarName[] {
  for (const arg of args) {
    if ((planarNames as readonly string[]).includes(arg)) continue;
    const close = nearest(arg, planarNames);
    throw new UsageError(`no two-dimensional dataset "${arg}"`, [
      ...(close.length > 0 ? [['did you mean', close.join('  ')] as const] : []),
      ['all of them', planarNames.join('  ')],
    ]);
  }
  return args.length > 0 ? (args as readonly PlanarName[]) : planarNames;
}

async function experiments(
  run: ToyRun,
  names: readonly PlanarName[],
  sizes: ToySizes,
  seed: number,
  input: Input,
  io: Io,
): Promise<void> {
  const say = (text: string) => void (input.has('quiet') || io.stderr.write(`${text}\n`));
  const timed = async <T>(work: () => Promise<T>, describe: (result: T) => string): Promise<T> => {
    const begin = performance.now();
    const result = await work();
    say(`${describe(result)}   ${formatDuration((performance.now() - begin) / 1000)}`);
    return result;
  };
  const progress =
    (what: string, all: number, of: 'behavior/loss' | 'policy/loss') => (update: number, loss: number) => {
      run.updated(what, update, of, loss);
      if (update % 1000 === 0 && update < all) say(`${what}   ${update} of ${all} updates`);
    };
  const percent = (share: number) => `${Math.round(100 * share)} %`;
  for (const name of names) {
    const planar = await timed(
      () => planarExperiment(name, sizes, seed, progress(name, sizes.updates, 'behavior/loss')),
      ({ loss, inside, insideBefore }) =>
        `${name}   loss ${loss.toFixed(3)}   actions inside the data ${percent(insideBefore)} → ${percent(inside)}`,
    );
    await run.addPlanar(planar);
  }
  for (const entropy of sizes.banditUpdates > 0 ? [false, true] : []) {
    const what = `bandit ${entropy ? 'with' : 'without'} entropy`;
    const bandit = await timed(
      () => banditExperiment(entropy, sizes.banditUpdates, seed, progress(what, sizes.banditUpdates, 'policy/loss')),
      ({ modes, meanReward }) => `${what}   ${modes} of 4 optima   mean reward ${meanReward.toFixed(2)}`,
    );
    await run.addBandit(bandit);
  }
}
