// A vector of floats as wide as the instruction set, by the compilers' own vector types, and the functions on it.
#pragma once
#include <stddef.h>
#include <stdint.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

namespace agent {
namespace {

#if defined(__AVX512F__)
constexpr int W = 16;
#elif defined(__AVX2__) || defined(__wasm__)
constexpr int W = 8;  // of WASM: pairs of its vectors, which an engine may join (../README.md)
#else
constexpr int W = 4;
#endif

typedef float vf __attribute__((vector_size(4 * W)));
typedef int32_t vi __attribute__((vector_size(4 * W)));
typedef float vfu __attribute__((vector_size(4 * W), aligned(4), may_alias));
typedef int32_t viu __attribute__((vector_size(4 * W), aligned(4), may_alias));

INLINE vf load(const float* p) { return *reinterpret_cast<const vfu*>(p); }
INLINE void store(float* p, vf x) {
  *reinterpret_cast<vfu*>(p) = x;
#if defined(AGENT_WIDE)
  asm volatile("" ::: "memory");  // no other store comes between the halves: engines would not join them
#endif
}
INLINE vf splat(float x) { return x - vf{}; }
INLINE vi bits(vf x) { return (vi)x; }
INLINE vf floats(vi x) { return (vf)x; }
INLINE int minimum(int a, int b) { return a < b ? a : b; }
INLINE int maximum(int a, int b) { return a > b ? a : b; }
INLINE int ceilDiv(int a, int b) { return (a + b - 1) / b; }

/// The first n < W floats at p; the rest 0.
INLINE vf loadPart(const float* p, int n) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#else
  float t[W] = {};
  for (int i = 0; i < n; i++) t[i] = p[i];
  return load(t);
#endif
}
INLINE void storePart(float* p, vf x, int n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)x);
#else
  float t[W];
  store(t, x);
  for (int i = 0; i < n; i++) p[i] = t[i];
#endif
}

/// The first n floats at p, n < W or more.
INLINE vf loadSome(const float* p, int n) { return n >= W ? load(p) : loadPart(p, n); }
INLINE void storeSome(float* p, vf x, int n) { n >= W ? store(p, x) : storePart(p, x, n); }

/// a·b + c, in one rounding where the instruction set has it.
INLINE vf fma(vf a, vf b, vf c) {
#if defined(__wasm_relaxed_simd__)
  typedef float half __attribute__((vector_size(16)));
  const auto low = [](vf x) -> half { return __builtin_shufflevector(x, x, 0, 1, 2, 3); };
  const auto high = [](vf x) -> half { return __builtin_shufflevector(x, x, 4, 5, 6, 7); };
  const half first = __builtin_wasm_relaxed_madd_f32x4(low(a), low(b), low(c));
  const half second = __builtin_wasm_relaxed_madd_f32x4(high(a), high(b), high(c));
  return __builtin_shufflevector(first, second, 0, 1, 2, 3, 4, 5, 6, 7);
#else
  return a * b + c;
#endif
}

/// 1/x to about one unit in the last place: an estimate and a Newton step where division is slow.
INLINE vf reciprocal(vf x) {
#if defined(__AVX512F__)
  vf r = (vf)_mm512_rcp14_ps((__m512)x);
  return r * (2.0f - x * r);
#elif defined(__AVX2__)
  vf r = (vf)_mm256_rcp_ps((__m256)x);
  return r * (2.0f - x * r);
#else
  return 1.0f / x;
#endif
}

INLINE vf squareRoot(vf x) {
#if defined(__AVX512F__)
  return (vf)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
  return (vf)_mm256_sqrt_ps((__m256)x);
#elif defined(__SSE2__)
  return (vf)_mm_sqrt_ps((__m128)x);
#else
  vf r;
  for (int i = 0; i < W; i++) r[i] = __builtin_sqrtf(x[i]);
  return r;
#endif
}

/// The lesser and the greater of two; a where b is NaN. Compilers do not find the instruction by themselves.
#if defined(__AVX512F__)
INLINE vf minimum(vf a, vf b) { return (vf)_mm512_min_ps((__m512)b, (__m512)a); }
INLINE vf maximum(vf a, vf b) { return (vf)_mm512_max_ps((__m512)b, (__m512)a); }
#elif defined(__AVX2__)
INLINE vf minimum(vf a, vf b) { return (vf)_mm256_min_ps((__m256)b, (__m256)a); }
INLINE vf maximum(vf a, vf b) { return (vf)_mm256_max_ps((__m256)b, (__m256)a); }
#elif defined(__SSE2__)
INLINE vf minimum(vf a, vf b) { return (vf)_mm_min_ps((__m128)b, (__m128)a); }
INLINE vf maximum(vf a, vf b) { return (vf)_mm_max_ps((__m128)b, (__m128)a); }
#else
INLINE vf minimum(vf a, vf b) { return b < a ? b : a; }
INLINE vf maximum(vf a, vf b) { return b > a ? b : a; }
#endif

/// eˣ for x clamped to [−87, 88]: 2ⁿ · p(r), r = x − n ln 2, p the degree-6 interpolant at Chebyshev nodes.
INLINE vf exponential(vf x) {
  x = minimum(maximum(x, splat(-87.0f)), splat(88.0f));
  const vf shift = splat(12582912.0f);  // 1.5 · 2²³: adding it rounds to a whole number in the low bits
  vf t = fma(x, splat(1.44269504088896341f), shift);
  vf n = t - shift;
  vf r = fma(n, splat(-0.693145751953125f), x);
  r = fma(n, splat(-1.42860677e-6f), r);
  vf p = splat(1.394111890e-3f);
  p = fma(p, r, splat(8.375134775e-3f));
  p = fma(p, r, splat(4.166635277e-2f));
  p = fma(p, r, splat(0.1666641541f));
  p = fma(p, r, splat(0.5000000047f));
  p = fma(p, r, splat(1.000000038f));
  p = fma(p, r, splat(1.0f));
  return floats(bits(p) + (bits(t) << 23));
}

INLINE vf sigmoid(vf x) { return reciprocal(1.0f + exponential(-x)); }

/// Below ⅝ an odd polynomial (relative accuracy near 0), above it 1 − 2/(e²ˣ + 1).
INLINE vf hyperbolicTangent(vf x) {
  vf a = floats(bits(x) & 0x7fffffff);
  vf c = minimum(a, splat(10.0f));
  vf far = 1.0f - 2.0f * reciprocal(exponential(c + c) + 1.0f);
  vf s = c * c;
  vf p = splat(-6.096714163e-3f);
  p = fma(p, s, splat(2.099717900e-2f));
  p = fma(p, s, splat(-5.385090958e-2f));
  p = fma(p, s, splat(0.1333276974f));
  p = fma(p, s, splat(-0.3333332894f));
  vf near = fma(p * s, c, c);
  vf y = c < 0.625f ? near : far;
  y = floats(bits(y) | (bits(x) & (int32_t)0x80000000));
  return x != x ? x : y;
}

/// eˣ for x ≤ 20, clamped below at −87, to 2.7e-7: where a network's every neuron needs one. ln 2 in one part, whose error
/// 126 times over is still that, and the minimax polynomial of degree 5.
INLINE vf quickExponential(vf x) {
  x = maximum(x, splat(-87.0f));
  const vf shift = splat(12582912.0f);
  const vf t = fma(x, splat(1.44269504088896341f), shift);
  const vf r = fma(t - shift, splat(-0.693147180559945309f), x);
  vf p = splat(8.29761940985918e-3f);
  p = fma(p, r, splat(4.191562905907631e-2f));
  p = fma(p, r, splat(0.16667576134204865f));
  p = fma(p, r, splat(0.4999889135360718f));
  p = fma(p, r, splat(0.9999997019767761f));
  p = fma(p, r, splat(1.0000001192092896f));
  return floats(bits(p) + (bits(t) << 23));
}

/// mish(x) = x tanh(ln(1 + eˣ)) = x · n/(n + 2), n = e(e + 2), e = eˣ; beyond 20 it is x in float32.
INLINE vf mish(vf x) {
  vf e = quickExponential(minimum(splat(20.0f), x));
  vf n = e * (e + 2.0f);
  return x * (n * reciprocal(n + 2.0f));
}

/// mish'(x) = [n(n + 2) + 4x·e(e + 1)] / (n + 2)²
INLINE vf mishSlope(vf x) {
  vf c = minimum(splat(20.0f), x);
  vf e = exponential(c);
  vf n = e * (e + 2.0f);
  vf r = reciprocal(n + 2.0f);
  vf slope = (n + 4.0f * c * e * (e + 1.0f) * r) * r;
  return x != x ? x : slope;
}

/// Both at once: they share the exponential.
INLINE vf mishAndSlope(vf x, vf& slope) {
  const vf c = minimum(x, splat(20.0f)), e = quickExponential(c);
  const vf n = e * (e + 2.0f), r = reciprocal(n + 2.0f);
  slope = (n + 4.0f * c * fma(e, e, e) * r) * r;
  return x * (n * r);
}

enum Activation { LINEAR, RELU, MISH, SILU, TANH };

template <int A>
INLINE vf activate(vf x) {
  if (A == RELU) return x < 0.0f ? vf{} : x;
  if (A == MISH) return mish(x);
  if (A == SILU) return x * sigmoid(x);
  if (A == TANH) return hyperbolicTangent(x);
  return x;
}

/// The activation's derivative from z = its argument, or (relu, tanh) from its result.
template <int A>
INLINE vf slope(vf z) {
  if (A == RELU) return z > 0.0f ? splat(1.0f) : vf{};
  if (A == MISH) return mishSlope(z);
  if (A == TANH) return 1.0f - z * z;
  if (A == SILU) {
    vf s = sigmoid(z);
    return s * (1.0f + z * (1.0f - s));
  }
  return splat(1.0f);
}

INLINE float sumLanes(vf x) {
  float s = 0;
  for (int i = 0; i < W; i++) s += x[i];
  return s;
}

/// Four rows of four floats to their transpose.
INLINE void transpose4(const float* from, ptrdiff_t ld, float* to, ptrdiff_t ldTo) {
  typedef float q __attribute__((vector_size(16)));
  typedef float qu __attribute__((vector_size(16), aligned(4), may_alias));
  q a = *(const qu*)from, b = *(const qu*)(from + ld), c = *(const qu*)(from + 2 * ld), d = *(const qu*)(from + 3 * ld);
  q ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  q cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  *(qu*)to = __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5);
  *(qu*)(to + ldTo) = __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7);
  *(qu*)(to + 2 * ldTo) = __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5);
  *(qu*)(to + 3 * ldTo) = __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7);
}

/// What a job must cost, in multiply-adds or as much time, to be worth another thread: some ten microseconds. And what it
/// costs to move a number, or to compute an elementary function of it.
constexpr double WORTHWHILE = 1e6, MOVE = 20, COMPUTE = 60;

/// `parallelFor` with a closure, on the calling thread alone where `cost` is small.
template <class F>
inline void parallel(int count, double cost, F&& f) {
  if (cost < WORTHWHILE) {
    for (int i = 0; i < count; i++) f(i, 0);
    return;
  }
  parallelFor(
      count, [](void* context, int task, int worker) { (*static_cast<F*>(context))(task, worker); },
      const_cast<void*>(static_cast<const void*>(&f)));
}

}  // namespace
}  // namespace agent
