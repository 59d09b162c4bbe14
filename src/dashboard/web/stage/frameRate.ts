/** Frames per second below which the picture is made cheaper, and above which it may become better again. */
const SLOW = 45;
const FAST = 57;
/** Below this most frames are left out, so that the rest of the page stays usable. */
const SPARE_BELOW = 15;
const SPARE_MS = 200;
/** No judgement sooner after a change. */
const SETTLE_MS = 2000;
/** Pictures from best to cheapest; `scale` of the display's pixels. Shadows go first: they are the dearest. */
const QUALITY = [
  { shadows: true, scale: 1 },
  { shadows: false, scale: 1 },
  { shadows: false, scale: 0.75 },
  { shadows: false, scale: 0.5 },
] as const;

/**
 * Watches how fast frames come and says how good the picture may be. After a step down the next one up waits ten seconds,
 * and twice as long each time it did not hold: a machine at the edge does not flicker between two.
 */
export class FrameRate {
  #level = 0;
  #last = 0;
  /** Milliseconds from a frame drawn to the next, smoothed. */
  #interval = 1000 / 60;
  #drawn = Number.NEGATIVE_INFINITY;
  #drew = false;
  #changed = 0;
  #climbed = Number.NEGATIVE_INFINITY;
  #patience = 10_000;

  get quality(): (typeof QUALITY)[number] {
    return localStorage.getItem('agent.shadows') === 'always' ? QUALITY[0] : QUALITY[this.#level]!;
  }

  /** Whether the frame at `now` (ms) should not be drawn. */
  skip(now: number): boolean {
    const interval = now - this.#last;
    this.#last = now;
    if (interval > 1000) {
      this.#changed = now; // the page was hidden, or everything is being loaded
      return false;
    }
    if (this.#drew) this.#interval += (interval - this.#interval) * 0.1;
    this.#judge(now);
    this.#drew = !(1000 / this.#interval < SPARE_BELOW && now - this.#drawn < SPARE_MS);
    if (this.#drew) this.#drawn = now;
    return !this.#drew;
  }

  #judge(now: number): void {
    const since = now - this.#changed;
    const rate = 1000 / this.#interval;
    if (since < SETTLE_MS) return;
    if (rate < SLOW && this.#level < QUALITY.length - 1) {
      if (now - this.#climbed < this.#patience) this.#patience *= 2;
      this.#level++;
      this.#changed = now;
    } else if (rate > FAST && this.#level > 0 && since > this.#patience) {
      this.#level--;
      this.#changed = this.#climbed = now;
    }
  }
}
