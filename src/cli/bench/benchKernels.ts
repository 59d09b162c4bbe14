import { useBackend } from '../../backend/register.ts';
import { Rng } from '../../random/rng.ts';
import { StreamNoise } from '../../tensor/noise.ts';
import { dense } from '../../tensor/ops/dense.ts';
import { type Scalar, type Tensor1D, type Tensor2D, tf } from '../../tensor/tf.ts';
import type { Input, Io } from '../command.ts';

export interface Timing {
  readonly median: number;
  readonly min: number;
}

/**
 * Milliseconds of `work` over `seconds`, after a tenth of that to warm up. What it returns is not read: our kernels have
 * ended when they return, so `settle` is for backends that only queue.
 */
export function time(work: () => void, seconds: number, settle: () => void = () => {}): Timing {
  const times: number[] = [];
  const warm = performance.now() + 100 * seconds;
  const end = warm + 1000 * seconds;
  do {
    const begin = performance.now();
    work();
    settle();
    const done = performance.now();
    if (done > warm || times.length > 0) times.push(done - begin);
    else if (done - begin > 300 * seconds) times.push(done - begin); // so slow that the first must count
  } while (performance.now() < end || times.length === 0);
  times.sort((a, b) => a - b);
  return { median: times[times.length >> 1]!, min: times[0]! };
}

/** Runs whatever a queueing backend still holds, by reading what comes last; tfjs keeps small tensors off a GPU. */
export function settle(): void {
  const backend = tf.getBackend();
  if (backend === 'webgpu' || backend === 'tensorflow') tf.tidy(() => tf.square(tf.fill([8192], 1)).dataSync());
}

/** The backend's own best square matrix product, in GFLOP/s: 256³, 512³ and 1024³, the best of all rounds. */
export function peakGflops(seconds: number): number {
  let best = 0;
  for (const size of [256, 512, 1024]) {
    const a = tf.tidy(() => new StreamNoise(new Rng(1)).normal('a', [size, size])) as Tensor2D;
    const { min } = time(() => tf.matMul(a, a).dispose(), seconds / 3, settle);
    best = Math.max(best, (2 * size ** 3) / (min * 1e6));
    a.dispose();
  }
  return best;
}

/** `agent bench kernels`: GFLOP/s of products and dense layers, million numbers a second of noise. */
export async function runBenchKernels(input: Input, io: Io): Promise<number> {
  const { name, threads, features } = await useBackend(input.text('backend') ?? 'auto', {
    threads: input.count('threads'),
  });
  const seconds = (input.number('seconds', { min: 0.01 }) ?? 5) / 8;
  const noise = new StreamNoise(new Rng(0));
  const x = noise.normal('x', [256, 256]) as Tensor2D;
  const weight = noise.normal('weight', [256, 256]) as Tensor2D;
  const bias = noise.normal('bias', [256]) as Tensor1D;
  const rate = (flop: number, work: () => void) => flop / (time(() => tf.tidy(work), seconds, settle).min * 1e6);
  const layer = (a: Tensor2D, w: Tensor2D, b: Tensor1D) => dense(a, w, b, 'mish');
  const gradients = tf.grads((a, w, b) => layer(a as Tensor2D, w as Tensor2D, b as Tensor1D).sum() as Scalar);
  const peak = peakGflops(3 * seconds);
  const results = {
    backend: name,
    threads,
    features,
    peakGflops: peak,
    gflops: {
      matMul256: rate(2 * 256 ** 3, () => tf.matMul(x, weight)),
      denseForward256: rate(2 * 256 ** 3, () => layer(x, weight, bias)),
      denseForwardBackward256: rate(6 * 256 ** 3, () => gradients([x, weight, bias])),
    },
    normalsPerMicrosecond: 1e3 * rate(1e6, () => noise.normal('n', [1_000_000])),
  };
  tf.dispose([x, weight, bias]);
  if (input.has('json')) io.stdout.write(`${JSON.stringify(results)}\n`);
  else {
    io.stdout.write(`${name}, ${threads} threads, ${features.join(', ')}: peak ${peak.toFixed(1)} GFLOP/s\n`);
    for (const [key, value] of Object.entries(results.gflops))
      io.stdout.write(`  ${key} ${value.toFixed(1)} GFLOP/s\n`);
    io.stdout.write(`  normal noise ${results.normalsPerMicrosecond.toFixed(0)} numbers/µs\n`);
  }
  return 0;
}
