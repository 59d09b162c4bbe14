import { fill, h } from '../dom.ts';
import { value } from '../format.ts';

interface TooltipContent {
  readonly title: string;
  readonly rows: readonly { readonly label: string; readonly color: string; readonly value: number }[];
  readonly hint?: string;
}

let box: HTMLElement | undefined;

/** One tooltip for the page: step on top, one row per run sorted by value, gap to the best. */
export function showTooltip(x: number, y: number, content: TooltipContent): void {
  if (!box) {
    box = h('div', { class: 'tooltip', role: 'status' });
    document.body.append(box);
  }
  const best = content.rows[0]?.value ?? 0;
  const rows = content.rows.slice(0, 12).map((row, i) => {
    const swatch = h('span', { class: 'swatch' });
    swatch.style.background = row.color;
    const gap = i === 0 || content.rows.length === 1 ? '' : value(row.value - best);
    return h(
      'li',
      {},
      swatch,
      h('span', { class: 'name' }, row.label),
      h('b', {}, value(row.value)),
      h('span', { class: 't3 gap' }, gap),
    );
  });
  fill(
    box,
    h('p', { class: 't3' }, content.title),
    h('ul', {}, ...rows),
    content.hint ? h('p', { class: 't3 hint' }, content.hint) : null,
  );
  box.hidden = false;
  const { width, height } = box.getBoundingClientRect();
  const left = x + 16 + width > innerWidth ? x - width - 16 : x + 16;
  box.style.transform = `translate(${Math.round(Math.max(4, left))}px, ${Math.round(Math.min(innerHeight - height - 8, Math.max(4, y)))}px)`;
}

export function hideTooltip(): void {
  if (box) box.hidden = true;
}
