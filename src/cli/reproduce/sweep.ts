import { readFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { UsageError } from '../../errors.ts';
import type { Command, Io } from '../command.ts';
import { formatDuration } from '../terminal/format.ts';
import { trainToEnd } from './train.ts';

const names = z.array(z.string().min(1)).min(1);
const Plan = z.strictObject({
  command: z.enum(['online', 'offline']).default('online'),
  tasks: names,
  algos: names.optional(),
  seeds: z.array(z.int().min(0)).min(1).default([0]),
  flags: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
});
type Plan = z.infer<typeof Plan>;

/** The runs of one task and algorithm. */
interface Cell {
  readonly task: string;
  readonly algo: string | undefined;
  readonly runs: readonly { readonly seed: number; readonly directory: string }[];
}

interface Row {
  readonly task: string;
  readonly algo: string;
  readonly seeds: readonly number[];
  /** Mean over seeds, and the deviation between them; normalised where the task has a range of scores. */
  readonly last: Spread;
  readonly best: Spread;
  readonly secondsPerRun: number;
}

interface Spread {
  readonly mean: number;
  readonly std: number;
}

export const command: Command = {
  name: 'sweep',
  args: 'FILE',
  maxArgs: 1,
  options: [
    { name: 'runs', value: 'DIR', default: 'runs/sweep', doc: 'where the runs go; finished ones are kept' },
    { name: 'jobs', value: 'N', default: '1', doc: 'runs at the same time' },
  ],
  examples: [
    'agent sweep sac.yaml --jobs 2',
    '',
    'sac.yaml:',
    '  command: online                 # or offline',
    '  algos: [sac, td3]',
    '  tasks: [Hopper-v4, HalfCheetah-v4]',
    '  seeds: [0, 1, 2]',
    '  flags: { steps: 200000, threads: 1 }',
  ],
  run: async (input, io) => {
    const file = input.only('FILE', [['what it holds', 'agent sweep --help']]);
    const plan = readPlan(file);
    const folder = join(input.text('runs') ?? 'runs/sweep', basename(file, extname(file)));
    const cells = cellsOf(plan, folder);
    const trainings = cells.flatMap(cell =>
      cell.runs.map(({ seed, directory }) => ({
        args: argumentsOf(plan, cell, seed),
        run: directory,
        again: `agent sweep ${file}`,
      })),
    );
    io.stderr.write(`${trainings.length} runs in ${folder}; to watch them: agent view ${folder}/*\n`);
    const queue = trainings.values();
    const work = async () => {
      for (const training of queue) await trainToEnd(training, io);
    };
    await Promise.all(Array.from({ length: input.count('jobs') ?? 1 }, work));
    const rows = cells.map(rowOf);
    if (input.has('json')) io.stdout.write(`${JSON.stringify(rows)}\n`);
    else print(rows, io);
    return 0;
  },
};

/** Throws `UsageError` for a file that cannot be read or is no plan. */
function readPlan(file: string): Plan {
  let content: unknown;
  try {
    content = parseYaml(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${file}: ${(error as Error).message.split('\n')[0]}`);
  }
  const plan = Plan.safeParse(content);
  if (plan.success) return plan.data;
  const { path, message } = plan.error.issues[0]!;
  throw new UsageError(`${file}: ${[...path.map(String), message].join(': ')}`, [
    ['what it holds', 'agent sweep --help'],
  ]);
}

function cellsOf({ command: kind, tasks, algos, seeds }: Plan, folder: string): Cell[] {
  return (algos ?? [undefined]).flatMap(algo =>
    tasks.map(task => {
      const name = [algo ?? kind, task].join('-').replace(/[^\w.-]+/g, '-');
      return { task, algo, runs: seeds.map(seed => ({ seed, directory: join(folder, name, `seed-${seed}`) })) };
    }),
  );
}

function argumentsOf({ command: kind, flags }: Plan, { task, algo }: Cell, seed: number): string[] {
  const given = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const what = kind === 'online' ? '--env' : '--dataset';
  return [kind, what, task, ...(algo ? ['--algo', algo] : []), '--seed', String(seed), ...given];
}

function rowOf({ task, runs }: Cell): Row {
  const summaries = runs.map(({ directory }) => JSON.parse(readFileSync(join(directory, 'summary.json'), 'utf8')));
  const scores = (which: 'last' | 'best') =>
    spread(summaries.map(({ eval: { [which]: score } }) => score?.normalizedScore ?? score?.return ?? Number.NaN));
  return {
    task,
    algo: summaries[0].algo,
    seeds: runs.map(({ seed }) => seed),
    last: scores('last'),
    best: scores('best'),
    secondsPerRun: spread(summaries.map(({ seconds }) => seconds)).mean,
  };
}

function spread(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, std: Math.sqrt(variance) };
}

function print(rows: readonly Row[], io: Io): void {
  const score = ({ mean, std }: Spread) => `${mean.toFixed(1)} ± ${std.toFixed(1)}`;
  const lines = [['task', 'algo', 'seeds', 'last', 'best', 'a run']].concat(
    rows.map(({ task, algo, seeds, last, best, secondsPerRun }) => [
      task,
      algo,
      String(seeds.length),
      score(last),
      score(best),
      formatDuration(secondsPerRun),
    ]),
  );
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map(line => line[column]!.length)));
  for (const line of lines)
    io.stdout.write(
      `${line
        .map((text, column) => text.padEnd(widths[column]!))
        .join('   ')
        .trimEnd()}\n`,
    );
}
