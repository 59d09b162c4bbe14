/** Ctrl-C and SIGTERM: the first asks the work to save and end, the second leaves at once. */
export class Interrupt {
  #requested: NodeJS.Signals | undefined;
  readonly #onFirst: () => void;
  readonly #beforeLeaving: () => void;
  readonly #handle = (signal: NodeJS.Signals) => this.#signalled(signal);

  /** `onFirst` is called at the first signal, `beforeLeaving` right before the process ends at the second. */
  constructor(onFirst: () => void, beforeLeaving: () => void) {
    this.#onFirst = onFirst;
    this.#beforeLeaving = beforeLeaving;
    process.on('SIGINT', this.#handle);
    process.on('SIGTERM', this.#handle);
  }

  get requested(): boolean {
    return this.#requested !== undefined;
  }

  close(): void {
    process.off('SIGINT', this.#handle);
    process.off('SIGTERM', this.#handle);
  }

  #signalled(signal: NodeJS.Signals): void {
    if (this.#requested) {
      this.#beforeLeaving();
      process.exit(130);
    }
    this.#requested = signal;
    this.#onFirst();
  }
}
