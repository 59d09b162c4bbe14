import type { Dealer } from 'zeromq';

/** What a socket has to send: it takes one message after the other. The first is on its way when `send` returns. */
export class Outgoing {
  readonly #socket: Dealer;
  readonly #queue: Buffer[][] = [];
  #busy = false;
  readonly #next = (): void => {
    this.#busy = false;
    const parts = this.#queue.shift();
    if (parts) this.send(parts);
  };

  constructor(socket: Dealer) {
    this.#socket = socket;
  }

  send(parts: Buffer[]): void {
    if (this.#socket.closed) return; // it was replaced: the request is asked again
    if (this.#busy) {
      this.#queue.push(parts);
      return;
    }
    this.#busy = true;
    this.#socket.send(parts).then(this.#next, this.#next);
  }
}
