import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PlanarName, planarNames } from '../../envs/toy/planar.ts';
import { useBackend } from '../backend/register.ts';
import { nearest, UsageError } from '../errors.ts';
import type { Command, Input, Io } from './command.ts';
import { backends } from './flags.ts';
import { formatDuration } from './terminal/format.ts';
import {
  type BanditResult,
  banditExperiment,
  type PlanarResult,
  planarExperiment,
  type ToySizes,
} from './toy/experiments.ts';
import { banditFigure, planarFigure } from './toy/figures.ts';

export const command: Command = {
  name: 'toy',
  args: '[DATASET…]',
  options: [
    { name: 'out', value: 'DIR', default: 'toy', doc: 'where the figures go' },
    { name: 'seed', value: 'S', default: '0', doc: 'of every random stream' },
    { name: 'steps', value: 'N', default: '6000', doc: 'updates of each behaviour model' },
    { name: 'bandit-steps', value: 'N', default: '600', doc: 'updates of QVPO on the bandit; 0: leave it out' },
    { name: 'backend', value: backends.join('|'), doc: 'what computes (default auto)' },
    { name: 'threads', value: 'N', doc: 'worker threads (default: one a core)' },
  ],
  examples: ['agent toy', 'agent toy 8gaussians rings --bandit-steps 0'],
  run: async (input, io) => {
    const names = wanted(input.args);
    const seed = input.count('seed', 0) ?? 0;
    const sizes: ToySizes = {
      updates: input.count('steps') ?? 6000,
      banditUpdates: input.count('bandit-steps', 0) ?? 600,
      points: 100_000,
      grid: 56,
      arrows: 21,
    };
    await useBackend(input.choice('backend', backends) ?? 'auto', { threads: input.count('threads') });
    const results = await run(names, sizes, seed, input, io);
    const files = write(input.text('out') ?? 'toy', results);
    if (input.has('json')) io.stdout.write(`${JSON.stringify({ ...report(results), files })}\n`);
    else io.stdout.write(`${files.join('\n')}\n`);
    return 0;
  },
};

interface Results {
  readonly planar: readonly PlanarResult[];
  readonly bandit: readonly BanditResult[];
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

async function run(
  names: readonly PlanarName[],
  sizes: ToySizes,
  seed: number,
  input: Input,
  io: Io,
): Promise<Results> {
  const say = (text: string) => void (input.has('quiet') || io.stderr.write(`${text}\n`));
  const timed = async <T>(work: () => Promise<T>, describe: (result: T) => string): Promise<T> => {
    const begin = performance.now();
    const result = await work();
    say(`${describe(result)}   ${formatDuration((performance.now() - begin) / 1000)}`);
    return result;
  };
  const progress = (what: string, all: number) => (update: number) => {
    if (update % 1000 === 0 && update < all) say(`${what}   ${update} of ${all} updates`);
  };
  const percent = (share: number) => `${Math.round(100 * share)} %`;
  const planar: PlanarResult[] = [];
  for (const name of names) {
    planar.push(
      await timed(
        () => planarExperiment(name, sizes, seed, progress(name, sizes.updates)),
        ({ loss, inside, insideBefore }) =>
          `${name}   loss ${loss.toFixed(3)}   actions inside the data ${percent(insideBefore)} → ${percent(inside)}`,
      ),
    );
  }
  const bandit: BanditResult[] = [];
  for (const entropy of sizes.banditUpdates > 0 ? [false, true] : []) {
    const what = `bandit ${entropy ? 'with' : 'without'} entropy`;
    bandit.push(
      await timed(
        () => banditExperiment(entropy, sizes.banditUpdates, seed, progress(what, sizes.banditUpdates)),
        ({ modes, meanReward }) => `${what}   ${modes} of 4 optima   mean reward ${meanReward.toFixed(2)}`,
      ),
    );
  }
  return { planar, bandit };
}

/** Writes the figures; returns their paths. */
function write(folder: string, { planar, bandit }: Results): string[] {
  mkdirSync(folder, { recursive: true });
  const figures: [string, string][] = [['planar.svg', planarFigure(planar)]];
  if (bandit.length > 0) figures.push(['bandit.svg', banditFigure(bandit)]);
  return figures.map(([name, svg]) => {
    writeFileSync(join(folder, name), svg);
    return join(folder, name);
  });
}

function report({ planar, bandit }: Results) {
  return {
    datasets: planar.map(({ name, loss, mass, insideBefore, inside }) => ({ name, loss, mass, insideBefore, inside })),
    bandit: bandit.map(({ entropy, shares, modes, meanReward }) => ({ entropy, shares, modes, meanReward })),
  };
}
