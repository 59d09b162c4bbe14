/** Keeps arrays that tensors have left, by length, for the next tensor of that length: a fresh one costs page faults. */
export class BufferPool {
  readonly #free = new Map<number, Float32Array[]>();
  readonly #allocate: (length: number) => Float32Array;
  readonly #release: (values: Float32Array) => void;
  readonly #limit: number;
  #kept = 0;

  /** Keeps at most `limit` numbers. */
  constructor(
    allocate: (length: number) => Float32Array,
    release: (values: Float32Array) => void,
    limit = 128 * 1024 * 1024,
  ) {
    this.#allocate = allocate;
    this.#release = release;
    this.#limit = limit;
  }

  take(length: number): Float32Array {
    const kept = this.#free.get(length)?.pop();
    if (!kept) return this.#allocate(length);
    this.#kept -= length;
    return kept;
  }

  give(values: Float32Array): void {
    if (this.#kept + values.length > this.#limit) this.#clear();
    const list = this.#free.get(values.length);
    if (list) list.push(values);
    else this.#free.set(values.length, [values]);
    this.#kept += values.length;
  }

  #clear(): void {
    for (const list of this.#free.values()) for (const values of list) this.#release(values);
    this.#free.clear();
    this.#kept = 0;
  }
}
