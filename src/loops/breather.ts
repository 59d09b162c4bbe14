/** Gives signals and messages their turn in a loop that never really waits: at least every 50 ms between two steps. */
export class Breather {
  #last = performance.now();

  async breathe(): Promise<void> {
    if (performance.now() - this.#last < 50) return;
    await new Promise<void>(resolve => setImmediate(resolve));
    this.#last = performance.now();
  }
}
