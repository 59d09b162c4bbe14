import { errorOfSquare, fusedMultiplyAdd } from './numerics.ts';

/**
 * x² as the C library's general power function gives it, which errs by up to 0.52 units in the last place: one square in
 * a thousand is not x · x, and recorded rewards hold such squares. Only near a tie of x · x are both steps of it taken.
 */
export function generalSquare(x: number): number {
  const square = x * x;
  if (!(square > 1e-150 && square < 1e150)) return square;
  bits.setFloat64(0, square);
  bits.setUint32(0, bits.getUint32(0) & 0x7ff00000);
  bits.setUint32(4, 0);
  const units = Math.abs(errorOfSquare(x, square)) / (bits.getFloat64(0) * 2 ** -52);
  if (units < 0.47) return square;
  const [log, logTail] = logarithm(Math.abs(x));
  return exponential(2 * log, 2 * logTail);
}

/** ln 2 with 42 leading bits, and the rest. */
const LN2 = [0.6931471805598903, 5.497923018708371e-14] as const;
/** ln(1 + r) ≈ r + r² Σ aᵢ rⁱ for |r| < 2⁻⁷, scaled so that the even powers of −r²/2 come out. */
const A = [
  -0.5, -0.6666666666666679, 0.5000000000000007, 0.7999999995323976, -0.6666666663487739, -1.142909628459501,
  1.0000415263675542,
] as const;

interface LogRow {
  /** 1/c for a c near the middle of the row's interval, with few bits; ln c in 43 bits behind the point, and the rest. */
  readonly reciprocal: number;
  readonly log: number;
  readonly logTail: number;
}

/** ln x = head + tail, with a relative error of 2⁻⁶⁸. */
function logarithm(x: number): [head: number, tail: number] {
  bits.setFloat64(0, x);
  const high = bits.getUint32(0) - FIRST_HIGH;
  const row = tables().log[(high >> 13) & 127]!;
  const k = high >> 20;
  bits.setUint32(0, bits.getUint32(0) - ((high >> 20) << 20));
  const r = fusedMultiplyAdd(bits.getFloat64(0), row.reciprocal, -1);
  const t1 = fusedMultiplyAdd(k, LN2[0], row.log);
  const t2 = r + t1;
  const half = A[0] * r;
  const square = r * half;
  const head = t2 + square;
  const low =
    fusedMultiplyAdd(k, LN2[1], row.logTail) +
    (t1 - t2 + r) +
    fusedMultiplyAdd(half, r, -square) +
    (t2 - head + square);
  const p56 = fusedMultiplyAdd(A[6], r, A[5]);
  const p34 = fusedMultiplyAdd(A[4], r, A[3]);
  const p12 = fusedMultiplyAdd(A[2], r, A[1]);
  const p = fusedMultiplyAdd(square, fusedMultiplyAdd(p56, square, p34), p12);
  const tail = fusedMultiplyAdd(r * square, p, low);
  const y = head + tail;
  return [y, head - y + tail];
}

/** eˣ of x = head + tail, one rounding at the end aside: 2^k · 2^(i/128) · e^r. */
function exponential(head: number, tail: number): number {
  const n = fusedMultiplyAdd(head, 184.6649652337873, 6755399441055744) - 6755399441055744; // 128/ln 2: the nearest integer
  const r = fusedMultiplyAdd(n, -1.2864023111638346e-14, fusedMultiplyAdd(n, -0.005415212348111709, head)) + tail;
  const i = ((n % 128) + 128) % 128;
  const { root, rootTail } = tables().exp[i]!;
  const r2 = r * r;
  const p23 = fusedMultiplyAdd(r, 0.16666666666665886, 0.49999999999996786);
  const p45 = fusedMultiplyAdd(r, 0.008333335853059549, 0.0416666808410674);
  const p = fusedMultiplyAdd(p45, r2 * r2, fusedMultiplyAdd(p23, r2, rootTail + r));
  return fusedMultiplyAdd(p, root, root) * 2 ** ((n - i) / 128);
}

interface ExpRow {
  /** 2^(i/128) = root (1 + rootTail). */
  readonly root: number;
  readonly rootTail: number;
}

let made: { readonly log: readonly LogRow[]; readonly exp: readonly ExpRow[] } | undefined;

/** Both tables, computed once in integers with 192 bits behind the point. */
function tables() {
  made ??= {
    log: Array.from({ length: 128 }, (_, i) => logRow(i)),
    exp: expRows(),
  };
  return made;
}

/** Upper half of the float64 at which the first interval of the logarithm's table begins, about 0.7. */
const FIRST_HIGH = 0x3fe69555;
const bits = new DataView(new ArrayBuffer(8));
const BITS = 192n;
const ONE = 1n << BITS;
const toNumber = (fixed: bigint) => Number(fixed) * 2 ** -192;

function logRow(i: number): LogRow {
  const ends = [0, 1].map(end => {
    const float = new DataView(new ArrayBuffer(8));
    float.setUint32(0, FIRST_HIGH + ((i + end) << 13));
    return float.getFloat64(0);
  });
  const reciprocalOfMiddle = 2 / (ends[0]! + ends[1]!);
  const step = reciprocalOfMiddle > 1 ? 128 : 256;
  const reciprocal = Math.round(reciprocalOfMiddle * step) / step;
  const exact = -logOf(BigInt(reciprocal * 256));
  const unit = BITS - 43n;
  const head = ((exact + (1n << (unit - 1n))) >> unit) << unit;
  return { reciprocal, log: toNumber(head), logTail: toNumber(exact - head) };
}

/** ln(n / 256) = 2 artanh((n − 256) / (n + 256)) */
function logOf(n: bigint): bigint {
  const u = ((n - 256n) * ONE) / (n + 256n);
  const u2 = (u * u) >> BITS;
  let sum = 0n;
  for (let power = u, k = 1n; power !== 0n && power !== -1n; power = (power * u2) >> BITS, k += 2n) sum += power / k;
  return 2n * sum;
}

/** Powers of 2^(1/128), which seven square roots give. */
function expRows(): ExpRow[] {
  let step = 2n * ONE;
  for (let halving = 0; halving < 7; halving++) step = squareRoot(step << BITS);
  let exact = ONE;
  return Array.from({ length: 128 }, () => {
    const root = toNumber(exact);
    const rounded = BigInt(root * 2 ** 52) << (BITS - 52n);
    const rootTail = toNumber(((exact - rounded) << BITS) / rounded);
    exact = (exact * step) >> BITS;
    return { root, rootTail };
  });
}

/** The integer part of √n, by Newton's method from above. */
function squareRoot(n: bigint): bigint {
  let x = 1n << (BigInt(n.toString(2).length + 1) / 2n + 1n);
  for (let next = (x + n / x) >> 1n; next < x; next = (x + n / x) >> 1n) x = next;
  return x;
}
