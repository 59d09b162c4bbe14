import { formatDuration, formatTime, grouped } from '../terminal/format.ts';

/** One task and algorithm of a sweep. */
export interface Row {
  readonly task: string;
  readonly algo: string;
  readonly seeds: readonly number[];
  /** Environment steps, or gradient updates of an offline run, all stages together. */
  readonly steps: number;
  /** Mean over seeds, and the deviation between them; normalised where the task has a range of scores. */
  readonly last: Spread;
  readonly best: Spread;
  /** Episodes an evaluation averages over. */
  readonly episodes: number;
  readonly secondsPerRun: number;
  /** All updates at the speed measured in turns with the other algorithms: offline runs alone. */
  readonly trainingSeconds?: number;
  /** Of the last policy, for one observation: offline runs alone. */
  readonly actionSeconds?: number;
  /** What made it, without seed and run directory. */
  readonly command: string;
}

interface Spread {
  readonly mean: number;
  readonly std: number;
}

interface Score {
  readonly return: number;
  readonly normalizedScore?: number;
  readonly episodes?: number;
}

/** What a table needs of `summary.json`. */
interface Summary {
  readonly algo: string;
  readonly steps: number;
  readonly seconds: number;
  readonly eval: { readonly last?: Score; readonly best?: Score };
}

/** Scores and times of the runs of one task and algorithm, one run a seed. */
export function rowOf(task: string, summaries: readonly Summary[]): Omit<Row, 'seeds' | 'command'> {
  const scores = (which: 'last' | 'best') =>
    spread(summaries.map(({ eval: { [which]: score } }) => score?.normalizedScore ?? score?.return ?? Number.NaN));
  const [first] = summaries as readonly [Summary];
  return {
    task,
    algo: first.algo,
    steps: first.steps,
    last: scores('last'),
    best: scores('best'),
    episodes: first.eval.last?.episodes ?? 0,
    secondsPerRun: spread(summaries.map(({ seconds }) => seconds)).mean,
  };
}

function spread(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, std: Math.sqrt(variance) };
}

const HEAD = ['task', 'algo', 'seeds', 'last', 'best', 'steps', 'training', 'an action', 'a run'];

function cellsOf(row: Row): string[] {
  const score = ({ mean, std }: Spread) =>
    row.seeds.length > 1 ? `${mean.toFixed(1)} ± ${std.toFixed(1)}` : mean.toFixed(1);
  return [
    row.task,
    row.algo,
    String(row.seeds.length),
    score(row.last),
    score(row.best),
    grouped(row.steps),
    row.trainingSeconds === undefined ? '' : formatDuration(row.trainingSeconds),
    row.actionSeconds === undefined ? '' : formatTime(row.actionSeconds),
    formatDuration(row.secondsPerRun),
  ];
}

/** Head and rows without the columns that none of them fills. */
function filled(rows: readonly Row[]): string[][] {
  const lines = rows.map(cellsOf);
  const used = HEAD.flatMap((_, column) => (lines.some(line => line[column] !== '') ? [column] : []));
  return [HEAD, ...lines].map(line => used.map(column => line[column]!));
}

/** For the terminal: columns of equal width. */
export function plainTable(rows: readonly Row[]): string {
  const lines = filled(rows);
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map(line => line[column]!.length)));
  const padded = lines.map(line => line.map((text, column) => text.padEnd(widths[column]!)).join('   '));
  return padded.map(line => `${line.trimEnd()}\n`).join('');
}

/** For a document: the table, and the command of each row below it. */
export function markdown(rows: readonly Row[]): string {
  const [head, ...lines] = filled(rows);
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const commands = rows.map(({ command, seeds }) => `${command} --seed ${seeds.join('|')}`);
  return [row(head!), row(head!.map(() => '---')), ...lines.map(row), '', '```', ...commands, '```', ''].join('\n');
}
