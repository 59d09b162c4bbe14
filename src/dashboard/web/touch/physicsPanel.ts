import type { PolicyModel } from '../diffusion/model.ts';
import { fill, h, icon, setText } from '../dom.ts';
import { integer } from '../format.ts';
import type { Touch } from './touch.ts';

/** The inspector's Physics tab: gravity, friction, speed; who acts, and how long an action takes. */
export function physicsPanel(touch: Touch, model: PolicyModel): HTMLElement {
  const sliders = [
    slider('Gravity', 'm/s²', 0, 20, 2, value => touch.change({ gravity: value })),
    slider('Floor friction', '', 0.05, 2, 2, value => touch.change({ friction: value })),
    slider('Speed', '×', 0.1, 2, 1, value => touch.change({ speed: value })),
  ];
  const actors = h('div', { class: 'actors' });
  const note = h('p', { class: 't3' });
  const start = h('button', { type: 'button', class: 'button primary', onclick: () => void touch.set(!touch.on) });
  const update = () => {
    const { gravity, friction, speed } = touch.physics;
    [gravity, friction, speed].forEach((value, i) => {
      sliders[i]!.set(value);
    });
    setText(start, touch.on ? 'Back to watching' : 'Touch your own copy');
    setText(
      note,
      touch.on
        ? 'These change the copy in this page, never the training.'
        : 'Your own copy of the robot, with the policy of the newest checkpoint.',
    );
    const list = model.policy?.actors ?? [];
    fill(
      actors,
      ...list.map(({ label }, i) => {
        const time =
          model.timing?.find(timing => timing.label === label)?.microseconds ??
          (i === touch.actor ? touch.lastPose?.microseconds : undefined);
        const shown =
          time === undefined
            ? label
            : `${label} · ${time >= 1000 ? `${(time / 1000).toFixed(1)} ms` : `${integer(time)} µs`}`;
        return h(
          'button',
          { type: 'button', class: `button ${i === touch.actor ? 'primary' : ''}`, onclick: () => void touch.act(i) },
          icon(label.startsWith('diffusion') ? 'diffusion' : 'arrow'),
          shown,
        );
      }),
    );
  };
  touch.onChange = update;
  update();
  return h('div', { class: 'pad physics-panel' }, start, note, ...sliders.map(({ element }) => element), actors);
}

function slider(
  name: string,
  unit: string,
  min: number,
  max: number,
  decimals: number,
  change: (value: number) => void,
) {
  const input = h('input', {
    type: 'range',
    min: String(min),
    max: String(max),
    step: String(10 ** -decimals),
    'aria-label': name,
  });
  const output = h('b');
  const show = (value: number) => {
    input.style.setProperty('--part', `${(100 * (value - min)) / (max - min)}%`);
    setText(output, `${value.toFixed(decimals)}${unit === '×' ? '×' : unit ? ` ${unit}` : ''}`);
  };
  input.addEventListener('input', () => {
    show(Number(input.value));
    change(Number(input.value));
  });
  const set = (value: number) => {
    input.value = String(value);
    show(value);
  };
  return { element: h('label', { class: 'slider' }, h('span', { class: 't2' }, name), input, output), set };
}
