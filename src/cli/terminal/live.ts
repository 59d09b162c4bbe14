import { aboutTime, formatBytes, formatDuration, formatRate, formatReturn, formatSpread, grouped } from './format.ts';
import { clip, columns, cutMiddle, endingAt, type Line, spread, widthOf } from './lines.ts';
import type { Span } from './paint.ts';
import { type Point, resample, sparkline } from './sparkline.ts';

/** A metric below the returns: its text, and its curve where it has one. */
export interface Gauge {
  readonly name: string;
  readonly text: string;
  readonly points?: readonly Point[];
}

export interface BestAndLast {
  readonly last: number;
  readonly best: number;
}

/** Everything the live block shows. */
export interface LiveState {
  readonly task: string;
  readonly algo: string;
  readonly preset: string;
  readonly seed: number;
  readonly status: string;
  /** The run directory as the user would type it. */
  readonly run: string;
  readonly step: number;
  readonly steps: number;
  readonly stepsPerSecond: number;
  readonly updatesPerSecond: number;
  readonly secondsGone: number;
  readonly secondsLeft?: number;
  readonly now: Date;
  readonly memoryBytes: number;
  readonly evaluation?: BestAndLast & { readonly std: number; readonly bestStep: number };
  readonly evaluationLength?: BestAndLast;
  readonly episodeReturn?: BestAndLast;
  /** Evaluation returns since the start. */
  readonly returns: readonly Point[];
  /** `v3, best` and scores by algorithm. */
  readonly published?: { readonly label: string; readonly scores: readonly (readonly [string, number])[] };
  /** Mean reward of a step, by term. */
  readonly rewardTerms?: readonly (readonly [string, number])[];
  readonly gauges: readonly Gauge[];
  readonly url?: string;
}

/** The live block for a terminal of `width` ≥ 80 columns: the full form from 120 on. */
export function liveLines(state: LiveState, width: number): Line[] {
  const lines = width >= 120 ? full(state, width) : short(state, width);
  // An address is never cut; everything else is, rather than wrap.
  return lines.map(line => (line[0] === view ? line : clip(line, width)));
}

const view: Span = ['dim', 'view'];
const bold = (text: string): Span => ['bold', text];
const dim = (text: string): Span => ['dim', text];

function full(state: LiveState, width: number): Line[] {
  const counts = [bold(`${percent(state)} %`.padStart(6)), `   ${grouped(state.step)} of ${grouped(state.steps)}`];
  const rates: Line = [
    dim(
      [
        `${formatRate(state.stepsPerSecond)} steps/s`,
        `${formatRate(state.updatesPerSecond)} updates/s`,
        `${formatDuration(state.secondsGone)} gone`,
        formatBytes(state.memoryBytes),
      ].join('   '),
    ),
  ];
  const title = heading(state);
  return [
    spread(title, [dim(cutMiddle(state.run, width - widthOf(title) - 3))], width),
    [],
    spread([...bar(state, width - 50), '  ', ...counts], timeLeft(state), width),
    spread(rates, finishTime(state), width),
    [],
    ...returnTable(state, width),
    [],
    ...gaugeRows(state),
    ...(state.gauges.length > 0 ? [[]] : []),
    ...footer(state, width),
  ];
}

function short(state: LiveState, width: number): Line[] {
  const rates = `${grouped(state.step)} of ${grouped(state.steps)}   ${formatRate(state.stepsPerSecond)} steps/s   ${formatRate(state.updatesPerSecond)} updates/s`;
  const barLine = [...bar(state, width - 30), '  ', bold(`${percent(state)} %`.padStart(6))];
  const cells = state.gauges.filter(gauge => gauge.points).slice(0, 3);
  const order = [0, 2, 1].map(index => cells[index]).filter(cell => cell !== undefined);
  return [
    spread(heading(state), [dim(cutMiddle(state.run, 15))], width),
    spread(barLine, timeLeft(state), width),
    spread([dim(rates)], finishTime(state), width),
    [],
    shortReturns(state),
    ...(cells.length > 0 ? [shortGauges(order)] : []),
    [],
    ...(state.url ? [[view, `  ${state.url}`]] : []),
    [dim('Ctrl-C saves and stops; agent resume continues bit for bit')],
  ];
}

function heading(state: LiveState): Line {
  const tone = state.status === 'training' ? 'good' : 'warn';
  return [bold(state.task), `  ${state.algo}  ${state.preset}  seed ${state.seed}   `, [tone, `● ${state.status}`]];
}

function bar(state: LiveState, cells: number): Line {
  const done = Math.min(cells, Math.round((state.step / state.steps) * cells));
  return [
    ['accent', '━'.repeat(done)],
    ['dim', '─'.repeat(cells - done)],
  ];
}

/** Rounded down, so that 100.0 means done. */
function percent(state: LiveState): string {
  return (Math.floor((state.step / state.steps) * 1000) / 10).toFixed(1);
}

function timeLeft(state: LiveState): Line {
  return state.secondsLeft === undefined ? [] : [bold(formatDuration(state.secondsLeft)), ' left'];
}

function finishTime(state: LiveState): Line {
  return state.secondsLeft === undefined ? [] : [dim(aboutTime(state.now, state.secondsLeft))];
}

function returnTable(state: LiveState, width: number): Line[] {
  const { evaluation } = state;
  const std: Line = evaluation ? [` ± ${formatSpread(evaluation.std, evaluation.last)}`] : [];
  const bestStep: Line = evaluation ? [` at ${grouped(evaluation.bestStep)}`] : [];
  const third = [
    evaluation ? returnsSparkline(state, width - 61) : [dim('·'.repeat(width - 61))],
    published(state),
    rewardTerms(state),
  ];
  const rows = [
    tableRow('eval/return', evaluation, std, bestStep, true),
    tableRow('eval/length', state.evaluationLength, [], [], false),
    tableRow('episode/return', state.episodeReturn, [], [], false),
  ];
  const start = Math.max(52, ...rows.map(row => widthOf(row) + 2));
  return [
    columns([21, [dim('last')]], [35, [dim('best')]], [start, [dim('since the start')]]),
    ...rows.map((row, index) => (third[index]!.length > 0 ? columns([0, row], [start, third[index]!]) : row)),
  ];
}

function tableRow(name: string, values: BestAndLast | undefined, std: Line, bestStep: Line, strong: boolean): Line {
  const last = formatReturn(values?.last);
  const best = formatReturn(values?.best);
  const [lastColumn, lastLine] = endingAt(25, [strong ? bold(last) : last]);
  const [bestColumn, bestLine] = endingAt(39, [strong ? ['accent', best] : best]);
  return columns(
    [2, [strong ? bold(name) : name]],
    [lastColumn, [...lastLine, ...std]],
    [bestColumn, [...bestLine, ...bestStep]],
  );
}

function returnsSparkline(state: LiveState, cells: number): Line {
  const done = Math.min(cells, Math.max(1, Math.round((state.step / state.steps) * cells)));
  const values = resample(state.returns, state.step, done);
  return [
    ['accent', sparkline(values)],
    ['dim', '·'.repeat(cells - done)],
  ];
}

function published({ published }: LiveState): Line {
  if (!published) return [];
  const scores = published.scores.map(([name, score]) => `${name} ${formatReturn(score)}`);
  return [dim(`published, ${published.label}:  ${scores.join('   ')}`)];
}

function rewardTerms({ rewardTerms }: LiveState): Line {
  if (!rewardTerms?.length) return [];
  return [dim(`a step:  ${rewardTerms.map(([name, value]) => `${name} ${value.toFixed(2)}`).join('   ')}`)];
}

/** Two rows of up to three gauges: two with curves, one without. */
function gaugeRows(state: LiveState): Line[] {
  const curves = state.gauges.filter(gauge => gauge.points).slice(0, 4);
  const others = state.gauges.filter(gauge => !gauge.points).slice(0, 2);
  const rows = [0, 1].map(row => [curves[row], curves[row + 2], others[row]]);
  return rows
    .filter(row => row.some(gauge => gauge))
    .map(([first, second, third]) => {
      const pieces: (readonly [number, Line])[] = [];
      if (first) pieces.push([2, [first.name]], endingAt(25, [first.text]), [28, gaugeCurve(first, state)]);
      if (second) pieces.push([43, [second.name]], endingAt(67, [second.text]), [70, gaugeCurve(second, state)]);
      if (third) pieces.push([85, [third.name]], endingAt(105, [third.text]));
      return columns(...pieces);
    });
}

function gaugeCurve(gauge: Gauge, state: LiveState): Line {
  return [dim(sparkline(resample(gauge.points ?? [], state.step, 12)))];
}

function shortReturns(state: LiveState): Line {
  const { evaluation } = state;
  const [column, last] = endingAt(23, [bold(formatReturn(evaluation?.last))]);
  const label: readonly [number, Line] = [2, [bold('eval/return')]];
  if (!evaluation) return columns(label, [column, last]);
  const spark: Line = [['accent', sparkline(resample(state.returns, state.step, 14))]];
  const best: Line = [
    dim('best'),
    '  ',
    ['accent', formatReturn(evaluation.best)],
    dim(` at ${grouped(evaluation.bestStep)}`),
  ];
  const left: Line = [
    ...columns(label, [column, [...last, ` ± ${formatSpread(evaluation.std, evaluation.last)}`]]),
    '   ',
    ...best,
  ];
  return [...left, '   ', ...spark];
}

function shortGauges(gauges: readonly Gauge[]): Line {
  const places = [
    [2, 23],
    [31, 49],
    [56, 75],
  ] as const;
  return columns(
    ...gauges.flatMap((gauge, index) => {
      const [start, end] = places[index]!;
      return [[start, [gauge.name]] as const, endingAt(end, [gauge.text])];
    }),
  );
}

function footer(state: LiveState, width: number): Line[] {
  const hint: Line = [dim('Ctrl-C saves and stops')];
  if (!state.url) return [hint];
  const address: Line = [view, `  ${state.url}`];
  const line = spread(address, hint, width);
  return line === address ? [address, hint] : [line];
}
