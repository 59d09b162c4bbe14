import type { AppState, View } from './appState.ts';
import { h, icon } from './dom.ts';

export const views: readonly { readonly view: View; readonly icon: string; readonly label: string }[] = [
  { view: 'watch', icon: 'stage', label: 'Watch' },
  { view: 'curves', icon: 'curves', label: 'Curves' },
  { view: 'diffusion', icon: 'diffusion', label: 'Diffusion' },
  { view: 'runs', icon: 'runs', label: 'Runs' },
];

/** The four parts of the page; below them palette and theme. On a phone the same list is a bar at the bottom. */
export function rail(app: AppState, openPalette: () => void): HTMLElement {
  const buttons = views.map(({ view, icon: name, label }, i) => {
    const item = h(
      'button',
      {
        type: 'button',
        class: 'rail-item',
        title: `${label} (${i + 1})`,
        'aria-label': label,
        onclick: () => app.show(view),
      },
      icon(name),
      h('span', { class: 'rail-label' }, label),
    );
    const update = () => {
      if (app.view === view) item.setAttribute('aria-current', 'page');
      else item.removeAttribute('aria-current');
    };
    app.on('view', update);
    update();
    return item;
  });
  const logo = h('span', { class: 'logo', title: 'agent' }, icon('logo'));
  const tool = (name: string, label: string, onclick: () => void) =>
    h(
      'button',
      { type: 'button', class: 'rail-item rail-tool', title: label, 'aria-label': label, onclick },
      icon(name),
    );
  return h(
    'nav',
    { class: 'rail', 'aria-label': 'Views' },
    logo,
    ...buttons,
    h('span', { class: 'rail-space' }),
    tool('command', 'All commands (Ctrl K)', openPalette),
    tool('theme', 'Light or dark', () => app.toggleTheme()),
  );
}
