import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { Algorithm } from '../../algorithms/algorithm.ts';
import { AgentError } from '../../errors.ts';

/** A line of `changes.jsonl` that changed a hyperparameter. */
interface Tuned {
  /** Environment steps before the first that it holds for. */
  readonly step: number;
  readonly what: string;
  readonly from: number;
  readonly to: number;
}

/**
 * Hyperparameters changed by hand while a run is training. Each change is a line of the run's `changes.jsonl` before it
 * holds, with the step it holds from; a resumed run makes it again at that step, so that it continues bit for bit.
 */
export class Tuning {
  readonly #path: string;
  readonly #tunable: NonNullable<Algorithm['tunable']>;
  /** The values in force, by name. */
  readonly #values: Record<string, unknown>;
  readonly #known: Tuned[];
  readonly #asked: { name: string; value: number }[] = [];

  /** `values`: the run's hyperparameters. Reads the changes made so far; throws `AgentError` for one that cannot be made. */
  constructor(path: string, { tunable = {} }: Pick<Algorithm, 'tunable'>, values: Readonly<Record<string, unknown>>) {
    this.#path = path;
    this.#tunable = tunable;
    this.#values = { ...values };
    this.#known = readTuned(path);
    const strange = this.#known.find(({ what }) => !Object.hasOwn(tunable, what));
    if (strange) throw new AgentError(`${path} changes "${strange.what}", which cannot be changed while training`);
  }

  /** Takes note of a wish; it is fulfilled before the next step. Undefined, or why it cannot be. */
  ask(name: string, value: number): string | undefined {
    if (!Object.hasOwn(this.#tunable, name)) return `${name} cannot be changed while training`;
    if (!(Number.isFinite(value) && value > 0)) return `${name} = ${value}: a number above 0 is wanted`;
    this.#asked.push({ name, value });
    return undefined;
  }

  /** Makes the changes that hold from this step: those of the run's past first, then the ones asked for. */
  beforeStep(step: number): void {
    while (this.#known.length > 0 && this.#known[0]!.step <= step) {
      const { what, to } = this.#known.shift()!;
      this.#apply(what, to);
    }
    for (const { name, value } of this.#asked.splice(0)) {
      const line: Tuned = { step, what: name, from: Number(this.#values[name]), to: value };
      appendFileSync(this.#path, `${JSON.stringify({ ...line, at: new Date().toISOString() })}\n`, { mode: 0o600 });
      this.#apply(name, value);
    }
  }

  #apply(name: string, value: number): void {
    this.#tunable[name]!(value);
    this.#values[name] = value;
  }
}

/** The changes of hyperparameters in a run's file, in the order of their steps; a line cut off was never in force. */
function readTuned(path: string): Tuned[] {
  if (!existsSync(path)) return [];
  const text = readFileSync(path, 'utf8');
  const lines = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean);
  const changes = lines.map((line, i) => {
    try {
      return JSON.parse(line) as Tuned;
    } catch (error) {
      throw new AgentError(`${path}, line ${i + 1}: ${(error as Error).message}`);
    }
  });
  return changes.filter(({ to }) => typeof to === 'number').sort((a, b) => a.step - b.step);
}
