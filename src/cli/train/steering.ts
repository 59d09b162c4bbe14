import { appendFileSync } from 'node:fs';
import type { Dashboard } from '../../dashboard/child.ts';
import type { ControlAction } from '../../dashboard/protocol.ts';
import type { RunStore } from '../../runs/runStore.ts';
import type { Tuning } from './tuning.ts';

/**
 * What a viewer with the control right may do to a training: hold it, let it take single steps, ask for an evaluation or a
 * checkpoint, end it, and (the only act that changes what is learned) set a hyperparameter. Every act is a line of the run's
 * `changes.jsonl`.
 */
export class Steering {
  /** Fulfils wishes for other hyperparameters. */
  tuning: Tuning | undefined;
  /** The run is to end as if it had been interrupted. */
  ended = false;
  readonly #store: RunStore;
  readonly #dashboard: Dashboard;
  #paused = false;
  #wishes = { evaluate: false, checkpoint: false };
  /** Steps allowed while paused. */
  #credits = 0;
  #wake: () => void = () => {};
  #step = 0;

  constructor(store: RunStore, dashboard: Dashboard) {
    this.#store = store;
    this.#dashboard = dashboard;
    dashboard.onControl(action => this.#act(action));
  }

  #act(action: ControlAction): void {
    if (action.kind === 'set') {
      const refused = this.tuning?.ask(action.name, action.value);
      if (refused) this.#dashboard.say(refused);
      return;
    }
    if (action.kind === 'pause' || action.kind === 'resume') this.#paused = action.kind === 'pause';
    else if (action.kind === 'evaluate' || action.kind === 'checkpoint') this.#wishes[action.kind] = true;
    else if (action.kind === 'end') this.ended = true;
    if (action.kind !== 'pause') this.#credits++;
    const line = { step: this.#step, what: action.kind, at: new Date().toISOString() };
    appendFileSync(this.#store.path('changes.jsonl'), `${JSON.stringify(line)}\n`, { mode: 0o600 });
    this.#dashboard.state(this.#paused ? 'paused' : 'live');
    this.#wake();
  }

  /** What was asked for since the last call. */
  wishes(): { readonly evaluate: boolean; readonly checkpoint: boolean } {
    const wishes = this.#wishes;
    this.#wishes = { evaluate: false, checkpoint: false };
    return wishes;
  }

  /** Resolves when the next step may be taken: at once, unless the training is held. `stopped` ends the waiting too. */
  async gate(step: number, stopped: () => boolean): Promise<void> {
    this.#step = step;
    while (this.#paused && this.#credits === 0 && !this.ended && !stopped()) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, 100);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#credits = this.#paused ? Math.max(0, this.#credits - 1) : 0;
  }
}
