import type { AppState } from '../appState.ts';
import { h } from '../dom.ts';
import type { WatchView } from '../watchView.ts';

export class DiffusionView {
  readonly header = h('header', { class: 'view-header' });
  readonly #page = h('div', { class: 'page' });
  constructor(_app: AppState, _watch: WatchView) {}
  open(): HTMLElement {
    return this.#page;
  }
  frame(_now: number): void {}
  refresh(): void {}
}
