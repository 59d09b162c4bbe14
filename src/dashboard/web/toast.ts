import { h, icon, iconButton } from './dom.ts';

let shelf: HTMLElement | undefined;

interface ToastOptions {
  readonly kind?: 'done' | 'bad';
  readonly action?: { readonly label: string; readonly run: () => void };
}

/** One line, bottom right, for four seconds; errors stay until closed. */
export function toast(text: string, { kind = 'done', action }: ToastOptions = {}): void {
  if (!shelf) {
    shelf = h('div', { class: 'toasts', role: 'status', 'aria-live': 'polite' });
    document.body.append(shelf);
  }
  const close = () => item.remove();
  const act =
    action &&
    h(
      'button',
      {
        type: 'button',
        class: 'toast-action t2',
        onclick: () => {
          action.run();
          close();
        },
      },
      action.label,
    );
  const item = h(
    'div',
    { class: `toast ${kind}` },
    icon(kind === 'bad' ? 'warn' : 'check'),
    h('span', {}, text),
    act,
    kind === 'bad' ? iconButton('close', 'Close', close) : null,
  );
  shelf.append(item);
  if (kind !== 'bad') setTimeout(close, 4000);
}
