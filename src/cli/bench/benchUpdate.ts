import type { Stage } from '../../algorithms/algorithm.ts';
import { accelerated } from '../../backend/accelerated.ts';
import type { Batch } from '../../data/batch.ts';
import { type Tensor1D, type Tensor2D, tf } from '../../tensor/tf.ts';
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
}

/** `agent bench update`: one gradient update of each stage on made-up transitions, against the backend's peak. */
export async function runBenchUpdate(input: Input, io: Io): Promise<number> {
  const subject = await subjectOf(input, { batchSize: input.count('batch-size') });
  const { stages } = subject.algorithm;
  const peak = peakGflops(Math.min(1, subject.seconds / 4));
  const results = stages.map(stage => measure(subject, stage, peak, subject.seconds / stages.length));
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

function measure(subject: Subject, stage: Stage, peak: number, seconds: number): UpdateBenchmark {
  const batch = madeUp(subject, stage.batchSize);
  const sample = () => batch;
  const update = () => tf.tidy(() => void stage.update(sample, 0, subject.noise));
  const backend = accelerated();
  update(); // first use allocates
  const gflopPerUpdate = backend && countFlops(backend, update) / 1e9;
  const msPerUpdate = time(update, seconds, settle);
  tf.dispose(Object.values(batch));
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
  };
}

function madeUp({ sizes: { obsDim, actDim }, noise }: Subject, size: number): Batch {
  return {
    observations: noise.normal('observations', [size, obsDim]) as Tensor2D,
    actions: noise.uniform('actions', [size, actDim], -1, 1) as Tensor2D,
    rewards: noise.normal('rewards', [size]) as Tensor1D,
    terminated: tf.zeros([size]) as Tensor1D,
    nextObservations: noise.normal('nextObservations', [size, obsDim]) as Tensor2D,
  };
}

function line(result: UpdateBenchmark) {
  const { algo, stage, backend, threads, precision, msPerUpdate, gflops, peakGflops, fractionOfPeak } = result;
  const rate = gflops === undefined ? '' : `, ${gflops.toFixed(1)} of ${peakGflops.toFixed(1)} GFLOP/s`;
  const part = fractionOfPeak === undefined ? '' : ` (${(100 * fractionOfPeak).toFixed(0)} %)`;
  const name = stage ? `${algo} ${stage}` : algo;
  return `${name} on ${backend}, ${threads} threads, ${precision}: ${msPerUpdate.median.toFixed(2)} ms an update${rate}${part}`;
}
