/** Sums in the order of the reference implementation, so that rewards agree to the last bit. */

const lanes = new Float64Array(8);

/** Σ x². Below eight terms in order; otherwise in eight lanes that are then added pairwise, as numpy does up to 128 terms. */
export function sumOfSquares(x: ArrayLike<number>): number {
  const n = x.length;
  let sum = 0;
  let i = 0;
  if (n >= 8) {
    for (let k = 0; k < 8; k++) lanes[k] = x[k]! * x[k]!;
    for (i = 8; i + 8 <= n; i += 8) for (let k = 0; k < 8; k++) lanes[k]! += x[i + k]! * x[i + k]!;
    sum = addLanes();
  }
  for (; i < n; i++) sum += x[i]! * x[i]!;
  return sum;
}

/** Σ x in the same order as `sumOfSquares`. */
export function sum(x: ArrayLike<number>): number {
  const n = x.length;
  let total = 0;
  let i = 0;
  if (n >= 8) {
    for (let k = 0; k < 8; k++) lanes[k] = x[k]!;
    for (i = 8; i + 8 <= n; i += 8) for (let k = 0; k < 8; k++) lanes[k]! += x[i + k]!;
    total = addLanes();
  }
  for (; i < n; i++) total += x[i]!;
  return total;
}

function addLanes(): number {
  const r = lanes;
  return r[0]! + r[1]! + (r[2]! + r[3]!) + (r[4]! + r[5]! + (r[6]! + r[7]!));
}

export function clip(x: number, low: number, high: number): number {
  return Math.min(Math.max(x, low), high);
}

/** ‖(x, y)‖ with the second square added in one rounding, as the fused multiply-add of the reference does. */
export function norm2(x: number, y: number): number {
  return Math.sqrt(fusedMultiplyAdd(y, y, x * x));
}

const scratch = new Float64Array(1);
const words = new Uint32Array(scratch.buffer); // low word first, as on every machine that WebAssembly knows

/**
 * a·b + c in one rounding (no over- or underflow on the way). One body, so that it is compiled into its callers whole: a
 * call would leave its numbers on the heap.
 */
export function fusedMultiplyAdd(a: number, b: number, c: number): number {
  const product = a * b;
  const total = product + c;
  const back = total - product;
  const totalError = product - (total - back) + (c - back);
  const doubt = Math.abs(product) * 2 ** -52; // twice what the product may be off by
  if (total + (totalError + doubt) === total && total + (totalError - doubt) === total) return total;
  const aTimes = SPLITTER * a;
  const aHigh = aTimes - (aTimes - a);
  const aLow = a - aHigh;
  const bTimes = SPLITTER * b;
  const bHigh = bTimes - (bTimes - b);
  const bLow = b - bHigh;
  const productError = aHigh * bHigh - product + aHigh * bLow + aLow * bHigh + aLow * bLow;
  const low = totalError + productError;
  // Unless a tie is within the rounding of `low`, that rounding does no harm.
  const above = total + low * (1 + 2 ** -50);
  return above === total + low * (1 - 2 ** -50) ? above : total + sumToOdd(totalError, productError);
}

/**
 * x + y, and where that is inexact the one of its two neighbours that ends in an odd bit: rounding again is then harmless
 * (Boldo and Melquiond 2008).
 */
function sumToOdd(x: number, y: number): number {
  const sum = x + y;
  const back = sum - x;
  const error = x - (sum - back) + (y - back);
  if (error === 0) return sum;
  scratch[0] = sum;
  if (words[0]! & 1) return sum;
  if (error > 0 === sum > 0) words[0]! += 1;
  else if (words[0]!-- === 0) words[1]!--;
  return scratch[0]!;
}

/** Cuts a float64 in halves of 26 bits, whose products are exact (Dekker 1971). */
const SPLITTER = 134217729; // 2^27 + 1

/** x² − square exactly. */
export function errorOfSquare(x: number, square: number): number {
  const times = SPLITTER * x;
  const high = times - (times - x);
  const low = x - high;
  return high * high - square + 2 * high * low + low * low;
}

/** ‖(x, y, z)‖, rounded like `norm2`. */
export function norm3(x: number, y: number, z: number): number {
  return Math.sqrt(fusedMultiplyAdd(z, z, fusedMultiplyAdd(y, y, x * x)));
}
