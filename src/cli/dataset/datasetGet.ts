import { findEntry } from '../../data/catalogue.ts';
import { type Got, getDataset } from '../../data/getDataset.ts';
import { datasetHome } from '../../data/home.ts';
import { type AgentError, UsageError } from '../../errors.ts';
import type { Input, Io } from '../command.ts';
import { formatBytes, formatDuration, grouped } from '../terminal/format.ts';
import { canRedraw } from '../terminal/screen.ts';

/** `agent dataset get NAME…`: downloads what is not here, verifies what is. */
export async function get(names: readonly string[], input: Input, io: Io): Promise<number> {
  const interrupt = new AbortController();
  const stop = () => interrupt.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const results: Record<string, unknown>[] = [];
    for (const name of names) {
      const got = await getOne(name, io, input.has('quiet'), interrupt.signal);
      results.push({
        name: got.name,
        file: got.file,
        sha256: got.sha256,
        rows: got.transitions,
        downloaded: got.downloaded,
      });
      if (!input.has('json')) io.stdout.write(`${got.file}\n`);
    }
    if (input.has('json')) io.stdout.write(`${JSON.stringify(names.length === 1 ? results[0] : results)}\n`);
    return 0;
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

/** One of them, with its progress on stderr. Throws `UsageError` for a set that is never published. */
export async function getOne(
  name: string,
  io: Io,
  quiet: boolean,
  signal?: AbortSignal,
): Promise<Got & { name: string }> {
  if (/^local\//i.test(name)) {
    throw new UsageError(`${name} is published nowhere: local sets are made`, [
      ['make it', `agent dataset make ${name.slice('local/'.length)}`],
    ]);
  }
  const { entry, completed } = findEntry(name);
  if (completed && !quiet) io.stderr.write(`${name} means ${entry.name}\n`);
  const progress = quiet ? undefined : new DownloadProgress(entry.name, io);
  const mirror = io.env.AGENT_DATASET_MIRROR;
  try {
    const got = await getDataset(entry, {
      home: datasetHome(io.env),
      mirror,
      signal,
      progress: progress && ((received, total) => progress.show(received, total)),
    });
    progress?.end();
    const how = got.downloaded ? 'downloaded and read' : 'here already, and intact';
    if (!quiet) io.stderr.write(`${entry.name}: ${how}, ${grouped(got.transitions)} steps, SHA-256 ${got.sha256}\n`);
    return { ...got, name: entry.name };
  } catch (error) {
    progress?.end();
    throw error as AgentError;
  }
}

/** One line redrawn in place on a terminal; a line every ten percent elsewhere. */
class DownloadProgress {
  readonly #name: string;
  readonly #io: Io;
  readonly #redraw: boolean;
  readonly #start = performance.now();
  #first: number | undefined;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #tenth = -1;
  #open = false;

  constructor(name: string, io: Io) {
    this.#name = name;
    this.#io = io;
    this.#redraw = canRedraw(io.stderr, io.env);
  }

  show(received: number, total: number | undefined): void {
    this.#first ??= received;
    const now = performance.now();
    const tenth = total ? Math.floor((10 * received) / total) : Math.floor(received / 5e7);
    const due = this.#redraw ? now - this.#drawnAt >= 100 || received === total : tenth > this.#tenth;
    if (!due) return;
    this.#drawnAt = now;
    this.#tenth = tenth;
    const line = this.#line(received, total, (now - this.#start) / 1000);
    this.#io.stderr.write(this.#redraw ? `\r\x1b[K${line}` : `${line}\n`);
    this.#open = this.#redraw;
  }

  end(): void {
    if (this.#open) this.#io.stderr.write('\n');
    this.#open = false;
  }

  #line(received: number, total: number | undefined, seconds: number): string {
    const rate = seconds > 0.5 ? (received - this.#first!) / seconds : 0;
    const speed = rate > 0 ? `   ${formatBytes(rate)}/s` : '';
    if (total === undefined) return `${this.#name}   ${formatBytes(received)}${speed}`;
    const left = rate > 0 && received < total ? `   ${formatDuration((total - received) / rate)} left` : '';
    const percent = `${Math.floor((100 * received) / total)} %`.padStart(5);
    return `${this.#name}   ${percent}   ${formatBytes(received)} of ${formatBytes(total)}${speed}${left}`;
  }
}
