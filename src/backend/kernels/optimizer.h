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
  vf squares = {};  // lanes in float32 over a chunk, 256 vectors at most of the widest; then float64
  for (int i = 0; i < count; i += W) {
    const vf a = loadSome(x + i, count - i);
    squares = squares + a * a;
  }
  double sum = 0;
  for (int l = 0; l < W; l++) sum += squares[l];
  return sum;
}

/// Numbers of how far ahead memory is asked for where several arrays are walked at once: moments were last used a whole
/// update ago, and the processor by itself does not look beyond a page.
constexpr int AHEAD = 256;

/// x, or 0 where it is below the normal numbers: the moments of a weight without gradients would decay to these and stay,
/// and each operation on one costs as much as a hundred others.
INLINE vf normalOrZero(vf x) { return floats(bits(x) & 0x7fffffff) < 1.17549435e-38f ? vf{} : x; }

struct Rates {
  float rate, beta1, beta2, other1, other2, epsilon, root, keep, scale;
};

/// One step on some consecutive numbers; returns the sum of the gradient's squares.
static double adamChunk(float* theta, const float* gradient, float* m, float* v, int count, const Rates& r) {
  vf squares = {};
  for (int i = 0; i < count; i += W) {
    __builtin_prefetch(m + i + AHEAD, 1);
    __builtin_prefetch(v + i + AHEAD, 1);
    __builtin_prefetch(theta + i + AHEAD, 1);
    __builtin_prefetch(gradient + i + AHEAD, 0);
    const int left = count - i;
    const vf raw = loadSome(gradient + i, left), g = raw * r.scale;
    squares = squares + raw * raw;
    const vf mi = normalOrZero(r.beta1 * loadSome(m + i, left) + r.other1 * g);
    const vf vi = normalOrZero(r.beta2 * loadSome(v + i, left) + r.other2 * (g * g));
    storeSome(m + i, mi, left);
    storeSome(v + i, vi, left);
    storeSome(theta + i, r.keep * loadSome(theta + i, left) - r.rate * mi / (squareRoot(vi) * r.root + r.epsilon), left);
  }
  double sum = 0;
  for (int l = 0; l < W; l++) sum += squares[l];
  return sum;
}

/// ints: tensors, then the size of each. buffers: for each tensor parameter, gradient, m, v.
/// reals: learningRate/correction1, beta1, beta2, epsilon, 1/correction2, 1 − decay, clipNorm (≤ 0: none).
/// Returns the norm of all gradients before clipping.
static double adam(void** p, const int32_t* n, const double* r) {
  const int tensors = n[0], count = chunksOf(n + 1, tensors);
  const Chunk* chunks = chunkList(n + 1, tensors);
  double* partial = (double*)workspace(8 * (count + 1));
  const double cost = 3 * MOVE * CHUNK * count;
  const auto norm = [=] {
    double sum = 0;
    for (int i = 0; i < count; i++) sum += partial[i];
    return __builtin_sqrt(sum);
  };
  Rates rates = {(float)r[0], (float)r[1], (float)r[2], (float)(1 - r[1]), (float)(1 - r[2]), (float)r[3], (float)r[4], (float)r[5], 1};
  if (r[6] > 0) {
    parallel(count, cost, [&](int task, int) {
      const Chunk c = chunks[task];
      partial[task] = squaredNorm((const float*)p[4 * c.tensor + 1] + c.begin, c.count);
    });
    const double wanted = r[6] / (norm() + 1e-6);
    rates.scale = wanted > 1 ? 1.0f : (float)wanted;  // a NaN stays one and is noticed
  }
  parallel(count, cost, [&](int task, int) {
    const Chunk c = chunks[task];
    float** own = (float**)p + 4 * c.tensor;
    partial[task] = adamChunk(own[0] + c.begin, own[1] + c.begin, own[2] + c.begin, own[3] + c.begin, c.count, rates);
  });
  return norm();
}

/// ints: tensors, then the size of each. buffers: for each tensor target, online. reals: tau, 1 − tau.
static double polyak(void** p, const int32_t* n, const double* r) {
  const int tensors = n[0];
  const Chunk* chunks = chunkList(n + 1, tensors);
  parallel(chunksOf(n + 1, tensors), MOVE * CHUNK * chunksOf(n + 1, tensors), [&](int task, int) {
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
