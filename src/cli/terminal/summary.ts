import { formatDuration, formatReturn, formatSpread, grouped } from './format.ts';
import { columns, endingAt, type Line } from './lines.ts';

/** The result of a finished run, as the terminal tells it. */
export interface Finished {
  readonly task: string;
  readonly algo: string;
  readonly preset: string;
  readonly seed: number;
  readonly steps: number;
  /** What is counted: `steps` online, `updates` offline. */
  readonly unit: 'steps' | 'updates';
  readonly seconds: number;
  readonly run: string;
  readonly last?: EvaluationResult;
  readonly best?: EvaluationResult & { readonly step: number };
  /** Beside `best`: a score and what it is (`QVPO, best, 5 seeds`). */
  readonly published?: readonly [score: number, what: string];
  /** Where no policy was trained: the stages that were, which another run can begin from. */
  readonly stages?: readonly string[];
}

export interface EvaluationResult {
  readonly return: number;
  readonly returnStd: number;
  readonly episodes: number;
}

/** What replaces the live block at the end: returns, and what to do next. */
export function summaryLines(run: Finished): Line[] {
  const title: Line = [
    ['good', '✓'],
    ' ',
    ['bold', `${run.task} ${run.algo} ${run.preset} seed ${run.seed}`],
    `   ${grouped(run.steps)} ${run.unit} in ${formatDuration(run.seconds)}`,
  ];
  return [title, [], ...results(run), ...nextCommands(run)];
}

function results(run: Finished): Line[] {
  if (!run.last && !run.best) return [];
  const header: Line = [
    ['dim', `                return    std   episodes   at step${run.published ? '     published' : ''}`],
  ];
  const lines: Line[] = [header];
  if (run.last) lines.push(row('last', 'bold', run.last, run.steps));
  if (run.best) {
    const line = row('best', 'accent', run.best, run.best.step);
    const reference: Line = run.published ? [`   ${formatReturn(run.published[0])} `, ['dim', run.published[1]]] : [];
    lines.push([...line, ...reference]);
  }
  return [...lines, []];
}

function row(name: string, tone: 'bold' | 'accent', result: EvaluationResult, step: number): Line {
  return columns(
    [2, [name]],
    endingAt(20, [[tone, formatReturn(result.return)]]),
    endingAt(27, [formatSpread(result.returnStd, result.return)]),
    endingAt(38, [String(result.episodes)]),
    endingAt(50, [grouped(step)]),
  );
}

function nextCommands({ run, unit, stages }: Finished): Line[] {
  const begun = stages?.map(stage => ['reuse', `agent offline --${stage}-from ${run} …`]);
  const policy = [
    ['evaluate', `agent eval ${run} --episodes 100`],
    ...(unit === 'steps' ? [['distil', `agent offline --dataset ${run}`]] : []), // an offline run has no replay
    ['share', `agent export ${run} --format html`],
  ];
  const commands = [['watch', `agent view ${run}`], ...(begun ?? policy)];
  return commands.map(([label, command]) => columns([2, [label!]], [12, [command!]]));
}
