const { fround, sqrt, imul } = Math;
const word = new Int32Array(1);
const real = new Float32Array(word.buffer);

/** a · b + c with both roundings to float32, as the kernels do it without a fused operation. */
function step(a: number, b: number, c: number): number {
  return fround(fround(a * b) + c);
}

// The polynomials of kernels/noise.h, rounded to float32 there as here.
const logTerms = new Float32Array([
  -0.07902743771, 0.1262231985, -0.1299818376, 0.1421449592, -0.1664128146, 0.2000104509, -0.2500030642, 0.3333333073,
]);
const sineTerms = new Float32Array([1.58206299e-4, -4.681266255e-3, 7.969258273e-2, -0.6459640961, 1.570796327]);
const cosineTerms = new Float32Array([9.036280671e-4, -2.08600695e-2, 0.2536692037, -1.233700541, 1]);
const ln2 = fround(Math.LN2);

function polynomial(terms: Float32Array, x: number): number {
  let p = terms[0]!;
  for (let i = 1; i < terms.length; i++) p = step(p, x, terms[i]!);
  return p;
}

/** −2 ln u for u = (first 31 bits + ½) / 2³¹ in (0, 1]: split into m · 2^e, m in [√½, √2), and a polynomial in m − 1. */
function minusTwoLog(first: number): number {
  real[0] = fround(fround(fround(first >>> 1) * 4.656612873077393e-10) + 2.3283064365386963e-10);
  const exponent = (word[0]! - 0x3f3504f3) >> 23;
  word[0] = (word[0]! - imul(exponent, 0x800000)) | 0;
  const f = fround(real[0]! - 1);
  const s = fround(f * f);
  const p = polynomial(logTerms, f);
  const tail = fround(fround(s * 0.5) - fround(s * fround(f * p)));
  const log = fround(fround(exponent * ln2) + fround(f - tail));
  return fround(-2 * log);
}

/**
 * Two 32-bit words to two standard normals at `out[at]`, `out[at + 1]` (Box & Muller 1958). Every operation is a float32
 * operation rounded on its own, so that all implementations give the same bits; tails reach 6.66.
 */
export function boxMuller(first: number, second: number, out: Float32Array, at: number): void {
  const n = minusTwoLog(first);
  const radius = fround(sqrt(Math.max(n, 0)));
  const quadrant = second >>> 30;
  const t = fround(fround(fround(second & 0x3fffffff) * 9.313225746154785e-10) - 0.5);
  const tt = fround(t * t);
  const sine = fround(polynomial(sineTerms, tt) * t);
  const cosine = polynomial(cosineTerms, tt);
  const a = quadrant & 1 ? sine : cosine;
  const b = quadrant & 1 ? cosine : sine;
  out[at] = fround(radius * (quadrant === 1 || quadrant === 2 ? -a : a));
  out[at + 1] = fround(radius * (quadrant >= 2 ? -b : b));
}
