import { existsSync, readFileSync } from 'node:fs';
import { datasetHome } from '../../data/home.ts';
import { writeLocalDataset } from '../../data/localDataset.ts';
import { localFile, localName } from '../../data/locate.ts';
import { UsageError } from '../../errors.ts';
import type { Input, Io } from '../command.ts';
import { packageVersion } from '../packageRoot.ts';
import { formatDuration, grouped } from '../terminal/format.ts';
import { canRedraw } from '../terminal/screen.ts';
import { Interrupt } from '../train/interrupt.ts';
import { collectionOf } from './datasetMakers.ts';

const DEFAULT_STEPS = 1_000_000;

/** `agent dataset make NAME`: collects a set like the published one by its protocol and stores it as `local/NAME`. */
export async function make(name: string, input: Input, io: Io): Promise<number> {
  const { local, entry } = localName(name);
  if (entry.layout !== 'd4rl') {
    throw new UsageError(`${entry.name} cannot be made here, only sets like D4RL's can`, [
      ['all datasets', 'agent dataset ls'],
    ]);
  }
  const file = localFile(local, datasetHome(io.env));
  const steps = input.count('steps', 2) ?? entry.transitions ?? DEFAULT_STEPS;
  const seed = input.number('seed', { integer: true, min: 0 }) ?? 0;
  const policy = input.text('policy');
  const origin = { name: `local/${local}`, steps, seed, ...(policy !== undefined && { policy }) };
  if (existsSync(file)) mustBeSame(file, origin);
  else await collectInto(file, { local, origin, entry, steps, seed, policy }, input, io);
  const result = { name: `local/${local}`, file, steps };
  if (input.has('json')) io.stdout.write(`${JSON.stringify(result)}\n`);
  else io.stdout.write(`local/${local}\n`);
  return 0;
}

interface Order {
  readonly local: string;
  readonly origin: Readonly<Record<string, unknown>>;
  readonly entry: ReturnType<typeof localName>['entry'];
  readonly steps: number;
  readonly seed: number;
  readonly policy: string | undefined;
}

async function collectInto(file: string, order: Order, input: Input, io: Io): Promise<void> {
  const quiet = input.has('quiet');
  const progress = new CollectProgress(`local/${order.local}`, order.steps, io, quiet);
  const interrupt = new Interrupt(
    () => {},
    () => {},
  );
  try {
    const { collection, protocol } = await collectionOf(order.local, {
      ...order,
      home: datasetHome(io.env),
      progress: done => progress.show(done),
      stopped: () => interrupt.requested,
    });
    const facts = { protocol, env: order.entry.envId, rows: collection.rows, agent: packageVersion() };
    await writeLocalDataset(file, collection, { ...order.origin, ...facts });
  } finally {
    interrupt.close();
    progress.end();
  }
}

/** Throws `UsageError` if what is there was made otherwise. */
function mustBeSame(file: string, origin: Readonly<Record<string, unknown>>): void {
  const record = `${file}.json`;
  const made = existsSync(record) ? (JSON.parse(readFileSync(record, 'utf8')) as Record<string, unknown>) : {};
  const key = [...Object.keys(origin), 'policy'].find(each => made[each] !== origin[each]);
  if (key === undefined) return;
  throw new UsageError(`${origin.name} is here already, made with ${key} ${made[key]}, not ${origin[key]}`, [
    ['make it anew', `remove ${file}`],
  ]);
}

/** One line redrawn in place on a terminal, a line every ten percent elsewhere. */
class CollectProgress {
  readonly #name: string;
  readonly #steps: number;
  readonly #io: Io;
  readonly #quiet: boolean;
  readonly #redraw: boolean;
  readonly #start = performance.now();
  #drawnAt = 0;
  #tenth = -1; // the first line, after 1,000 steps, is the forecast
  #open = false;

  constructor(name: string, steps: number, io: Io, quiet: boolean) {
    this.#name = name;
    this.#steps = steps;
    this.#io = io;
    this.#quiet = quiet;
    this.#redraw = canRedraw(io.stderr, io.env);
  }

  show(done: number): void {
    if (this.#quiet) return;
    const now = performance.now();
    const tenth = Math.floor((10 * done) / this.#steps);
    if (this.#redraw ? now - this.#drawnAt < 200 : tenth === this.#tenth) return;
    this.#drawnAt = now;
    this.#tenth = tenth;
    const seconds = (now - this.#start) / 1000;
    const left = formatDuration(((this.#steps - done) * seconds) / done);
    const line = `${this.#name}   ${grouped(done)} of ${grouped(this.#steps)} steps   ${grouped(done / seconds)}/s   ${left} left`;
    this.#io.stderr.write(this.#redraw ? `\r\x1b[K${line}` : `${line}\n`);
    this.#open = this.#redraw;
  }

  end(): void {
    if (this.#open) this.#io.stderr.write('\n');
  }
}
