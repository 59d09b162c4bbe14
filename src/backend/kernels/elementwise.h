// Elementwise operations and reductions. Enumerations match the name lists in library.ts.
#pragma once
#include "kernels.h"
#include "vector.h"

namespace agent {
namespace {

constexpr int PART = 16384;  // elements of one task

/// ln x by the polynomial of noise.h; ln 0 = −∞, ln of a negative number is NaN.
INLINE vf logarithm(vf x) {
  const vf tiny = splat(1.17549435e-38f);
  const vi small = x < tiny;  // also subnormal numbers: scaled by 2²⁴
  vf y = small ? x * 16777216.0f : x;
  const vi e = (bits(y) - 0x3f3504f3) >> 23;
  const vf f = floats(bits(y) - (e << 23)) - 1.0f;
  const vf n = __builtin_convertvector(e, vf) - (small ? splat(24.0f) : vf{});
  vf p = splat(6.971611443e-2f);
  p = fma(p, f, splat(-0.1147973381f));
  p = fma(p, f, splat(0.1168541992f));
  p = fma(p, f, splat(-0.1242568734f));
  p = fma(p, f, splat(0.1424905765f));
  p = fma(p, f, splat(-0.1666780232f));
  p = fma(p, f, splat(0.2000071575f));
  p = fma(p, f, splat(-0.2499999696f));
  p = fma(p, f, splat(0.3333333118f));
  const vf s = f * f;
  vf log = fma(n, splat(0.6931471805599453f), f - (s * 0.5f - s * (f * p)));
  log = x == 0.0f ? splat(-__builtin_inff()) : log;
  log = x < 0.0f ? splat(__builtin_nanf("")) : log;
  log = x == splat(__builtin_inff()) ? x : log;
  return x != x ? x : log;
}

/// ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|)
INLINE vf softplus(vf x) {
  const vf a = floats(bits(x) & 0x7fffffff), e = exponential(-a);
  const vf tail = e < 0.000244140625f ? e - 0.5f * e * e : logarithm(1.0f + e);
  return x != x ? x : (x > 0.0f ? x : vf{}) + tail;
}

/// sin x, or cos x, for |x| ≤ 8192: x less a multiple of π/2, whose three parts leave room for the multiple's digits, so that
/// the products are exact; then the polynomials of sine and cosine on [−π/4, π/4] (Cephes' coefficients).
INLINE vf sineOf(vf x, int quarters) {
  const vf shift = splat(12582912.0f);
  const vf t = x * 0.636619772367581343f + shift, n = t - shift;
  vf r = x - n * 1.5703125f;
  r = r - n * 4.837512969970703125e-4f;
  r = r - n * 7.54978941586159635e-8f;
  const vf s = r * r;
  vf sine = splat(-1.9515295891e-4f);
  sine = fma(sine, s, splat(8.3321608736e-3f));
  sine = fma(sine, s, splat(-1.6666654611e-1f));
  sine = fma(sine * s, r, r);
  vf cosine = splat(2.443315711809948e-5f);
  cosine = fma(cosine, s, splat(-1.388731625493765e-3f));
  cosine = fma(cosine, s, splat(4.166664568298827e-2f));
  cosine = fma(cosine * s, s, 1.0f - 0.5f * s);
  const vi quadrant = (bits(t) - bits(shift)) + quarters;
  const vf y = (quadrant & 1) != 0 ? cosine : sine;
  return floats(bits(y) ^ ((quadrant & 2) << 30));
}

/// eˣ − 1: by its series where it would cancel.
INLINE vf exponentialLessOne(vf x) {
  vf p = splat(1.0f / 5040);
  p = fma(p, x, splat(1.0f / 720));
  p = fma(p, x, splat(1.0f / 120));
  p = fma(p, x, splat(1.0f / 24));
  p = fma(p, x, splat(1.0f / 6));
  p = fma(p, x, splat(0.5f));
  const vf near = fma(p * x, x, x);
  vf far = exponential(x) - 1.0f;
  far = x > 88.7228f ? splat(__builtin_inff()) : far;
  const vf y = floats(bits(x) & 0x7fffffff) < 0.5f ? near : far;
  return x != x ? x : y;
}

enum Unary { NEG, SQUARE, SQRT, EXP, LOG, ABS, RELU1, TANH1, SIGMOID, SOFTPLUS, MISH1, SILU1, CLIP, RECIPROCAL, SIN, COS, EXPM1 };

template <int OP>
INLINE vf unaryOf(vf x, float low, float high) {
  switch (OP) {
    case NEG: return -x;
    case SQUARE: return x * x;
    case SQRT: return squareRoot(x);
    case EXP: {
      vf y = exponential(x);
      y = x > 88.7228f ? splat(__builtin_inff()) : y;
      y = x < -87.3365f ? vf{} : y;
      return x != x ? x : y;
    }
    case LOG: return logarithm(x);
    case ABS: return floats(bits(x) & 0x7fffffff);
    case RELU1: return activate<RELU>(x);
    case TANH1: return hyperbolicTangent(x);
    case SIGMOID: return x != x ? x : sigmoid(x);
    case SOFTPLUS: return softplus(x);
    case MISH1: return mish(x);
    case SILU1: return x * sigmoid(x);
    case CLIP: return x > high ? splat(high) : x < low ? splat(low) : x;
    case RECIPROCAL: return 1.0f / x;
    case SIN: return sineOf(x, 0);
    case COS: return sineOf(x, 1);
    case EXPM1: return exponentialLessOne(x);
  }
  return x;
}

template <int OP>
static void unaryLoop(const float* x, float* y, int count, float low, float high) {
  parallel(ceilDiv(count, PART), COMPUTE * count, [=](int task, int) {
    const int end = minimum(count, (task + 1) * PART);
    int i = task * PART;
    for (; i + W <= end; i += W) store(y + i, unaryOf<OP>(load(x + i), low, high));
    if (i < end) storePart(y + i, unaryOf<OP>(loadPart(x + i, end - i), low, high), end - i);
  });
}

/// ints: operation, count. buffers: x, out. reals: bounds of CLIP.
static double unary(void** p, const int32_t* n, const double* r) {
  using Loop = void (*)(const float*, float*, int, float, float);
  static const Loop loops[] = {unaryLoop<NEG>,     unaryLoop<SQUARE>,   unaryLoop<SQRT>,  unaryLoop<EXP>,   unaryLoop<LOG>,
                               unaryLoop<ABS>,     unaryLoop<RELU1>,    unaryLoop<TANH1>, unaryLoop<SIGMOID>,
                               unaryLoop<SOFTPLUS>, unaryLoop<MISH1>,   unaryLoop<SILU1>, unaryLoop<CLIP>,
                               unaryLoop<RECIPROCAL>, unaryLoop<SIN>,   unaryLoop<COS>,   unaryLoop<EXPM1>};
  loops[n[0]]((const float*)p[0], (float*)p[1], n[1], (float)r[0], (float)r[1]);
  return 0;
}

/// dx = dy · mish'(x). ints: count. buffers: x, dy, dx.
static double mishBackward(void** p, const int32_t* n, const double*) {
  const int count = n[0];
  parallel(ceilDiv(count, PART), COMPUTE * count, [=](int task, int) {
    for (int i = task * PART, end = minimum(count, i + PART); i < end; i += W) {
      const int left = end - i;
      storeSome((float*)p[2] + i, loadSome((const float*)p[1] + i, left) * mishSlope(loadSome((const float*)p[0] + i, left)), left);
    }
  });
  return 0;
}

enum Binary { ADD, SUB, MUL, DIV, MAX, MIN, SQUARED_DIFFERENCE };

template <int OP>
INLINE vf binaryOf(vf a, vf b) {
  switch (OP) {
    case ADD: return a + b;
    case SUB: return a - b;
    case MUL: return a * b;
    case DIV: return a / b;
    case MAX: return a != a ? a : b != b ? b : (a > b ? a : b);
    case MIN: return a != a ? a : b != b ? b : (a < b ? a : b);
    case SQUARED_DIFFERENCE: return (a - b) * (a - b);
  }
  return a;
}

template <int OP>
static void binaryRow(const float* a, bool aMoves, const float* b, bool bMoves, float* c, int count) {
  int i = 0;
  for (; i + W <= count; i += W)
    store(c + i, binaryOf<OP>(aMoves ? load(a + i) : splat(*a), bMoves ? load(b + i) : splat(*b)));
  if (i < count) {
    const int left = count - i;
    storePart(c + i, binaryOf<OP>(aMoves ? loadPart(a + i, left) : splat(*a), bMoves ? loadPart(b + i, left) : splat(*b)),
              left);
  }
}

template <int OP>
static void binaryLoop(const float* a, const float* b, float* c, const int32_t* n) {
  const int rows = n[0], columns = n[1], rowsOfTask = maximum(1, PART / maximum(1, columns));
  const ptrdiff_t aRow = n[2], bRow = n[4];
  const bool aMoves = n[3], bMoves = n[5];
  if (rows == 1) {
    parallel(ceilDiv(columns, PART), MOVE * columns, [=](int task, int) {
      const int at = task * PART;
      binaryRow<OP>(aMoves ? a + at : a, aMoves, bMoves ? b + at : b, bMoves, c + at, minimum(PART, columns - at));
    });
    return;
  }
  parallel(ceilDiv(rows, rowsOfTask), MOVE * rows * columns, [=](int task, int) {
    for (int i = task * rowsOfTask, end = minimum(rows, i + rowsOfTask); i < end; i++)
      binaryRow<OP>(a + i * aRow, aMoves, b + i * bRow, bMoves, c + (size_t)i * columns, columns);
  });
}

/// ints: operation, rows, columns, row stride and column step (0 or 1) of a, the same of b. buffers: a, b, out.
static double binary(void** p, const int32_t* n, const double*) {
  using Loop = void (*)(const float*, const float*, float*, const int32_t*);
  static const Loop loops[] = {binaryLoop<ADD>, binaryLoop<SUB>, binaryLoop<MUL>,
                               binaryLoop<DIV>, binaryLoop<MAX>, binaryLoop<MIN>,
                               binaryLoop<SQUARED_DIFFERENCE>};
  loops[n[0]]((const float*)p[0], (const float*)p[1], (float*)p[2], n + 1);
  return 0;
}

enum Reduction { SUM, MEAN, GREATEST, LEAST };

/// Lanes add in float32 over at most 256 vectors, then everything in float64.
static double sumOf(const float* x, int count) {
  double total = 0;
  int i = 0;
  while (i + W <= count) {
    vf s = {};
    for (int end = minimum(count - W, i + 255 * W); i <= end; i += W) s = s + load(x + i);
    for (int l = 0; l < W; l++) total += s[l];
  }
  for (; i < count; i++) total += x[i];
  return total;
}

INLINE float better(bool greatest, float a, float b) {
  if (a != a) return a;
  if (b != b) return b;
  return greatest ? (b > a ? b : a) : (b < a ? b : a);
}

static float extreme(bool greatest, const float* x, int count) {
  float best = x[0];
  for (int i = 1; i < count; i++) best = better(greatest, best, x[i]);
  return best;
}

/// ints: operation, outer, n, inner: [outer, n, inner] → [outer, inner]. buffers: x, out.
static double reduce(void** p, const int32_t* ints, const double*) {
  const int op = ints[0], outer = ints[1], n = ints[2], inner = ints[3];
  const float* x = (const float*)p[0];
  float* out = (float*)p[1];
  const bool sums = op == SUM || op == MEAN;
  const double scale = op == MEAN ? 1.0 / n : 1.0;
  if (inner > 1) {
    const int columns = maximum(1, 32768 / n), blocks = ceilDiv(inner, columns);
    parallel(outer * blocks, MOVE * outer * n * inner, [=](int task, int) {
      const int o = task / blocks, from = task % blocks * columns, to = minimum(inner, from + columns);
      for (int j = from; j < to; j++) {
        const float* at = x + (size_t)o * n * inner + j;
        double s = sums ? 0 : at[0];
        for (int i = 0; i < n; i++) {
          const float v = at[(size_t)i * inner];
          s = sums ? s + v : better(op == GREATEST, (float)s, v);
        }
        out[(size_t)o * inner + j] = (float)(s * scale);
      }
    });
  } else if (outer > 1 || n <= PART) {
    const int rows = maximum(1, PART / maximum(1, n));
    parallel(ceilDiv(outer, rows), MOVE * outer * n, [=](int task, int) {
      for (int o = task * rows, end = minimum(outer, o + rows); o < end; o++) {
        const float* at = x + (size_t)o * n;
        out[o] = sums ? (float)(sumOf(at, n) * scale) : extreme(op == GREATEST, at, n);
      }
    });
  } else {
    const int parts = ceilDiv(n, PART);
    double* partial = (double*)workspace(8 * (size_t)parts);
    parallel(parts, MOVE * n, [=](int task, int) {
      const int count = minimum(PART, n - task * PART);
      const float* at = x + (size_t)task * PART;
      partial[task] = sums ? sumOf(at, count) : extreme(op == GREATEST, at, count);
    });
    double total = partial[0];
    for (int i = 1; i < parts; i++)
      total = sums ? total + partial[i] : better(op == GREATEST, (float)total, (float)partial[i]);
    out[0] = (float)(total * scale);
  }
  return 0;
}

}  // namespace
}  // namespace agent
