// y = activation(x W + b) and its gradients.
#pragma once
#include "matmul.h"

namespace agent {
namespace {

/// ints: batch, M, N, K, transposeA, transposeB, strideA, strideB (0 repeats the matrix), activation.
/// buffers: a, b, c, bias or null.
static double matMul(void** p, const int32_t* n, const double*) {
  const int batch = n[0], M = n[1], N = n[2], K = n[3];
  const bool ta = n[4], tb = n[5];
  Finish f;
  f.columnAdd = (const float*)p[3];
  f.activation = n[8];
  const ptrdiff_t rs = ta ? 1 : K, cs = ta ? M : 1;
  for (int i = 0; i < batch; i++) {
    const float* a = (const float*)p[0] + (size_t)i * n[6];
    const float* b = (const float*)p[1] + (size_t)i * n[7];
    float* c = (float*)p[2] + (size_t)i * M * N;
    if (M <= 8 && !ta && !tb) {
      smallProduct(M, N, K, a, K, b, N, c, N, f);
    } else {
      product(M, N, K, a, rs, cs, pack(b, tb ? K : N, tb, K, N), c, N, f);
      resetWorkspace();
    }
  }
  return 0;
}

/// ints: batch, in, out, activation. buffers: x, weight, bias, y, z or null.
static double denseForward(void** p, const int32_t* n, const double*) {
  const int B = n[0], in = n[1], out = n[2];
  Finish f;
  f.columnAdd = (const float*)p[2];
  f.activation = n[3];
  f.z = (float*)p[4];
  f.zStride = out;
  const float *x = (const float*)p[0], *w = (const float*)p[1];
  if (B <= 8) {
    smallProduct(B, out, in, x, in, w, out, (float*)p[3], out, f);
  } else {
    product(B, out, in, x, in, 1, pack(w, out, false, in, out), (float*)p[3], out, f);
  }
  return 0;
}

template <int A>
static void slopeRows(const float* dy, const float* z, float* dz, int count) {
  int i = 0;
  for (; i + W <= count; i += W) store(dz + i, load(dy + i) * slope<A>(load(z + i)));
  if (i < count) storePart(dz + i, loadPart(dy + i, count - i) * slope<A>(loadPart(z + i, count - i)), count - i);
}

static void timesSlope(int activation, const float* dy, const float* z, float* dz, int count) {
  switch (activation) {
    case RELU: return slopeRows<RELU>(dy, z, dz, count);
    case MISH: return slopeRows<MISH>(dy, z, dz, count);
    case SILU: return slopeRows<SILU>(dy, z, dz, count);
    case TANH: return slopeRows<TANH>(dy, z, dz, count);
  }
}

/// Rows of dz that one task prepares for the gradients of a layer.
constexpr int GRADIENT_ROWS = 64;

/// Of rows row … row+count−1 of dz [B, out], which begin at `dz`: copies to the panels of xᵀ · dz, and column sums.
static void gradientRows(const float* dz, int B, int out, int row, int count, float* packed, float* sums) {
  for (int n0 = 0; n0 < out; n0 += NR) {
    const int n = minimum(NR, out - n0);
    float* to = packed + (size_t)n0 * B + (size_t)row * NR;
    vf s[NV] = {};
    for (int i = 0; i < count; i++, to += NR) {
      const float* from = dz + (size_t)i * out + n0;
      for (int v = 0; v < NV; v++) {
        const int left = n - v * W;
        const vf x = left >= W ? load(from + v * W) : left > 0 ? loadPart(from + v * W, left) : vf{};
        store(to + v * W, x);
        s[v] = s[v] + x;
      }
    }
    for (int v = 0; v < NV && v * W < n; v++)
      if (n - v * W >= W)
        store(sums + n0 + v * W, s[v]);
      else
        storePart(sums + n0 + v * W, s[v], n - v * W);
  }
}

/// Adds up the rows of `parts` [count, out] in float64, in their order; a row begins every `stride` floats.
static void addParts(const float* parts, int count, int stride, int out, float* to) {
  constexpr int BLOCK = 64;
  for (int j0 = 0; j0 < out; j0 += BLOCK) {
    const int n = minimum(BLOCK, out - j0);
    double sums[BLOCK] = {};
    for (int i = 0; i < count; i++)
      for (int j = 0; j < n; j++) sums[j] += parts[(size_t)i * stride + j0 + j];
    for (int j = 0; j < n; j++) to[j0 + j] = (float)sums[j];
  }
}

/// ints: batch, in, out, activation. buffers: x, saved (the argument for mish and silu, the result for relu and tanh, null
/// for linear), dy, dz (out; null for linear, where it is dy), dWeight, dBias. The gradient of x is dz · Wᵀ.
static double denseBackward(void** p, const int32_t* n, const double*) {
  const int B = n[0], in = n[1], out = n[2], activation = n[3];
  const float *x = (const float*)p[0], *saved = (const float*)p[1], *dy = (const float*)p[2];
  float *own = (float*)p[3], *dw = (float*)p[4], *db = (float*)p[5];
  const float* dz = own ? own : dy;
  const int blocks = ceilDiv(B, GRADIENT_ROWS);
  float* packed = (float*)workspace(4 * packedSize(B, out));
  float* sums = (float*)workspace(4 * (size_t)blocks * out);
  parallel(blocks, COMPUTE * B * out, [&](int task, int) {
    const int row = task * GRADIENT_ROWS, count = minimum(GRADIENT_ROWS, B - row);
    const size_t at = (size_t)row * out;
    if (own) timesSlope(activation, dy + at, saved + at, own + at, count * out);
    gradientRows(dz + at, B, out, row, count, packed, sums + (size_t)task * out);
  });
  addParts(sums, blocks, out, out, db);
  product(in, out, B, x, 1, in, packed, dw, out, Finish());
  return 0;
}

}  // namespace
}  // namespace agent
