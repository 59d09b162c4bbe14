import { algorithms } from '../../algorithms/catalog.ts';
import { type Tensor2D, tf } from '../../tensor/tf.ts';
import type { Input, Io } from '../command.ts';
import { subjectOf } from './benchAlgorithm.ts';

export interface ActBenchmark {
  readonly algo: string;
  readonly backend: string;
  readonly threads: number;
  /** Of sampling: `float32` or `bf16`. */
  readonly precision: string;
  readonly microseconds: { readonly median: number; readonly p99: number };
}

/** The hyperparameters that say how many candidates an action is chosen from, as each algorithm calls them. */
function candidatesOf(algo: string, candidates: number | undefined): Record<string, number | undefined> {
  const params = algorithms.get(algo.toLowerCase())?.hyperparameters.params ?? {};
  const names = ['behaviorCandidates', 'evaluationCandidates'].filter(key => key in params);
  return Object.fromEntries((names.length > 0 ? names : ['candidates']).map(key => [key, candidates]));
}

/** `agent bench act`: from one observation to the action as numbers, through the public `act`. */
export async function runBenchAct(input: Input, io: Io): Promise<number> {
  const subject = await subjectOf(input, candidatesOf(input.text('algo') ?? 'qvpo', input.count('candidates')));
  const { name, kind, algorithm, sizes, backend, noise, seconds } = subject;
  const observation = noise.normal('observation', [1, sizes.obsDim]) as Tensor2D;
  const mode = kind === 'online' ? 'explore' : 'exploit';
  const act = () => tf.tidy(() => algorithm.act(observation, mode, noise).dataSync());
  const times: number[] = [];
  for (const warm = performance.now() + 200 * seconds; performance.now() < warm; ) act();
  for (const end = performance.now() + 800 * seconds; performance.now() < end || times.length < 3; ) {
    const begin = performance.now();
    act();
    times.push(1000 * (performance.now() - begin));
  }
  times.sort((a, b) => a - b);
  const at = (part: number) => times[Math.min(times.length - 1, Math.floor(part * times.length))]!;
  const microseconds = { median: at(0.5), p99: at(0.99) };
  const { name: backendName, threads, precision } = backend;
  const result: ActBenchmark = { algo: name, backend: backendName, threads, precision, microseconds };
  if (input.has('json')) io.stdout.write(`${JSON.stringify(result)}\n`);
  else
    io.stdout.write(
      `${name} on ${backendName}, ${precision}: ${at(0.5).toFixed(1)} µs an action, p99 ${at(0.99).toFixed(1)} µs\n`,
    );
  return 0;
}
