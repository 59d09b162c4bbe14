import { closeSync, fstatSync, fsync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { AgentError } from '../errors.ts';
import { explainDiskError } from './durable.ts';

export interface Logger {
  /** One line: `step`, wall time, and numbers by metric key. Throws `AgentError` naming a value that is not finite. */
  log(step: number, values: Readonly<Record<string, number | string>>): void;
  close(): Promise<void>;
}

export interface LoggerOptions {
  /** Seconds this run has trained so far, earlier processes included. */
  readonly seconds: () => number;
  /** Where the checkpoint that training continues from left the file; what came after it is cut off. Default: its end. */
  readonly offset?: number;
}

/**
 * `metrics.jsonl`: one JSON object a line, appended. On resume the file is cut back to where the checkpoint left it, so
 * that every step is logged once and all but the wall times equals the file of a run that was never interrupted.
 */
export class MetricsLogger implements Logger {
  readonly #path: string;
  readonly #file: number;
  readonly #seconds: () => number;
  #offset: number;

  constructor(path: string, { seconds, offset }: LoggerOptions) {
    this.#path = path;
    this.#seconds = seconds;
    this.#file = openSync(path, 'a', 0o600);
    const { size } = fstatSync(this.#file);
    if (offset !== undefined && size < offset) {
      closeSync(this.#file);
      throw new AgentError(
        `${path} has ${size} bytes, the checkpoint was written when it had ${offset}: lines are missing`,
      );
    }
    this.#offset = offset ?? size;
    if (size > this.#offset) ftruncateSync(this.#file, this.#offset);
  }

  /** Bytes written: what a checkpoint remembers. */
  get offset(): number {
    return this.#offset;
  }

  log(step: number, values: Readonly<Record<string, number | string>>): void {
    for (const [key, value] of Object.entries(values)) {
      if (typeof value === 'number' && !Number.isFinite(value))
        throw new AgentError(`step ${step}: ${key} is ${value}`);
    }
    const seconds = Math.round(this.#seconds() * 1000) / 1000;
    this.#append(Buffer.from(`${JSON.stringify({ step, seconds, ...values })}\n`));
  }

  #append(line: Buffer): void {
    try {
      for (let done = 0; done < line.length; ) done += writeSync(this.#file, line, done);
      this.#offset += line.length;
    } catch (error) {
      ftruncateSync(this.#file, this.#offset); // no half line stays
      throw explainDiskError(error, `a line of ${this.#path} was not written`, dirname(this.#path));
    }
  }

  /** Returns once all lines are on the disk. */
  async sync(): Promise<void> {
    try {
      await promisify(fsync)(this.#file);
    } catch (error) {
      throw explainDiskError(error, `${this.#path} was not synced`, dirname(this.#path));
    }
  }

  async close(): Promise<void> {
    closeSync(this.#file);
  }
}
