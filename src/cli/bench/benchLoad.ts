import { resourceUsage } from 'node:process';
import { datasetHome } from '../../data/home.ts';
import { locate } from '../../data/locate.ts';
import { readLocated } from '../../data/openDataset.ts';
import { transitionRows } from '../../data/steps.ts';
import type { Input, Io } from '../command.ts';
import { formatBytes, formatTime, grouped } from '../terminal/format.ts';

export interface LoadResult {
  /** From opening the file to checked float32 arrays, the start of the HDF5 library included. */
  readonly seconds: number;
  /** In the q-learning view. */
  readonly transitions: number;
  /** The most memory this process ever held, the runtime included. */
  readonly peakRssBytes: number;
  /** Memory of the arrays themselves. */
  readonly arrayBytes: number;
}

/** `agent bench load FILE`: reads a collection as training does, in this process. */
export async function benchLoad(name: string, io: Io): Promise<LoadResult> {
  const located = locate(name, datasetHome(io.env));
  const start = performance.now();
  const { steps } = await readLocated(located);
  const seconds = (performance.now() - start) / 1000;
  const peakRssBytes = resourceUsage().maxRSS * 1024;
  const { observations, actions, rewards, flags } = steps;
  const arrayBytes = [observations, actions, rewards, flags].reduce((sum, { byteLength }) => sum + byteLength, 0);
  return { seconds, transitions: transitionRows(steps).length, peakRssBytes, arrayBytes };
}

/** The measurement as text or, with `--json`, as one document. */
export async function runBenchLoad(input: Input, io: Io, name: string): Promise<number> {
  const result = await benchLoad(name, io);
  if (input.has('json')) io.stdout.write(`${JSON.stringify(result)}\n`);
  else {
    const { seconds, transitions, peakRssBytes, arrayBytes } = result;
    io.stdout.write(`${grouped(transitions)} transitions in ${formatTime(seconds)}, `);
    io.stdout.write(`at most ${formatBytes(peakRssBytes)} of memory for ${formatBytes(arrayBytes)} of arrays\n`);
  }
  return 0;
}
