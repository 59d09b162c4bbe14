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

/** Velocity along x in the world's own time, whatever the pace of the picture. */
export class Speedometer {
  x = 0;
  v = 0;
  #x = 0;
  #seconds = 0;

  /** `seconds`: time in the episode. */
  update(x: number, seconds: number): void {
    this.x = x;
    const passed = seconds - this.#seconds;
    if (passed >= 0 && passed < 0.2) return; // too short to measure over
    this.v = passed > 0 && passed < 5 ? (x - this.#x) / passed : 0;
    this.#x = x;
    this.#seconds = seconds;
  }
}
