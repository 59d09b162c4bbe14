import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nearest, UsageError } from '../../errors.ts';
import type { Command, Io } from '../command.ts';
import { type Curve, readCurve, toCsv, toSvg } from './curves.ts';
import { type Experiment, experiments } from './experiments.ts';
import { trainToEnd } from './train.ts';

export const command: Command = {
  name: 'reproduce',
  args: '[NAME]',
  maxArgs: 1,
  options: [
    { name: 'seeds', value: '0,1,2', doc: "seeds to run, default: the experiment's own" },
    { name: 'runs', value: 'DIR', default: 'runs/reproduce', doc: 'where the runs go; finished ones are kept' },
    { name: 'out', value: 'DIR', doc: 'write NAME.csv and NAME.svg here' },
    { name: 'threads', value: 'N', doc: 'worker threads of each run' },
  ],
  examples: ['agent reproduce', 'agent reproduce inverted-pendulum --out curves'],
  run: async (input, io) => {
    const [name] = input.args;
    if (name === undefined) return list(io, input.has('json'));
    const experiment = find(name);
    const seeds = parseSeeds(input.text('seeds')) ?? experiment.seeds;
    const folder = join(input.text('runs') ?? 'runs/reproduce', experiment.name);
    const extra = input.has('threads') ? ['--threads', String(input.count('threads'))] : [];
    const curves: Curve[] = [];
    io.stderr.write(`to watch the runs: agent view ${folder}\n`);
    for (const seed of seeds) {
      const run = join(folder, `seed-${seed}`);
      const args = [...experiment.command, '--seed', String(seed), ...extra];
      await trainToEnd({ args, run, again: `agent reproduce ${experiment.name}` }, io);
      curves.push(readCurve(run, seed));
    }
    const out = input.text('out');
    if (out !== undefined) writeFigures(experiment, curves, out);
    report(experiment, curves, io, input.has('json'));
    return 0;
  },
};

function list(io: Io, json: boolean): number {
  if (json) io.stdout.write(`${JSON.stringify(experiments)}\n`);
  else
    for (const { name, title, command: args, seeds } of experiments)
      io.stdout.write(
        `${name.padEnd(28)}${title}, seeds ${seeds.join(' ')}\n${' '.repeat(28)}agent ${args.join(' ')}\n`,
      );
  return 0;
}

function find(name: string): Experiment {
  const found = experiments.find(experiment => experiment.name === name);
  if (found) return found;
  const near = nearest(
    name,
    experiments.map(experiment => experiment.name),
  );
  throw new UsageError(`no experiment "${name}"`, [
    ...(near.length > 0 ? [['did you mean', near.join('  ')] as const] : []),
    ['all of them', 'agent reproduce'],
  ]);
}

function parseSeeds(text: string | undefined): number[] | undefined {
  if (text === undefined) return undefined;
  const seeds = text.split(',').map(Number);
  if (seeds.some(seed => !Number.isSafeInteger(seed) || seed < 0))
    throw new UsageError(`--seeds is "${text}", whole numbers with commas between them are wanted`);
  return seeds;
}

function writeFigures(experiment: Experiment, curves: readonly Curve[], out: string): void {
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, `${experiment.name}.csv`), toCsv(curves));
  writeFileSync(join(out, `${experiment.name}.svg`), toSvg(curves, experiment));
}

function report(experiment: Experiment, curves: readonly Curve[], io: Io, json: boolean): void {
  const rows = curves.map(({ seed, points }) => {
    const last = points.at(-1);
    const best = points.reduce((a, b) => (b.return > a.return ? b : a), points[0]!);
    return { seed, last: last?.return, best: best?.return, bestStep: best?.step, seconds: last?.seconds };
  });
  if (json) {
    io.stdout.write(`${JSON.stringify({ name: experiment.name, command: experiment.command, seeds: rows })}\n`);
    return;
  }
  io.stdout.write(`${experiment.title}\n`);
  for (const { seed, last, best, bestStep, seconds } of rows)
    io.stdout.write(
      `  seed ${seed}   last ${last?.toFixed(1)}   best ${best?.toFixed(1)} at ${bestStep}   ${Math.round((seconds ?? 0) / 60)} min\n`,
    );
}
