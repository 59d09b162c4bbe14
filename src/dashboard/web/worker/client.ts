import type { Answers, TouchPose, WorkerMessage, WorkerRequest } from './messages.ts';

/** The page's side of the physics worker: questions with promised answers, and the poses of its own world. */
export class PhysicsClient {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  #next = 0;
  onPose: (pose: TouchPose) => void = () => {};

  constructor(worker: Worker) {
    this.#worker = worker;
    this.#worker.onmessage = event => this.#receive(event.data as WorkerMessage);
    this.#worker.onerror = event => {
      for (const { reject } of this.#waiting.values())
        reject(new Error(event.message || 'the physics worker did not start'));
      this.#waiting.clear();
    };
  }

  ask<K extends keyof Answers>(request: Extract<WorkerRequest, { type: K }>): Promise<Answers[K]> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: never) => void, reject });
      this.#worker.postMessage({ id, request });
    });
  }

  #receive(message: WorkerMessage): void {
    if ('pose' in message) {
      this.onPose(message.pose);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if ('error' in message) waiting?.reject(new Error(message.error));
    else waiting?.resolve(message.answer as never);
  }

  close(): void {
    this.#worker.terminate();
  }
}
