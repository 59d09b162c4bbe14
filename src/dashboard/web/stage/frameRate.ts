/** Frames per second below which the picture is made cheaper; where a processor draws there is more to take away. */
const SLOW = { card: 45, processor: 52 };
/** Above which it may become better again. */
const FAST = 57;
/** Below this most frames are left out, so that the rest of the page stays usable. */
const SPARE_BELOW = 15;
const SPARE_MS = 200;
/** No judgement sooner after a change; a step up that fails at once is taken back sooner. */
const SETTLE_MS = 2000;
const TRIAL_MS = 500;
/** With fewer cores a processor never draws more than the plain picture at 60 frames a second: it is not tried. */
const MANY_CORES = 8;
export interface Quality {
  readonly shadows: boolean;
  /** Clear coat and round shapes; without, plain paint over shapes with a seventh of the corners. */
  readonly fine: boolean;
  /** Of the display's pixels. */
  readonly scale: number;
}
/** Pictures from best to cheapest. Shadows go first: they are the dearest. */
export const QUALITY: readonly Quality[] = [
  { shadows: true, fine: true, scale: 1 },
  { shadows: false, fine: true, scale: 1 },
  { shadows: false, fine: false, scale: 0.75 },
  { shadows: false, fine: false, scale: 0.5 },
];
/** The best one without shadows and clear coat. */
const PLAIN = 2;
/** Holds the picture at an entry of `QUALITY`, for pictures and measurements. */
export const HELD = 'agent.quality';

/**
 * Watches how fast frames come and says how good the picture may be. After a step down the next one up waits ten seconds,
 * and twice as long each time it did not hold: a machine at the edge does not flicker between two.
 */
export class FrameRate {
  #level = 0;
  #best = 0;
  #slow = SLOW.card;
  #started = false;
  #last = 0;
  /** Frames a second after a frame drawn, over the last second or so: one that comes late weighs little. */
  #rate = 60;
  #drawn = Number.NEGATIVE_INFINITY;
  #drew = false;
  /** Whether the last frame came more than a second after the one before. */
  #late = false;
  #changed = 0;
  #climbed = Number.NEGATIVE_INFINITY;
  #patience = 10_000;

  get quality(): Quality {
    return QUALITY[Number(this.#held ?? this.#level)] ?? QUALITY[0]!;
  }

  get #held(): string | null {
    return localStorage.getItem(HELD);
  }

  /** Begins with the picture that a processor can draw where one does; it becomes better if that turns out to be easy. */
  start(software: boolean, cores = navigator.hardwareConcurrency): void {
    if (software && !this.#started) {
      this.#level = PLAIN;
      this.#best = cores < MANY_CORES ? PLAIN : 0;
      this.#slow = SLOW.processor;
    }
    this.#started = true;
  }

  /** Whether the frame at `now` (ms) should not be drawn. */
  skip(now: number): boolean {
    const interval = now - this.#last;
    this.#last = now;
    const late = interval > 1000;
    if (late && !this.#late) {
      this.#late = true;
      this.#changed = now; // the page was hidden, or everything is being loaded; twice running it is neither
      return false;
    }
    this.#late = late;
    if (this.#drew) this.#rate += (1000 / Math.max(1, interval) - this.#rate) * Math.min(1, interval / 1000);
    this.#judge(now);
    this.#drew = this.#held !== null || !(this.#rate < SPARE_BELOW && now - this.#drawn < SPARE_MS);
    if (this.#drew) this.#drawn = now;
    return !this.#drew;
  }

  #judge(now: number): void {
    const since = now - this.#changed;
    const rate = this.#rate;
    const trial = this.#changed === this.#climbed;
    if (since < (trial && rate < this.#slow ? TRIAL_MS : SETTLE_MS)) return;
    if (rate < this.#slow && this.#level < QUALITY.length - 1) {
      if (now - this.#climbed < this.#patience) this.#patience *= 2;
      this.#level = rate < SPARE_BELOW ? QUALITY.length - 1 : this.#level + 1;
      this.#changed = now;
    } else if (rate > FAST && this.#level > this.#best && since > this.#patience) {
      this.#level--;
      this.#changed = this.#climbed = now;
    }
  }
}
