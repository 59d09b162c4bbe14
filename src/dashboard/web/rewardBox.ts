import { fill, h, setText } from './dom.ts';
import { fixed } from './format.ts';

/** One bar per term of the reward, from a zero line; the mean of the last second, the sum on top. */
export class RewardBox {
  readonly element: HTMLElement;
  readonly #sum = h('b', {});
  readonly #list = h('ul', { class: 'scroll' });
  #history: Record<string, number>[] = [];
  #names = '';
  #world = 0;

  constructor() {
    this.element = h(
      'section',
      { class: 'reward-box', 'aria-label': 'Reward', hidden: true },
      h(
        'header',
        {},
        h('span', {}, 'Reward'),
        h('span', { class: 'grow' }),
        this.#sum,
        h('span', { class: 't3' }, '/ step'),
      ),
      this.#list,
    );
  }

  clear(): void {
    this.#history = [];
  }

  /** `terms` of one step of a world, where they are known; `perSecond` steps make the second that is averaged. */
  push(world: number, terms: Readonly<Record<string, number>> | undefined, perSecond: number): void {
    if (world !== this.#world) this.clear(); // the terms of another world are none of this one's
    this.#world = world;
    if (!terms) return;
    this.#history.push({ ...terms });
    if (this.#history.length > Math.max(1, Math.round(perSecond))) this.#history.shift();
  }

  refresh(): void {
    const { length } = this.#history;
    this.element.hidden = length === 0;
    if (length === 0) return;
    const names = Object.keys(this.#history.at(-1)!);
    const means = names.map(name => this.#history.reduce((sum, terms) => sum + (terms[name] ?? 0), 0) / length);
    setText(
      this.#sum,
      fixed(
        means.reduce((sum, mean) => sum + mean, 0),
        2,
      ),
    );
    if (names.join() !== this.#names) {
      this.#names = names.join();
      fill(
        this.#list,
        ...names.map(name =>
          h('li', {}, h('span', { class: 't2' }, name), h('span', { class: 'reward-bar' }, h('i')), h('b', {})),
        ),
      );
    }
    const largest = Math.max(...means.map(Math.abs), 1e-9);
    // The zero line stands at a fifth of the track: most terms are positive.
    Array.from(this.#list.children).forEach((row, i) => {
      const mean = means[i]!;
      const track = row.children[1];
      const value = row.children[2];
      const bar = track!.firstElementChild as HTMLElement;
      const width = (Math.abs(mean) / largest) * (mean < 0 ? 20 : 72);
      bar.className = mean < 0 ? 'negative' : 'positive';
      bar.style.left = mean < 0 ? `${20 - width}%` : '20%';
      bar.style.width = `${width}%`;
      setText(value!, fixed(mean, 2));
    });
  }
}
