import { tf } from '../tensor/tf.ts';

/** The best rate of a square float32 matrix product on the backend in use, in GFLOP/s, tried for `seconds`. */
export function matrixProductGflops(size = 512, seconds = 0.4): number {
  const a = tf.ones([size, size]);
  const product = () => tf.tidy(() => tf.matMul(a, a).dataSync());
  product();
  let best = Number.POSITIVE_INFINITY;
  const begin = performance.now();
  while (performance.now() - begin < seconds * 1000) {
    const start = performance.now();
    product();
    best = Math.min(best, performance.now() - start);
  }
  a.dispose();
  return (2 * size ** 3) / (best * 1e6);
}
