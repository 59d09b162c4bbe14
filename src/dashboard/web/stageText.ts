import { setText } from './dom.ts';
import { integer } from './format.ts';
import type { MenuItem } from './menu.ts';
import type { Player } from './player.ts';

/** Title and text where there is no picture. */
export const NO_PICTURE = {
  body: [
    'Nothing to draw for this task',
    'This viewer knows no body for it. Curves, tables and control work as usual.',
  ],
  server: ['The picture could not be loaded', 'The server went away meanwhile. Reload the page when it is back.'],
  webgl: [
    'This browser has no WebGL 2',
    'The robot cannot be drawn here. Curves, tables and control work as usual; hardware acceleration in the browser’s settings brings it back.',
  ],
} as const;

/** What is on the stage, in a few words. */
export function worldLabel(player: Player): string {
  const { recording, own, world, all } = player;
  if (own) return 'Your own copy';
  if (recording) return `${recording.kind === 'evaluation' ? 'Evaluation' : 'Training'} at ${integer(recording.step)}`;
  const shown = player.newest?.worlds ?? [];
  if (shown.length === 0) return 'At the start';
  const of = player.worldCount;
  if (!all) return `Training world ${(shown[world]?.world ?? world) + 1} of ${of}`;
  return of > shown.length ? `${shown.length} of ${of} training worlds` : `${of} training worlds`;
}

/** What can be chosen for the stage. */
export function worldItems(
  player: Player,
  choose: (world: number, all: boolean) => void,
  recorded: () => void,
): MenuItem[] {
  const worlds = player.newest?.worlds ?? [];
  const live = !player.recording;
  const each = worlds.map(({ world }, i) => ({
    label: `Training world ${world + 1}`,
    checked: live && !player.all && player.world === i,
    run: () => choose(i, false),
  }));
  const together = {
    label: 'All worlds side by side',
    checked: live && player.all,
    run: () => choose(player.world, true),
  };
  const newest = { label: 'Newest recorded episode', checked: !live, run: recorded };
  return [...each, ...(worlds.length > 1 ? [together] : []), newest];
}

/** Pixels of a picture's foot behind a card, half of it at most; none where the card stands aside of what is shown. */
export function coveredBy(card: HTMLElement, picture: HTMLElement, wide: boolean): number {
  const [box, outer] = [card.firstElementChild?.getBoundingClientRect(), picture.getBoundingClientRect()];
  const aside = box && !wide && box.right - outer.left < 0.4 * outer.width;
  if (!box?.height || aside || box.top >= outer.bottom) return 0;
  return Math.min(outer.bottom - box.top, outer.height / 2);
}

/** Steps into the episode on the stage. */
export function stepsInto(player: Player): number {
  const { recording, own } = player;
  if (own) return own.now.t;
  return recording ? player.t : (player.frame?.worlds[player.world]?.t ?? 0);
}

/** Newtons beside the tip of an arrow, or nothing. */
export function showForce(label: HTMLElement, force: { x: number; y: number; newtons: number } | undefined): void {
  label.hidden = !force;
  if (!force) return;
  setText(label, `${integer(force.newtons)} N`);
  label.style.transform = `translate(${Math.round(force.x - 12)}px, ${Math.round(force.y - 10)}px) translateX(-100%)`;
}

/** Velocity along x in the world's own time over the last fifth of a second, whatever the pace of the picture. */
export class Speedometer {
  x = 0;
  /** m/s; NaN until two moments of an episode have been seen. */
  v = Number.NaN;
  #x = 0;
  #seconds = 0;

  /** `seconds`: time in the episode. */
  update(x: number, seconds: number): void {
    this.x = x;
    const passed = seconds - this.#seconds;
    if (passed === 0) return;
    const jumped = passed < 0 || passed > 5; // another episode, or another part of it
    if (jumped) this.v = Number.NaN;
    else if (passed >= (Number.isNaN(this.v) ? 0.1 : 0.2)) this.v = (x - this.#x) / passed;
    else return; // too short to measure over
    this.#x = x;
    this.#seconds = seconds;
  }
}
