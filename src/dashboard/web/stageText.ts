import { setText } from './dom.ts';
import { integer } from './format.ts';
import type { Player } from './player.ts';

/** What is on the stage, in a few words. */
export function worldLabel(player: Player): string {
  const { recording, own, world } = player;
  if (own) return 'Your own copy';
  if (recording) return `${recording.kind === 'evaluation' ? 'Evaluation' : 'Training'} at ${integer(recording.step)}`;
  const worlds = player.newest?.worlds.length ?? 0;
  if (worlds === 0) return 'At the start';
  return world < 0 ? `${worlds} training worlds` : `Training world ${world + 1} of ${worlds}`;
}

/** Steps into the episode on the stage. */
export function stepsInto(player: Player): number {
  const { recording, own } = player;
  if (own) return own.now.t;
  return recording ? player.t : (player.frame?.worlds[Math.max(0, player.world)]?.t ?? 0);
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
