/** The part of a lane that is shown: all of it, or what the wheel has zoomed into. Parts go from 0 to 1. */
export class LaneWindow {
  low = 0;
  high = 1;
  /** Whether the point that moves on was in sight. */
  #held = true;

  get zoomed(): boolean {
    return this.high - this.low < 1;
  }

  /** A part of the lane's width as a part of the whole. */
  whole(part: number): number {
    return this.low + part * (this.high - this.low);
  }

  /** The way back; outside of 0 to 1 where it is out of sight. */
  part(whole: number): number {
    return (whole - this.low) / (this.high - this.low);
  }

  /** Shows `factor` times as much, the place at `part` of the width stays where it is. `finest`: the least shown. */
  zoom(factor: number, part: number, finest: number): void {
    const at = this.whole(part);
    const span = Math.min(1, Math.max(Math.min(1, finest), (this.high - this.low) * factor));
    this.#place(at - part * span, span);
  }

  /** Moves by a part of the width. */
  pan(by: number): void {
    const span = this.high - this.low;
    this.#place(this.low + by * span, span);
  }

  reset(): void {
    this.#place(0, 1);
  }

  /** Keeps the live edge in sight if it was there before it moved. */
  hold(edge: number): void {
    const part = this.part(edge);
    if (this.#held && part > 1) this.#place(edge - 0.9 * (this.high - this.low), this.high - this.low);
    this.#held = part >= 0 && this.part(edge) <= 1;
  }

  #place(low: number, span: number): void {
    this.low = Math.min(1 - span, Math.max(0, low));
    this.high = this.low + span;
    this.#held = false; // where the edge is now is looked at when it is drawn
  }
}

/**
 * The wheel zooms a lane at the pointer, sideways or with Shift it pans, a double click shows all; with the keyboard + and −
 * zoom, PgUp and PgDn pan, 0 shows all. `finest`: the least part shown.
 */
export function zoomWith(canvas: HTMLElement, shown: LaneWindow, finest: () => number): void {
  canvas.addEventListener(
    'wheel',
    event => {
      event.preventDefault();
      const box = canvas.getBoundingClientRect();
      const sideways = event.deltaX || (event.shiftKey ? event.deltaY : 0);
      if (sideways) shown.pan(sideways / box.width);
      else shown.zoom(Math.exp(event.deltaY * 0.0015), (event.clientX - box.left) / box.width, finest());
    },
    { passive: false },
  );
  canvas.addEventListener('dblclick', () => shown.reset());
  canvas.addEventListener('keydown', event => {
    const factor = { '+': 0.7, '=': 0.7, '-': 1 / 0.7 }[event.key];
    const by = { PageUp: -0.5, PageDown: 0.5 }[event.key];
    if (factor) shown.zoom(factor, 0.5, finest());
    else if (by) shown.pan(by);
    else if (event.key === '0') shown.reset();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}
