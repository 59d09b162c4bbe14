import { h, iconButton } from './dom.ts';
import type { Player } from './player.ts';

export interface ControlBarParts {
  readonly play: HTMLElement;
  readonly speed: HTMLElement;
  readonly watch: HTMLElement;
  readonly touch: HTMLElement;
  readonly reset: () => void;
}

/** Back, play, forward, speed, reset; Watch or Touch; key hints. */
export function controlBar(player: Player, parts: ControlBarParts): HTMLElement {
  const key = (name: string) => h('kbd', {}, name);
  return h(
    'div',
    { class: 'control-bar', role: 'toolbar', 'aria-label': 'Playback' },
    iconButton('back', 'One frame back (←)', () => player.step(-1)),
    parts.play,
    iconButton('forward', 'One frame on (→)', () => player.step(1)),
    parts.speed,
    iconButton('reset', 'From the start (Backspace)', parts.reset),
    h('span', { class: 'divider' }),
    parts.watch,
    parts.touch,
    h('span', { class: 'grow' }),
    h(
      'span',
      { class: 'hints t3' },
      key('Ctrl'),
      'right-drag to push',
      key('['),
      key(']'),
      'cameras',
      key('?'),
      'all keys',
    ),
  );
}
