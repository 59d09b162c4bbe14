/** Frames per second below which shadows go, and below which most frames are left out so that the page stays usable. */
const SHADOWS_BELOW = 45;
const SPARE_BELOW = 15;
const SPARE_MS = 200;

/** Watches how fast frames come and says what to leave out. A browser without a GPU draws five pictures a second. */
export class FrameRate {
  shadows = true;
  #last = 0;
  #interval = 1000 / 60;
  #frames = 0;
  #drawn = 0;

  /** Whether the frame at `now` (ms) should not be drawn. */
  skip(now: number): boolean {
    const interval = now - this.#last;
    this.#last = now;
    if (interval > 1000) return false; // the page was hidden
    this.#interval += (interval - this.#interval) * 0.05;
    const perSecond = 1000 / this.#interval;
    // Judged after the first seconds, when everything is loaded; a slow machine is not asked again and again.
    if (++this.#frames > 120 && perSecond < SHADOWS_BELOW && localStorage.getItem('agent.shadows') !== 'always')
      this.shadows = false;
    if (perSecond < SPARE_BELOW && now - this.#drawn < SPARE_MS) return true;
    this.#drawn = now;
    return false;
  }
}
