import type { Output } from '../command.ts';
import { formatMetric, formatTime } from './format.ts';
import type { Line } from './lines.ts';
import { type BestAndLast, type Gauge, type LiveState, liveLines } from './live.ts';
import { checkpointLine, evaluationLine, logLine } from './plainLines.ts';
import { canRedraw, Screen } from './screen.ts';
import { Curve } from './sparkline.ts';
import { Speedometer } from './speedometer.ts';

/** What stands still while a run trains. */
export interface TrainingFacts {
  readonly task: string;
  readonly algo: string;
  readonly preset: string;
  readonly seed: number;
  readonly run: string;
  readonly steps: number;
  readonly published?: LiveState['published'];
  readonly url?: string;
}

export interface TrainingViewOptions {
  readonly output: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly quiet: boolean;
  /** With `--json` and in logs: plain lines even on a terminal. */
  readonly plain?: boolean;
  readonly now: () => Date;
  /** Bytes this process uses. */
  readonly memory: () => number;
  /** Seconds a step takes, as the forecast measured, until there is better. */
  readonly secondsPerStep?: number;
}

const redrawMs = 250;

/**
 * What a person sees of a training run: a live block on a terminal, plain lines elsewhere. The loop reports progress at
 * every step (cheap), metrics as they are logged, and what else happens.
 */
export class TrainingView {
  readonly #facts: TrainingFacts;
  readonly #options: TrainingViewOptions;
  readonly #screen: Screen;
  readonly #live: boolean;
  readonly #curves = new Map<string, { curve: Curve; last: number }>();
  readonly #returns = new Curve();
  readonly #speed: Speedometer;
  #evaluation: LiveState['evaluation'];
  #evaluationLength: BestAndLast | undefined;
  #episodeReturn: BestAndLast | undefined;
  #rewardTerms: [string, number][] = [];
  #status = 'training';
  #step = 0;
  #drawnAt = Number.NEGATIVE_INFINITY;
  readonly #onResize = () => this.#redraw(true);

  constructor(facts: TrainingFacts, options: TrainingViewOptions) {
    this.#facts = facts;
    this.#options = options;
    this.#screen = new Screen(options.output, options.env);
    this.#live = !options.quiet && !options.plain && canRedraw(options.output, options.env);
    this.#speed = new Speedometer(facts.steps, options.secondsPerStep);
    if (this.#live) options.output.on?.('resize', this.#onResize);
  }

  /** Writes the address of the viewer where no live block shows it. */
  announceViewer(): void {
    if (!this.#live && this.#facts.url) this.#print(`view ${this.#facts.url}`);
  }

  /** Every environment step, or as often as the loop likes; `secondsGone` counts the run's earlier processes too. */
  progress(step: number, updates: number, secondsGone: number): void {
    this.#step = step;
    this.#speed.at(step, updates, secondsGone);
    this.#redraw(false);
  }

  /** `training`, `warm-up`, `evaluating`, `saving`, `stopping`. */
  status(status: string): void {
    if (status === this.#status) return;
    this.#status = status;
    this.#redraw(true);
  }

  /** Metrics as they go into the run's log. */
  log(step: number, values: Readonly<Record<string, number | string>>): void {
    const numbers = Object.entries(values).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
    for (const [key, value] of numbers) this.#take(step, key, value);
    const evaluated = numbers.some(([key]) => key === 'eval/return');
    if (evaluated) this.#evaluated(step, values as Readonly<Record<string, number>>);
    if (!this.#live) this.#plainLog(step, numbers, evaluated);
    this.#redraw(false);
  }

  checkpoint(step: number, seconds: number): void {
    if (!this.#live) this.#print(checkpointLine(this.#options.now(), step, seconds));
  }

  /** Lines that stay: warnings, what happened. */
  message(...lines: readonly Line[]): void {
    if (this.#options.quiet) return;
    this.#screen.print(lines);
    this.#redraw(true);
  }

  /** Ends the view; with `lines`, they take the place of the block. */
  close(lines: readonly Line[] = []): void {
    this.#options.output.off?.('resize', this.#onResize);
    if (this.#options.quiet) return;
    if (lines.length > 0) this.#screen.print(lines);
    else this.#screen.close();
  }

  #take(step: number, key: string, value: number): void {
    if (key === 'episode/return') this.#episodeReturn = better(this.#episodeReturn, value);
    else if (key.startsWith('reward/')) this.#rewardTerm(key.slice('reward/'.length), value);
    else if (!/^(eval|episode)\//.test(key)) {
      const known = this.#curves.get(key) ?? { curve: new Curve(), last: value };
      known.curve.add(step, value);
      known.last = value;
      this.#curves.set(key, known);
    }
  }

  #rewardTerm(name: string, value: number): void {
    const index = this.#rewardTerms.findIndex(([known]) => known === name);
    if (index >= 0) this.#rewardTerms[index] = [name, value];
    else this.#rewardTerms.push([name, value]);
  }

  #evaluated(step: number, values: Readonly<Record<string, number>>): void {
    const last = values['eval/return']!;
    const std = values['eval/returnStd'] ?? 0;
    const isBest = !this.#evaluation || last > this.#evaluation.best;
    const length = values['eval/length'];
    if (length !== undefined) {
      this.#evaluationLength = { last: length, best: isBest ? length : (this.#evaluationLength?.best ?? length) };
    }
    const { best, bestStep } = isBest || !this.#evaluation ? { best: last, bestStep: step } : this.#evaluation;
    this.#evaluation = { last, std, best, bestStep };
    this.#returns.add(step, last);
  }

  #plainLog(step: number, numbers: readonly [string, number][], evaluated: boolean): void {
    const now = this.#options.now();
    if (evaluated && this.#evaluation) {
      const { last: episodeReturn, std, best, bestStep } = this.#evaluation;
      this.#print(evaluationLine(now, { step, episodeReturn, std, best, bestStep }));
    }
    const others = numbers.filter(([key]) => /\/(loss|q)$/.test(key)); // the rest is in metrics.jsonl
    if (others.length === 0) return;
    this.#print(logLine(now, step, Object.fromEntries(others), this.#speed.stepsPerSecond, this.#speed.secondsLeft));
  }

  #print(line: string): void {
    if (!this.#options.quiet) this.#options.output.write(`${line}\n`);
  }

  #redraw(now: boolean): void {
    if (!this.#live) return;
    const time = this.#options.now().getTime();
    if (!now && time - this.#drawnAt < redrawMs) return;
    this.#drawnAt = time;
    // Made narrower than 80 columns, the block stays out of the way until there is room again.
    if (this.#screen.columns >= 80) this.#screen.draw(liveLines(this.#state(), this.#screen.columns));
  }

  #state(): LiveState {
    return {
      ...this.#facts,
      status: this.#status,
      step: this.#step,
      stepsPerSecond: this.#speed.stepsPerSecond,
      updatesPerSecond: this.#speed.updatesPerSecond,
      secondsGone: this.#speed.secondsGone,
      secondsLeft: this.#speed.secondsLeft,
      now: this.#options.now(),
      memoryBytes: this.#options.memory(),
      evaluation: this.#evaluation,
      evaluationLength: this.#evaluationLength,
      episodeReturn: this.#episodeReturn,
      returns: this.#returns.points,
      rewardTerms: this.#rewardTerms,
      gauges: this.#gauges(),
    };
  }

  /** First losses and values, then what else the algorithm reports; those that tell little go without a curve. */
  #gauges(): Gauge[] {
    const keys = [...this.#curves.keys()].filter(key => !key.startsWith('time/') && !key.endsWith('gradNorm'));
    const curves = [
      ...['critic/loss', 'policy/loss', 'critic/q', 'policy/entropyWeight'].filter(key => keys.includes(key)),
      ...keys.filter(key => !main.has(key)),
    ].slice(0, 4);
    const gauges: Gauge[] = curves.map(key => {
      const { curve, last } = this.#curves.get(key)!;
      return { name: gaugeName(key), text: formatMetric(last), points: curve.points };
    });
    const disagreement = this.#curves.get('critic/disagreement')?.last;
    if (disagreement !== undefined) gauges.push({ name: 'q1 - q2', text: `± ${formatMetric(disagreement)}` });
    const perAction = this.#curves.get('time/actionMicroseconds')?.last;
    if (perAction !== undefined) gauges.push({ name: 'time/action', text: formatTime(perAction * 1e-6) });
    return gauges;
  }
}

const main = new Set(['critic/loss', 'policy/loss', 'critic/q', 'policy/entropyWeight', 'critic/disagreement']);

/** `critic/loss` stays, `policy/entropyWeight` is known by its own name. */
function gaugeName(key: string): string {
  const [, what = key] = key.split('/');
  return ['loss', 'q'].includes(what) ? key : what;
}

function better(known: BestAndLast | undefined, value: number): BestAndLast {
  return { last: value, best: Math.max(value, known?.best ?? value) };
}
