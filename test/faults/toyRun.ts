import { ReplayBuffer } from '../../src/data/replayBuffer.ts';
import type { Disk } from '../../src/runs/durable.ts';
import { RunStore } from '../../src/runs/runStore.ts';
import { stored } from '../../src/runs/safetensors.ts';
import { toyConfig } from './toyConfig.ts';

/** Trials: a few on every change; all of them with FAULT_TRIALS=full (`npm run test:full`), n of them with FAULT_TRIALS=n. */
export function trials(few: number, all: number): number {
  const wanted = process.env.FAULT_TRIALS;
  if (wanted === 'full') return all;
  return wanted === undefined ? few : Math.min(all, Number(wanted));
}

const CAPACITY = 300;
const OBS = 5;

/** Training in small: every number of the state follows from the step alone, so that what was saved can be recognised. */
export class ToyRun {
  readonly run: RunStore;
  readonly replay: ReplayBuffer;
  step: number;

  private constructor(run: RunStore, replay: ReplayBuffer, step: number) {
    this.run = run;
    this.replay = replay;
    this.step = step;
  }

  static create(directory: string, disk?: Disk): ToyRun {
    return new ToyRun(RunStore.create({ directory, config: toyConfig, disk }), newReplay(), 0);
  }

  /** Opens and restores; throws if what comes back is not exactly the state of the step it says it is. */
  static async resume(directory: string, disk?: Disk): Promise<{ toy: ToyRun; damaged: number[] }> {
    const run = await RunStore.open(directory, { disk });
    let replay = newReplay();
    try {
      const restored = await run.restore(() => {
        replay = newReplay();
        return (start, columns) => replay.append(start, columns);
      });
      const toy = new ToyRun(run, replay, restored?.step ?? 0);
      if (restored) {
        const { tensors, state } = toy.#content();
        same('tensors', restored.tensors, tensors);
        same('state', restored.state, state);
      }
      const whole = newReplay();
      for (let t = 0; t < toy.step; t++) whole.add(transition(t));
      same('total', replay.total, whole.total);
      same(
        'replay',
        replay.read(replay.total - replay.size, replay.size),
        whole.read(whole.total - whole.size, whole.size),
      );
      return { toy, damaged: restored?.damaged.map(({ step }) => step) ?? [] };
    } catch (error) {
      await run.close();
      throw error;
    }
  }

  train(steps: number): void {
    for (let i = 0; i < steps; i++) {
      this.replay.add(transition(this.step));
      this.step++;
      if (this.step % 10 === 0) this.run.logger.log(this.step, { 'critic/loss': this.step / 3 });
    }
  }

  async save(best = false): Promise<void> {
    await this.run.save(this.step, { ...this.#content(), replay: this.replay }, { best });
  }

  #content() {
    const weights = Float32Array.from({ length: 2000 }, (_, i) => Math.sin(this.step + i));
    const tensors = new Map([['policy/0/weight', stored(weights, [100, 20])]]);
    return { tensors, state: { step: this.step, physics: Float64Array.of(this.step / 3, -0), rng: { key: [1, 2] } } };
  }
}

function newReplay(): ReplayBuffer {
  return new ReplayBuffer({ capacity: CAPACITY, obsDim: OBS, actDim: 1 });
}

function transition(t: number) {
  return {
    world: 0,
    observation: Float32Array.from({ length: OBS }, (_, i) => Math.sin(t * OBS + i)),
    action: Float32Array.of(Math.cos(t)),
    reward: t,
    terminated: t % 17 === 0,
    truncated: t % 19 === 0,
    nextObservation: Float32Array.from({ length: OBS }, (_, i) => Math.sin((t + 1) * OBS + i)),
  };
}

function same(what: string, got: unknown, wanted: unknown): void {
  const bytes = (value: unknown): string =>
    JSON.stringify(value, (_key, item: unknown) => {
      if (ArrayBuffer.isView(item))
        return Buffer.from(item.buffer, item.byteOffset, item.byteLength).toString('base64');
      return item instanceof Map ? [...item] : item;
    });
  if (bytes(got) !== bytes(wanted)) throw new Error(`${what} differs from the state that was saved`);
}
