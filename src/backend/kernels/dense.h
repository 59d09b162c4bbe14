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

/// Sums of columns n0 … n0+count−1, rows ascending.
static void columnSums(const float* x, int rows, int ld, int n0, int count, float* to) {
  int j = 0;
  for (; j + W <= count; j += W) {
    vf s[2] = {};  // two running sums: even and odd rows
    for (int i = 0; i < rows; i++) s[i & 1] = s[i & 1] + load(x + (size_t)i * ld + n0 + j);
    store(to + n0 + j, s[0] + s[1]);
  }
  for (; j < count; j++) {
    float s = 0;
    for (int i = 0; i < rows; i++) s += x[(size_t)i * ld + n0 + j];
    to[n0 + j] = s;
  }
}

/// ints: batch, in, out, activation. buffers: x, saved (the argument for mish and silu, the result for relu and tanh, null
/// for linear), dy, dz (out; null for linear, where it is dy), dWeight, dBias. The gradient of x is dz · Wᵀ.
static double denseBackward(void** p, const int32_t* n, const double*) {
  const int B = n[0], in = n[1], out = n[2], activation = n[3];
  const float *x = (const float*)p[0], *saved = (const float*)p[1], *dy = (const float*)p[2];
  float *own = (float*)p[3], *dw = (float*)p[4], *db = (float*)p[5];
  const float* dz = own ? own : dy;
  float* packed = (float*)workspace(4 * packedSize(B, out));
  const int rows = 32;
  if (own) {
    parallel(ceilDiv(B, rows), [&](int task, int) {
      const size_t at = (size_t)task * rows * out;
      timesSlope(activation, dy + at, saved + at, own + at, minimum(rows, B - task * rows) * out);
    });
  }
  const int panels = ceilDiv(out, NR), sums = ceilDiv(out, 4 * W);
  parallel(panels + sums, [&](int task, int) {
    if (task < panels)
      packPanel(dz, out, false, B, out, task, packed);
    else
      columnSums(dz, B, out, (task - panels) * 4 * W, minimum(4 * W, out - (task - panels) * 4 * W), db);
  });
  product(in, out, B, x, 1, in, packed, dw, out, Finish());
  return 0;
}

}  // namespace
}  // namespace agent
