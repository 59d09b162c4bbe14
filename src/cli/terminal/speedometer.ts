interface Sample {
  readonly step: number;
  readonly updates: number;
  readonly seconds: number;
}

const windowSeconds = 30;
const learningWindowSeconds = 600;

/**
 * Steps and updates per second now (over half a minute), and the time left: from the last ten minutes of learning,
 * evaluations included; before the first update, from the forecast.
 */
export class Speedometer {
  readonly #steps: number;
  readonly #forecastSecondsPerStep: number | undefined;
  #samples: Sample[] = [];
  #learning: Sample[] = [];
  #last: Sample = { step: 0, updates: 0, seconds: 0 };

  constructor(steps: number, forecastSecondsPerStep?: number) {
    this.#steps = steps;
    this.#forecastSecondsPerStep = forecastSecondsPerStep;
  }

  at(step: number, updates: number, seconds: number): void {
    this.#last = { step, updates, seconds };
    const before = this.#samples.at(-1);
    if (before && seconds - before.seconds < 0.25) return;
    this.#samples.push(this.#last);
    while (this.#samples.length > 2 && seconds - this.#samples[1]!.seconds > windowSeconds) this.#samples.shift();
    const learningBefore = this.#learning.at(-1);
    if (updates === 0 || (learningBefore && seconds - learningBefore.seconds < 1)) return;
    this.#learning.push(this.#last);
    while (this.#learning.length > 2 && seconds - this.#learning[1]!.seconds > learningWindowSeconds) {
      this.#learning.shift();
    }
  }

  get secondsGone(): number {
    return this.#last.seconds;
  }

  get stepsPerSecond(): number {
    return this.#rate('step');
  }

  get updatesPerSecond(): number {
    return this.#rate('updates');
  }

  /** Undefined where nothing is known yet. */
  get secondsLeft(): number | undefined {
    const first = this.#learning[0];
    const gone = first ? this.#last.seconds - first.seconds : 0;
    const made = first ? this.#last.step - first.step : 0;
    const perStep = gone >= 2 && made > 0 ? gone / made : this.#forecastSecondsPerStep;
    return perStep === undefined ? undefined : perStep * Math.max(0, this.#steps - this.#last.step);
  }

  #rate(what: 'step' | 'updates'): number {
    const first = this.#samples[0];
    if (!first || this.#last.seconds <= first.seconds) return 0;
    return (this.#last[what] - first[what]) / (this.#last.seconds - first.seconds);
  }
}
