import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { useBackend } from '../../backend/register.ts';
import { UsageError } from '../../errors.ts';
import type { Command } from '../command.ts';
import { type Cost, measureInTurns } from './costs.ts';
import { markdown, plainTable, type Row, rowOf } from './table.ts';
import { trainToEnd } from './train.ts';

const Flags = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
type Flags = z.infer<typeof Flags>;
/** Names, or names with flags of their own. */
const Named = z.union([z.array(z.string().min(1)).min(1), z.record(z.string().min(1), Flags.nullable())]);
const Plan = z.strictObject({
  command: z.enum(['online', 'offline']).default('online'),
  tasks: Named,
  algos: Named.optional(),
  seeds: z.array(z.int().min(0)).min(1).default([0]),
  flags: Flags.default({}),
});
type Plan = z.infer<typeof Plan>;

/** The runs of one task and algorithm. */
interface Cell {
  readonly task: string;
  readonly algo: string | undefined;
  /** The call of each run, without seed and run directory. */
  readonly call: readonly string[];
  readonly runs: readonly { readonly seed: number; readonly directory: string }[];
}

export const command: Command = {
  name: 'sweep',
  args: 'FILE',
  maxArgs: 1,
  options: [
    { name: 'runs', value: 'DIR', default: 'runs/sweep', doc: 'where the runs go; finished ones are kept' },
    { name: 'jobs', value: 'N', default: '1', doc: 'runs at the same time' },
    { name: 'out', value: 'DIR', doc: 'write the table here, as Markdown' },
  ],
  examples: [
    'agent sweep sac.yaml --jobs 2',
    'agent sweep src/algorithms/results/offline.yaml --out tables',
    '',
    'sac.yaml:',
    '  command: online                 # or offline',
    '  algos: [sac, td3]               # or { sac: {}, td3: { policy-every: 1 } }: flags of its own; tasks too',
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
        args: [...cell.call, '--seed', String(seed)],
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
    const rows = await rowsOf(plan, cells);
    const out = input.text('out');
    if (out !== undefined) {
      mkdirSync(out, { recursive: true });
      writeFileSync(join(out, `${basename(file, extname(file))}.md`), markdown(rows));
    }
    io.stdout.write(input.has('json') ? `${JSON.stringify(rows)}\n` : plainTable(rows));
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

function cellsOf(plan: Plan, folder: string): Cell[] {
  return named(plan.tasks).flatMap(([task, taskFlags]) =>
    named(plan.algos ?? ['']).map(([algo, algoFlags]) => {
      const name = [algo || plan.command, task].join('-').replace(/[^\w.-]+/g, '-');
      const runs = plan.seeds.map(seed => ({ seed, directory: join(folder, name, `seed-${seed}`) }));
      const call = callOf(plan.command, task, algo, { ...plan.flags, ...taskFlags, ...algoFlags });
      return { task, algo: algo || undefined, call, runs };
    }),
  );
}

function named(list: z.infer<typeof Named>): [name: string, flags: Flags | null][] {
  return Array.isArray(list) ? list.map(name => [name, null]) : Object.entries(list);
}

function callOf(kind: Plan['command'], task: string, algo: string, flags: Flags): string[] {
  const given = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return [kind, kind === 'online' ? '--env' : '--dataset', task, ...(algo ? ['--algo', algo] : []), ...given];
}

/** Offline runs are also measured, the algorithms of a task in turns. */
async function rowsOf(plan: Plan, cells: readonly Cell[]): Promise<Row[]> {
  const costs = new Map<Cell, Cost>();
  if (plan.command === 'offline') {
    await useBackend('auto', { threads: 1 });
    for (const task of new Set(cells.map(cell => cell.task))) {
      const rivals = cells.filter(cell => cell.task === task);
      const measured = await measureInTurns(rivals.map(({ runs }) => runs[0]!.directory));
      rivals.forEach((cell, i) => void costs.set(cell, measured[i]!));
    }
  }
  return cells.map(cell => {
    const summaries = cell.runs.map(({ directory }) =>
      JSON.parse(readFileSync(join(directory, 'summary.json'), 'utf8')),
    );
    return {
      ...rowOf(cell.task, summaries),
      seeds: cell.runs.map(({ seed }) => seed),
      command: ['agent', ...cell.call].join(' '),
      ...costs.get(cell),
    };
  });
}
