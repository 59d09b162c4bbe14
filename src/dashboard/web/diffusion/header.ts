import type { AppState } from '../appState.ts';
import { button, h, setText } from '../dom.ts';
import { openMenu } from '../menu.ts';
import { statusPill } from '../status.ts';

export interface HeaderParts {
  readonly state: HTMLElement;
  readonly checkpoint: HTMLElement;
  readonly time: HTMLElement;
  readonly resample: () => void;
  readonly choose: (candidates: number) => void;
}

/** Environment, run, status; the state, checkpoint and time of the sample; K and Resample. */
export function diffusionHeader(app: AppState, parts: HeaderParts): HTMLElement {
  const title = h('h1', { class: 'title' });
  const name = h('span', { class: 'run-name mono t3' });
  const update = () => {
    setText(title, app.run()?.task ?? '');
    setText(name, app.run()?.id ?? '');
  };
  for (const event of ['runs', 'current'] as const) app.on(event, update);
  let current = 64;
  const k = button({
    after: 'open',
    label: `K = ${current}`,
    onclick: () =>
      openMenu(
        k,
        [4, 16, 32, 64, 128].map(count => ({
          label: `K = ${count}`,
          checked: current === count,
          run: () => {
            current = count;
            setText(k.querySelector('span')!, `K = ${count}`);
            parts.choose(count);
          },
        })),
      ),
  });
  const figure = (label: string, of: HTMLElement) =>
    h('span', { class: 'figure' }, h('span', { class: 't3' }, label), of);
  return h(
    'header',
    { class: 'view-header header' },
    title,
    name,
    statusPill(app),
    h('span', { class: 'grow' }),
    figure('State', parts.state),
    figure('Checkpoint', parts.checkpoint),
    figure('Sampled in', parts.time),
    k,
    button({ icon: 'reset', label: 'Resample', title: 'Resample (R)', key: 'R', onclick: parts.resample }),
  );
}
