/** Running means, as a checkpoint keeps them. */
export interface SavedMeans {
  readonly sums: Readonly<Record<string, number>>;
  readonly count: number;
}

/** Means of named numbers since they were last taken. */
export class Means {
  #sums: Record<string, number> = {};
  #count = 0;

  add(values: Readonly<Record<string, number>>): void {
    for (const [name, value] of Object.entries(values)) this.#sums[name] = (this.#sums[name] ?? 0) + value;
    this.#count++;
  }

  /** The means under `prefix` + name; counting begins anew. */
  take(prefix: string): Record<string, number> {
    const means = Object.entries(this.#sums).map(([name, sum]) => [prefix + name, sum / this.#count]);
    this.restore({ sums: {}, count: 0 });
    return Object.fromEntries(means);
  }

  get state(): SavedMeans {
    return { sums: { ...this.#sums }, count: this.#count };
  }

  restore({ sums, count }: SavedMeans): void {
    this.#sums = { ...sums };
    this.#count = count;
  }
}
