import { h, icon } from './dom.ts';

export interface MenuItem {
  readonly label: string;
  readonly icon?: string;
  readonly checked?: boolean;
  readonly run: () => void;
}

let open: (() => void) | undefined;

/** A small menu below `anchor`; arrows move, Enter chooses, Escape or a click elsewhere closes. */
export function openMenu(anchor: HTMLElement, items: readonly MenuItem[]): void {
  open?.();
  const buttons = items.map(item =>
    h(
      'button',
      {
        type: 'button',
        role: item.checked === undefined ? 'menuitem' : 'menuitemcheckbox',
        'aria-checked': item.checked === undefined ? undefined : String(item.checked),
        class: 'menu-item',
        onclick: () => {
          close();
          item.run();
        },
      },
      h('span', { class: 'menu-mark' }, item.checked ? icon('check') : item.icon ? icon(item.icon) : null),
      item.label,
    ),
  );
  const menu = h('div', { class: 'menu', role: 'menu' }, ...buttons);
  document.body.append(menu);
  const from = anchor.getBoundingClientRect();
  const size = menu.getBoundingClientRect();
  const left = from.left < innerWidth / 2 ? from.left : from.right - size.width;
  menu.style.left = `${Math.max(4, Math.min(innerWidth - size.width - 4, left))}px`;
  menu.style.top = `${from.bottom + size.height + 4 > innerHeight ? Math.max(4, from.top - size.height - 4) : from.bottom + 4}px`;
  const close = () => {
    menu.remove();
    removeEventListener('pointerdown', outside, true);
    open = undefined;
    anchor.focus();
  };
  const outside = (event: Event) => {
    if (!menu.contains(event.target as Node)) close();
  };
  menu.addEventListener('keydown', event => {
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Escape') close();
    else if (move) buttons[(at + move + buttons.length) % buttons.length]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  addEventListener('pointerdown', outside, true);
  open = close;
  buttons[0]?.focus();
}
