// Adam with global-norm clipping, and Polyak averaging, over all tensors in one call.
#pragma once
#include "kernels.h"
#include "vector.h"

namespace agent {
namespace {

constexpr int CHUNK = 4096;  // elements of one task: fixed, so that the order of every sum is

static int chunksOf(const int32_t* sizes, int tensors) {
  int count = 0;
  for (int i = 0; i < tensors; i++) count += ceilDiv(sizes[i], CHUNK);
  return count;
}

struct Chunk {
  int tensor, begin, count;
};

static Chunk* chunkList(const int32_t* sizes, int tensors) {
  Chunk* list = (Chunk*)workspace(sizeof(Chunk) * (chunksOf(sizes, tensors) + 1));
  int n = 0;
  for (int i = 0; i < tensors; i++)
    for (int at = 0; at < sizes[i]; at += CHUNK) list[n++] = {i, at, minimum(CHUNK, sizes[i] - at)};
  return list;
}

static double squaredNorm(const float* x, int count) {
  double total = 0;
  int i = 0;
  while (i + W <= count) {  // lanes in float32 over 256 vectors at most, then float64
    vf s = {};
    for (int end = minimum(count - W, i + 255 * W); i <= end; i += W) s = s + load(x + i) * load(x + i);
    for (int l = 0; l < W; l++) total += s[l];
  }
  for (; i < count; i++) total += (double)x[i] * x[i];
  return total;
}

/// ints: tensors, then the size of each. buffers: for each tensor parameter, gradient, m, v.
/// reals: learningRate/correction1, beta1, beta2, epsilon, 1/correction2, 1 − decay, clipNorm (≤ 0: none).
/// Returns the norm of all gradients before clipping.
static double adam(void** p, const int32_t* n, const double* r) {
  const int tensors = n[0], count = chunksOf(n + 1, tensors);
  const Chunk* chunks = chunkList(n + 1, tensors);
  double* partial = (double*)workspace(8 * (count + 1));
  parallel(count, [&](int task, int) {
    const Chunk c = chunks[task];
    partial[task] = squaredNorm((const float*)p[4 * c.tensor + 1] + c.begin, c.count);
  });
  double sum = 0;
  for (int i = 0; i < count; i++) sum += partial[i];
  const double norm = __builtin_sqrt(sum), wanted = r[6] > 0 ? r[6] / (norm + 1e-6) : 1;
  const float scale = wanted > 1 ? 1.0f : (float)wanted;  // a NaN stays one and is noticed
  parallel(count, [&](int task, int) {
    const Chunk c = chunks[task];
    float* theta = (float*)p[4 * c.tensor] + c.begin;
    const float* gradient = (const float*)p[4 * c.tensor + 1] + c.begin;
    float *m = (float*)p[4 * c.tensor + 2] + c.begin, *v = (float*)p[4 * c.tensor + 3] + c.begin;
    const float rate = (float)r[0], beta1 = (float)r[1], beta2 = (float)r[2], epsilon = (float)r[3];
    const float other1 = (float)(1 - r[1]), other2 = (float)(1 - r[2]), root = (float)r[4], keep = (float)r[5];
    for (int i = 0; i < c.count; i += W) {
      const int left = c.count - i;
      const bool full = left >= W;
      const vf g = (full ? load(gradient + i) : loadPart(gradient + i, left)) * scale;
      const vf mi = beta1 * (full ? load(m + i) : loadPart(m + i, left)) + other1 * g;
      const vf vi = beta2 * (full ? load(v + i) : loadPart(v + i, left)) + other2 * (g * g);
      const vf t = full ? load(theta + i) : loadPart(theta + i, left);
      const vf next = keep * t - rate * mi / (squareRoot(vi) * root + epsilon);
      if (full) {
        store(m + i, mi);
        store(v + i, vi);
        store(theta + i, next);
      } else {
        storePart(m + i, mi, left);
        storePart(v + i, vi, left);
        storePart(theta + i, next, left);
      }
    }
  });
  return norm;
}

/// ints: tensors, then the size of each. buffers: for each tensor target, online. reals: tau, 1 − tau.
static double polyak(void** p, const int32_t* n, const double* r) {
  const int tensors = n[0];
  const Chunk* chunks = chunkList(n + 1, tensors);
  parallel(chunksOf(n + 1, tensors), [&](int task, int) {
    const Chunk c = chunks[task];
    float* target = (float*)p[2 * c.tensor] + c.begin;
    const float* online = (const float*)p[2 * c.tensor + 1] + c.begin;
    const float tau = (float)r[0], other = (float)r[1];
    int i = 0;
    for (; i + W <= c.count; i += W) store(target + i, tau * load(online + i) + other * load(target + i));
    if (i < c.count) {
      const int left = c.count - i;
      storePart(target + i, tau * loadPart(online + i, left) + other * loadPart(target + i, left), left);
    }
  });
  return 0;
}

}  // namespace
}  // namespace agent
