// Counter-based noise: Philox4x32-10 and Box–Muller in float32, whose every operation is rounded on its own (compiled
// with -ffp-contract=off), so that TypeScript, the add-on and WASM give the same bits. random/fill.ts is the same text.
#pragma once
#include "kernels.h"
#include "vector.h"

namespace agent {
namespace {

constexpr int LANES = 16;  // blocks computed side by side
struct Words {
  uint32_t w[4][LANES];
};

#if defined(__AVX512F__)
/// x[l] · m of every lane, its low and its high half. Compilers multiply words of 64 bits here, which is slower.
INLINE void multiply(__m512i x, uint32_t m, __m512i& low, __m512i& high) {
  const __m512i factor = _mm512_set1_epi64(m);
  const __m512i even = _mm512_mul_epu32(x, factor), odd = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), factor);
  low = _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
  high = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
}
#endif

/// Words of blocks counter … counter+LANES−1.
static void philox(uint32_t k0, uint32_t k1, uint64_t counter, Words& out) {
  uint32_t *a = out.w[0], *b = out.w[1], *c = out.w[2], *d = out.w[3];
  for (int l = 0; l < LANES; l++) {
    a[l] = (uint32_t)(counter + l);
    b[l] = (uint32_t)((counter + l) >> 32);
    c[l] = d[l] = 0;
  }
#if defined(__AVX512F__)
  static_assert(LANES == 16, "a vector");
  __m512i va = _mm512_loadu_si512(a), vb = _mm512_loadu_si512(b), vc = {}, vd = {};
#pragma GCC unroll 10
  for (int round = 0; round < 10; round++) {
    __m512i pl, ph, ql, qh;
    multiply(va, 0xd2511f53u, pl, ph);
    multiply(vc, 0xcd9e8d57u, ql, qh);
    va = qh ^ vb ^ _mm512_set1_epi32((int)k0);
    vb = ql;
    vc = ph ^ vd ^ _mm512_set1_epi32((int)k1);
    vd = pl;
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  _mm512_storeu_si512(a, va);
  _mm512_storeu_si512(b, vb);
  _mm512_storeu_si512(c, vc);
  _mm512_storeu_si512(d, vd);
#else
  for (int round = 0; round < 10; round++) {
    for (int l = 0; l < LANES; l++) {
      const uint64_t p = (uint64_t)0xd2511f53u * a[l], q = (uint64_t)0xcd9e8d57u * c[l];
      a[l] = (uint32_t)(q >> 32) ^ b[l] ^ k0;
      b[l] = (uint32_t)q;
      c[l] = (uint32_t)(p >> 32) ^ d[l] ^ k1;
      d[l] = (uint32_t)p;
    }
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
#endif
}

/// Two words to two normals: r = √(−2 ln u), u ∈ (0, 1] from 31 bits; angle: two bits of quadrant, thirty within it.
static void boxMuller(const uint32_t* first, const uint32_t* second, float* z0, float* z1) {
  for (int l = 0; l < LANES; l++) {
    const float u = (float)(int32_t)(first[l] >> 1) * 4.656612873077393e-10f + 2.3283064365386963e-10f;
    union {
      float f;
      int32_t i;
    } x = {u}, m;
    const int32_t e = (x.i - 0x3f3504f3) >> 23;  // u = m · 2^e, m ∈ [√½, √2)
    m.i = x.i - (int32_t)((uint32_t)e << 23);
    const float f = m.f - 1.0f, s = f * f;
    float p = -0.07902743771f;
    p = p * f + 0.1262231985f;
    p = p * f + -0.1299818376f;
    p = p * f + 0.1421449592f;
    p = p * f + -0.1664128146f;
    p = p * f + 0.2000104509f;
    p = p * f + -0.2500030642f;
    p = p * f + 0.3333333073f;
    const float log = (float)e * 0.6931471805599453f + (f - (s * 0.5f - s * (f * p)));
    const float n = -2.0f * log;
    const float radius = __builtin_sqrtf(n > 0.0f ? n : 0.0f);
    const uint32_t w = second[l], quadrant = w >> 30;
    const float t = (float)(int32_t)(w & 0x3fffffffu) * 9.313225746154785e-10f - 0.5f;  // angle π/2 · t
    const float tt = t * t;
    float sn = 1.582062990e-4f;
    sn = sn * tt + -4.681266255e-3f;
    sn = sn * tt + 7.969258273e-2f;
    sn = sn * tt + -0.6459640961f;
    sn = sn * tt + 1.570796327f;
    sn = sn * t;
    float cs = 9.036280671e-4f;
    cs = cs * tt + -2.086006950e-2f;
    cs = cs * tt + 0.2536692037f;
    cs = cs * tt + -1.233700541f;
    cs = cs * tt + 1.0f;
    const float a = quadrant & 1 ? sn : cs, b = quadrant & 1 ? cs : sn;
    z0[l] = radius * ((quadrant == 1) | (quadrant == 2) ? -a : a);
    z1[l] = radius * (quadrant >= 2 ? -b : b);
  }
}

/// Number k of block l goes to 4l + k, the first `count` of them.
static void interleave(const float z[4][LANES], float* out, int count) {
  if (count == 4 * LANES) {
    for (int l = 0; l < LANES; l += 4) transpose4(z[0] + l, LANES, out + 4 * l, 4);
    return;
  }
  for (int i = 0; i < count; i++) out[i] = z[i & 3][i >> 2];
}

template <class F>
static void fill(const double* reals, int count, F&& block) {
  const uint32_t k0 = (uint32_t)reals[0], k1 = (uint32_t)reals[1];
  const uint64_t counter = (uint64_t)reals[2];
  const int perTask = 64 * 4 * LANES;
  parallel(ceilDiv(count, perTask), 2 * COMPUTE * count, [&](int task, int) {
    const int end = minimum(count, (task + 1) * perTask);
    for (int at = task * perTask; at < end; at += 4 * LANES) {
      Words words;
      philox(k0, k1, counter + at / 4, words);
      block(words, at, minimum(4 * LANES, end - at));
    }
  });
}

/// ints: count. buffers: out. reals: key low, key high, counter. Element i comes from block counter + ⌊i/4⌋.
static double normal(void** p, const int32_t* n, const double* reals) {
  float* out = (float*)p[0];
  fill(reals, n[0], [=](const Words& words, int at, int count) {
    float z[4][LANES];
    boxMuller(words.w[0], words.w[1], z[0], z[1]);
    boxMuller(words.w[2], words.w[3], z[2], z[3]);
    interleave(z, out + at, count);
  });
  return 0;
}

/// As `normal`; reals also: low, high − low. Element = low + (high − low) · 24 bits.
static double uniform(void** p, const int32_t* n, const double* reals) {
  float* out = (float*)p[0];
  const float low = (float)reals[3], width = (float)reals[4];
  fill(reals, n[0], [=](const Words& words, int at, int count) {
    float x[4][LANES];
    for (int k = 0; k < 4; k++)
      for (int l = 0; l < LANES; l++) x[k][l] = low + width * ((float)(int32_t)(words.w[k][l] >> 8) * 5.9604644775390625e-8f);
    interleave(x, out + at, count);
  });
  return 0;
}

/// As `normal`; reals also: bound ≤ 2³². Element = ⌊word · bound / 2³²⌋.
static double integers(void** p, const int32_t* n, const double* reals) {
  int32_t* out = (int32_t*)p[0];
  const uint64_t bound = (uint64_t)reals[3];
  fill(reals, n[0], [=](const Words& words, int at, int count) {
    for (int i = 0; i < count; i++) out[at + i] = (int32_t)((words.w[i & 3][i >> 2] * bound) >> 32);
  });
  return 0;
}

}  // namespace
}  // namespace agent
