import type { PolicyModel } from '../diffusion/model.ts';
import { button, fill, h, iconButton, setText } from '../dom.ts';
import { actionTime } from '../format.ts';
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
      list.length > 1 ? h('p', { class: 't2' }, 'Who acts, and who beside it as a ghost') : null,
      ...list.map(({ label }, i) => actorRow(touch, model, label, i, list.length)),
    );
  };
  touch.onChange = update;
  update();
  return h('div', { class: 'pad physics-panel' }, start, note, ...sliders.map(({ element }) => element), actors);
}

/** One way to act: a click lets it act, the ghost beside it shows it from the same start. */
function actorRow(touch: Touch, model: PolicyModel, label: string, i: number, count: number): HTMLElement {
  const measured = model.timing?.find(timing => timing.label === label)?.microseconds;
  const now = i === touch.actor ? touch.times[0] : i === touch.twin ? touch.times[1] : Number.NaN;
  const time = Number.isFinite(now) ? now : (measured ?? Number.NaN);
  const act = button({
    icon: /diffusion|K = /.test(label) ? 'diffusion' : 'arrow',
    label: Number.isFinite(time) ? `${label} · ${actionTime(time)}` : label,
    pressed: i === touch.actor,
    onclick: () => void touch.act(i),
  });
  if (count < 2 || i === touch.actor) return h('div', { class: 'actor' }, act);
  const ghost = iconButton(
    'ghost',
    `${label} beside it, as a ghost`,
    () => void touch.beside(i === touch.twin ? undefined : i),
  );
  ghost.setAttribute('aria-pressed', String(i === touch.twin));
  return h('div', { class: 'actor' }, act, ghost);
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
