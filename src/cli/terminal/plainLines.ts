import { clock, formatDurationShort, formatMetric, formatRate } from './format.ts';

/** What an evaluation line says. */
export interface EvaluationLine {
  readonly step: number;
  readonly episodeReturn: number;
  readonly std: number;
  readonly best: number;
  readonly bestStep: number;
}

/** `09:17:58 step=412000 critic/loss=31.4 steps/s=18.4 left=8h52m`: a line per log interval. */
export function logLine(
  now: Date,
  step: number,
  metrics: Readonly<Record<string, number>>,
  stepsPerSecond: number,
  secondsLeft: number | undefined,
): string {
  const values = Object.entries(metrics).map(([key, value]) => `${key}=${bare(formatMetric(value))}`);
  const left = secondsLeft === undefined ? [] : [`left=${formatDurationShort(secondsLeft)}`];
  const rate = `steps/s=${bare(formatRate(stepsPerSecond))}`;
  return [clock(now), `step=${step}`, ...values, rate, ...left].join(' ');
}

/** `09:26:31 step=420000 eval/return=4857 std=31 best=4961@390000` */
export function evaluationLine(now: Date, line: EvaluationLine): string {
  const whole = Math.abs(line.episodeReturn) >= 99.95;
  const number = (value: number) => value.toFixed(whole ? 0 : 1);
  const best = `best=${number(line.best)}@${line.bestStep}`;
  return `${clock(now)} step=${line.step} eval/return=${number(line.episodeReturn)} std=${number(line.std)} ${best}`;
}

/** `09:26:32 checkpoint step=420000 seconds=0.41` */
export function checkpointLine(now: Date, step: number, seconds: number): string {
  return `${clock(now)} checkpoint step=${step} seconds=${seconds.toFixed(2)}`;
}

function bare(number: string): string {
  return number.replaceAll(',', '');
}
