import type { Stage } from '../../algorithms/algorithm.ts';
import { type AcceleratedBackend, accelerated } from '../../backend/accelerated.ts';
import { ReplayBuffer } from '../../data/replayBuffer.ts';
import { Rng } from '../../random/rng.ts';
import { tf } from '../../tensor/tf.ts';
import type { Input, Io } from '../command.ts';
import { countFlops } from '../train/countFlops.ts';
import { type Subject, subjectOf } from './benchAlgorithm.ts';
import { peakGflops, settle, type Timing, time } from './benchKernels.ts';

export interface UpdateBenchmark {
  readonly algo: string;
  readonly stage?: string;
  readonly backend: string;
  readonly threads: number;
  /** Of sampling: `float32` or `bf16`. */
  readonly precision: string;
  readonly msPerUpdate: Timing;
  readonly updatesPerSecond: number;
  /** Matrix products only, after the exact savings; absent where the backend's work cannot be counted. */
  readonly gflopPerUpdate?: number;
  readonly gflops?: number;
  /** The backend's own best square matrix product, in this run, in float32. */
  readonly peakGflops: number;
  readonly fractionOfPeak?: number;
  /** Part of an update that is no arithmetic: drawing the batch, noise, tape, JavaScript, copies. */
  readonly fractionOutsideKernels?: number;
}

/** Kernels that do no arithmetic of the algorithm. */
const NO_ARITHMETIC: ReadonlySet<string> = new Set(['normal', 'uniform', 'integers', 'gatherRows']);
/** Transitions that batches are drawn from: a replay's first allocation. */
const TRANSITIONS = 16_384;

/** `agent bench update`: one gradient update of each stage on made-up transitions, against the backend's peak. */
export async function runBenchUpdate(input: Input, io: Io): Promise<number> {
  const subject = await subjectOf(input, { batchSize: input.count('batch-size') });
  const { stages } = subject.algorithm;
  const replay = madeUp(subject);
  const peak = peakGflops(Math.min(1, subject.seconds / 4));
  const results = stages.map(stage => measure(subject, replay, stage, peak, subject.seconds / stages.length));
  const document = stages.length === 1 ? results[0]! : { ...common(subject), stages: results };
  if (input.has('json')) io.stdout.write(`${JSON.stringify(document)}\n`);
  else for (const result of results) io.stdout.write(`${line(result)}\n`);
  return 0;
}

const common = ({ name, backend: { name: backend, threads, precision } }: Subject) => ({
  algo: name,
  backend,
  threads,
  precision,
});

function measure(subject: Subject, replay: ReplayBuffer, stage: Stage, peak: number, seconds: number): UpdateBenchmark {
  const draws = new Rng(1);
  const sample = () => replay.sample(stage.batchSize, draws);
  const update = () => tf.tidy(() => void stage.update(sample, 0, subject.noise));
  const backend = accelerated();
  update(); // first use allocates
  const gflopPerUpdate = backend && countFlops(backend, update) / 1e9;
  const msPerUpdate = time(update, seconds, settle);
  const gflops = gflopPerUpdate && gflopPerUpdate / (msPerUpdate.median / 1000);
  return {
    ...common(subject),
    ...(subject.algorithm.stages.length > 1 ? { stage: stage.name } : {}),
    msPerUpdate,
    updatesPerSecond: 1000 / msPerUpdate.median,
    gflopPerUpdate,
    gflops,
    peakGflops: peak,
    fractionOfPeak: gflops && gflops / peak,
    fractionOutsideKernels: backend && outsideKernels(backend, update, seconds / 2),
  };
}

/** The median over updates of the time that passes outside the kernels that do arithmetic. */
function outsideKernels(backend: AcceleratedBackend, update: () => void, seconds: number): number {
  const { run } = backend;
  let inside = 0;
  backend.run = (kernel, ...rest) => {
    if (NO_ARITHMETIC.has(kernel)) return run.call(backend, kernel, ...rest);
    const begun = performance.now();
    const result = run.call(backend, kernel, ...rest);
    inside += performance.now() - begun;
    return result;
  };
  try {
    const fractions: number[] = [];
    for (const end = performance.now() + 1000 * seconds; performance.now() < end || fractions.length === 0; ) {
      inside = 0;
      const begun = performance.now();
      update();
      fractions.push(1 - inside / (performance.now() - begun));
    }
    return fractions.sort((a, b) => a - b)[fractions.length >> 1]!;
  } finally {
    backend.run = run;
  }
}

/** A replay of normal observations and rewards, and uniform actions. */
function madeUp({ sizes: { obsDim, actDim } }: Subject): ReplayBuffer {
  const replay = new ReplayBuffer({ capacity: TRANSITIONS, obsDim, actDim });
  const rng = new Rng(0);
  const normals = (size: number) => Float32Array.from({ length: size }, () => rng.normal());
  for (let i = 0; i < TRANSITIONS; i++)
    replay.add({
      world: 0,
      observation: normals(obsDim),
      action: Float32Array.from({ length: actDim }, () => rng.uniform(-1, 1)),
      reward: rng.normal(),
      terminated: false,
      truncated: false,
      nextObservation: normals(obsDim),
    });
  return replay;
}

function line(result: UpdateBenchmark) {
  const { algo, stage, backend, threads, precision, msPerUpdate, gflops, peakGflops } = result;
  const { fractionOfPeak, fractionOutsideKernels } = result;
  const rate = gflops === undefined ? '' : `, ${gflops.toFixed(1)} of ${peakGflops.toFixed(1)} GFLOP/s`;
  const part = fractionOfPeak === undefined ? '' : ` (${(100 * fractionOfPeak).toFixed(0)} %)`;
  const outside =
    fractionOutsideKernels === undefined ? '' : `, ${(100 * fractionOutsideKernels).toFixed(1)} % outside the kernels`;
  const name = stage ? `${algo} ${stage}` : algo;
  return `${name} on ${backend}, ${threads} threads, ${precision}: ${msPerUpdate.median.toFixed(2)} ms an update${rate}${part}${outside}`;
}
