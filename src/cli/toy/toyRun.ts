import { mkdirSync } from 'node:fs';
import { replaceFile } from '../../runs/durable.ts';
import { collectHeader } from '../../runs/header.ts';
import { RunStore } from '../../runs/runStore.ts';
import { machine, versions } from '../train/onlinePlan.ts';
import type { BanditResult, PlanarResult, ToySizes } from './experiments.ts';
import { banditFigure, planarFigure } from './figures.ts';

export interface ToyCall {
  readonly argv: readonly string[];
  readonly directory?: string;
  readonly datasets: readonly string[];
  readonly sizes: ToySizes;
  readonly seed: number;
  readonly backend: { readonly name: string; readonly threads: number };
}

/** Losses are averaged over so many updates for a row of metrics. */
const LOG_EVERY = 50;

/** The run directory of the two-dimensional experiments: curves while they train, a figure as soon as it has something to show. */
export class ToyRun {
  readonly store: RunStore;
  readonly #planar: PlanarResult[] = [];
  readonly #bandit: BanditResult[] = [];
  readonly #call: ToyCall;
  /** Updates of the experiments before this one, and losses since the last row. */
  #base = 0;
  #losses: number[] = [];

  constructor(call: ToyCall) {
    const { argv, directory, datasets, sizes, seed, backend } = call;
    const steps = datasets.length * sizes.updates + 2 * sizes.banditUpdates;
    const resolved = { kind: 'toy' as const, algo: 'toy', task: '2-D experiments', seed, preset: '', steps };
    const values = { ...sizes };
    const options = { datasets };
    this.#call = call;
    this.store = RunStore.create({
      directory,
      config: {
        ...resolved,
        command: ['toy', ...argv],
        backend: backend.name,
        ...{ values, options, sources: {}, environment: {} },
        versions: versions(),
        machine: machine(),
        header: collectHeader({
          config: { ...resolved, values, options },
          ...{ seed, threads: backend.threads, backend: backend.name },
        }),
      },
    });
    mkdirSync(this.store.path('figures'), { mode: 0o700 });
  }

  /** The `update`-th update of the experiment called `stage`, with its loss and what it is the loss of. */
  updated(stage: string, update: number, what: 'behavior/loss' | 'policy/loss', loss: number): void {
    this.#losses.push(loss);
    if (update % LOG_EVERY !== 0) return;
    const sum = this.#losses.reduce((a, b) => a + b, 0);
    this.store.logger.log(this.#base + update, { stage, [what]: sum / this.#losses.length });
    this.#losses.length = 0;
  }

  async addPlanar(result: PlanarResult): Promise<void> {
    this.#planar.push(result);
    this.#advance(this.#call.sizes.updates);
    await this.#write('planar.svg', planarFigure(this.#planar));
  }

  async addBandit(result: BanditResult): Promise<void> {
    this.#bandit.push(result);
    this.#advance(this.#call.sizes.banditUpdates);
    await this.#write('bandit.svg', banditFigure(this.#bandit));
  }

  #advance(updates: number): void {
    this.#losses.length = 0;
    this.#base += updates;
  }

  async #write(name: string, svg: string): Promise<void> {
    await replaceFile(this.store.path('figures', name), svg);
  }

  /** What was found, without the pictures. */
  get report() {
    return {
      datasets: this.#planar.map(({ name, loss, mass, insideBefore, inside }) => {
        return { name, loss, mass, insideBefore, inside };
      }),
      bandit: this.#bandit.map(({ entropy, shares, modes, meanReward }) => ({ entropy, shares, modes, meanReward })),
    };
  }

  /** Paths of the figures. */
  get files(): string[] {
    const names = [
      ...(this.#planar.length > 0 ? ['planar.svg'] : []),
      ...(this.#bandit.length > 0 ? ['bandit.svg'] : []),
    ];
    return names.map(name => this.store.path('figures', name));
  }

  async finish(): Promise<void> {
    const { algo, task, seed, preset, backend, steps } = this.store.config;
    const seconds = Math.round(this.store.seconds * 1000) / 1000;
    await this.store.writeSummary({
      algo,
      task,
      seed,
      preset,
      backend,
      steps,
      updates: steps,
      seconds,
      ...this.report,
    });
  }
}
