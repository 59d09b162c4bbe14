import type { AppState } from '../appState.ts';
import { h, setText } from '../dom.ts';
import { value } from '../format.ts';
import type { Player } from '../player.ts';
import type { Tube } from '../stage/tube.ts';
import type { StagePanel } from '../stagePanel.ts';
import type { PolicyModel } from './model.ts';

/** From one question to the next: one action and two networks each. */
const EVERY_MS = 200;
/** A policy that cannot be had now is asked for again after so long. */
const PATIENCE_MS = 5000;

/** Colours the way through a maze by V, the critic's value of what the policy does there, and says what the colours mean. */
export class PathValue {
  readonly #app: AppState;
  readonly #player: Player;
  readonly #panel: StagePanel;
  readonly #model: PolicyModel;
  readonly #low = h('span', { class: 'mono' });
  readonly #high = h('span', { class: 'mono' });
  /** What the colours mean. */
  readonly #legend = h(
    'p',
    { class: 'path-legend t2', hidden: true, title: 'V along the way, as the newest checkpoint’s critic sees it' },
    'V',
    this.#low,
    h('span', { class: 'q-gradient' }),
    this.#high,
  );
  /** The end of the way that was asked about last. */
  #asked: Tube['end'];
  #busy = false;
  #next = performance.now() + 1500;

  constructor(app: AppState, player: Player, panel: StagePanel, model: PolicyModel) {
    this.#app = app;
    this.#player = player;
    this.#panel = panel;
    this.#model = model;
    panel.rewards.element.after(this.#legend);
  }

  /** Asks for V at the state on the stage; the worker does the work. */
  refresh(now: number): void {
    const tube = this.#tube;
    this.#legend.hidden = !tube?.range;
    if (tube?.range) {
      setText(this.#low, value(tube.range[0]));
      setText(this.#high, value(tube.range[1]));
    }
    if (!tube?.end || tube.end === this.#asked || this.#busy || now < this.#next) return;
    this.#busy = true;
    this.#next = now + EVERY_MS;
    this.#ask(tube)
      .catch(error => {
        this.#model.problem = (error as Error).message; // shown by the Diffusion view
        return false;
      })
      .then(known => {
        if (!known) this.#next = performance.now() + PATIENCE_MS;
        this.#busy = false;
      });
  }

  get #tube(): Tube | undefined {
    const { stage } = this.#panel;
    return stage?.show.trail && !this.#player.all ? stage.tube : undefined;
  }

  /** Whether there was an answer. */
  async #ask(tube: Tube): Promise<boolean> {
    const { client } = this.#model;
    if (!this.#app.currentData?.snapshot?.checkpoints.length || !(await this.#model.prepare())) return false;
    const [place, { end }] = [this.#model.place(), tube];
    if (!place || !end) return false;
    const worth = await client.ask<'worth'>({ type: 'worth', qpos: place.qpos, before: place.before });
    tube.mark(end, worth);
    this.#asked = end;
    return Number.isFinite(worth);
  }
}
