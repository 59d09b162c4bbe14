// What algorithms put behind their networks: a squashed Gaussian, the lesser of two critics, squared errors.
#pragma once
#include "elementwise.h"

namespace agent {
namespace {

constexpr int HEAD_ROWS = 256;  // of one task

constexpr float HALF_LN_2PI = 0.918938533204672742f, SATURATION = 1e-6f;

/// a = tanh(μ + σξ) and ln π(a) = Σ −ξ²/2 − ln σ − ln √2π − ln(1 − a² + 10⁻⁶), with ln σ clipped.
/// ints: rows, actDim. reals: bounds of ln σ. buffers: heads [rows, μ and ln σ], ξ, a, ln π.
static double squashedForward(void** p, const int32_t* n, const double* r) {
  const int rows = n[0], A = n[1];
  const float low = (float)r[0], high = (float)r[1];
  parallel(ceilDiv(rows, HEAD_ROWS), 4 * COMPUTE * rows * A, [=](int task, int) {
    for (int i = task * HEAD_ROWS, end = minimum(rows, i + HEAD_ROWS); i < end; i++) {
      const float *head = (const float*)p[0] + (size_t)i * 2 * A, *xi = (const float*)p[1] + (size_t)i * A;
      float* a = (float*)p[2] + (size_t)i * A;
      float total = 0;
      for (int j = 0; j < A; j += W) {
        const int left = A - j;
        const vf x = loadSome(xi + j, left);
        const vf l = unaryOf<CLIP>(loadSome(head + A + j, left), low, high);
        const vf y = hyperbolicTangent(loadSome(head + j, left) + unaryOf<EXP>(l, 0, 0) * x);
        storeSome(a + j, y, left);
        const vf log = x * x * -0.5f - (l + HALF_LN_2PI) - logarithm((1.0f + SATURATION) - y * y);
        for (int k = 0; k < minimum(left, W); k++) total += log[k];
      }
      ((float*)p[3])[i] = total;
    }
  });
  return 0;
}

/// ints, reals: as before. buffers: heads, ξ, a, da, dln π [rows], dheads.
static double squashedBackward(void** p, const int32_t* n, const double* r) {
  const int rows = n[0], A = n[1];
  const float low = (float)r[0], high = (float)r[1];
  parallel(ceilDiv(rows, HEAD_ROWS), 4 * COMPUTE * rows * A, [=](int task, int) {
    for (int i = task * HEAD_ROWS, end = minimum(rows, i + HEAD_ROWS); i < end; i++) {
      const float *head = (const float*)p[0] + (size_t)i * 2 * A, *xi = (const float*)p[1] + (size_t)i * A;
      const float *a = (const float*)p[2] + (size_t)i * A, *da = (const float*)p[3] + (size_t)i * A;
      float* dhead = (float*)p[5] + (size_t)i * 2 * A;
      const float dLog = ((const float*)p[4])[i];
      for (int j = 0; j < A; j += W) {
        const int left = A - j;
        const vf x = loadSome(xi + j, left), raw = loadSome(head + A + j, left), y = loadSome(a + j, left);
        const vf sigma = unaryOf<EXP>(unaryOf<CLIP>(raw, low, high), 0, 0), rest = 1.0f - y * y;
        const vf du = (loadSome(da + j, left) + dLog * (2.0f * y / (rest + SATURATION))) * rest;
        const vf dl = du * sigma * x - dLog;
        storeSome(dhead + j, du, left);
        storeSome(dhead + A + j, raw > high ? vf{} : raw < low ? vf{} : dl, left);
      }
    }
  });
  return 0;
}

/// The gradients of min(a, b), a where they are equal. ints: count. buffers: a, b, dy, da, db.
static double leastBackward(void** p, const int32_t* n, const double*) {
  for (int i = 0; i < n[0]; i += W) {
    const int left = n[0] - i;
    const vf a = loadSome((const float*)p[0] + i, left), b = loadSome((const float*)p[1] + i, left);
    const vf dy = loadSome((const float*)p[2] + i, left);
    storeSome((float*)p[3] + i, a <= b ? dy : vf{}, left);
    storeSome((float*)p[4] + i, a <= b ? vf{} : dy, left);
  }
  return 0;
}

/// clip(a + clip(σξ, −c, c), −1, 1). ints: count. reals: σ, c. buffers: a, ξ, out.
static double perturb(void** p, const int32_t* n, const double* r) {
  const float deviation = (float)r[0], limit = (float)r[1];
  for (int i = 0; i < n[0]; i += W) {
    const int left = n[0] - i;
    const vf noise = unaryOf<CLIP>(deviation * loadSome((const float*)p[1] + i, left), -limit, limit);
    storeSome((float*)p[2] + i, unaryOf<CLIP>(loadSome((const float*)p[0] + i, left) + noise, -1.0f, 1.0f), left);
  }
  return 0;
}

/// The least of `count` arrays at i … i+W−1.
INLINE vf leastOf(void** arrays, int count, int i, int left) {
  vf least = loadSome((const float*)arrays[0] + i, left);
  for (int k = 1; k < count; k++) least = binaryOf<MIN>(least, loadSome((const float*)arrays[k] + i, left));
  return least;
}

/// y = r + γ (1 − terminated) (min_k v_k − α ln π). ints: values, count. reals: γ.
/// buffers: r, terminated, α (one number) and ln π, or null both, y, then each v.
static double bootstrap(void** p, const int32_t* n, const double* r) {
  const float discount = (float)r[0], alpha = p[2] ? *(const float*)p[2] : 0;
  for (int i = 0; i < n[1]; i += W) {
    const int left = n[1] - i;
    vf v = leastOf(p + 5, n[0], i, left);
    if (p[3]) v = v - alpha * loadSome((const float*)p[3] + i, left);
    const vf go = (1.0f - loadSome((const float*)p[1] + i, left)) * discount;
    storeSome((float*)p[4] + i, loadSome((const float*)p[0] + i, left) + go * v, left);
  }
  return 0;
}

/// mean (α ln π − min_k q_k). ints: values, count. buffers: α and ln π, or null both, result (one number), then each q.
static double softObjective(void** p, const int32_t* n, const double*) {
  const float alpha = p[0] ? *(const float*)p[0] : 0;
  double sum = 0;
  for (int i = 0; i < n[1]; i += W) {
    const int left = n[1] - i;
    vf x = -leastOf(p + 3, n[0], i, left);
    if (p[1]) x = x + alpha * loadSome((const float*)p[1] + i, left);
    for (int l = 0; l < minimum(W, left); l++) sum += x[l];
  }
  *(float*)p[2] = (float)(sum / n[1]);
  return 0;
}

/// Its gradients; where values are equal the first has it. ints: as before. buffers: α or null, dresult, dln π or null, then
/// each q and dq.
static double softObjectiveBackward(void** p, const int32_t* n, const double*) {
  const float dy = *(const float*)p[1] / (float)n[1];
  for (int i = 0; i < n[1]; i += W) {
    const int left = n[1] - i;
    if (p[2]) storeSome((float*)p[2] + i, splat(dy * *(const float*)p[0]), left);
    for (int k = 0; k < n[0]; k++) {
      const vf q = loadSome((const float*)p[3 + 2 * k] + i, left);
      vf own = splat(-dy);
      for (int other = 0; other < n[0]; other++) {
        const vf rival = loadSome((const float*)p[3 + 2 * other] + i, left);
        own = (other < k ? q < rival : q <= rival) ? own : vf{};
      }
      storeSome((float*)p[4 + 2 * k] + i, own, left);
    }
  }
  return 0;
}

/// Σ_i mean (q_i − y)², mean q_1, mean |q_1 − q_2| (0 without). ints: predictions, count. buffers: y, the three results (one
/// number each), then each q.
static double squaredErrors(void** p, const int32_t* n, const double*) {
  const float* y = (const float*)p[0];
  double total = 0, mean = 0, apart = 0;
  for (int k = 0; k < n[0]; k++) {
    const float *q = (const float*)p[4 + k], *first = (const float*)p[4];
    double sum = 0;
    for (int i = 0; i < n[1]; i += W) {
      const int left = n[1] - i;
      const vf at = loadSome(q + i, left), d = at - loadSome(y + i, left);
      sum += sumLanes(d * d);
      if (k == 0) mean += sumLanes(at);
      if (k == 1) apart += sumLanes(unaryOf<ABS>(loadSome(first + i, left) - at, 0, 0));
    }
    total += sum / n[1];
  }
  *(float*)p[1] = (float)total;
  *(float*)p[2] = (float)(mean / n[1]);
  *(float*)p[3] = (float)(apart / n[1]);
  return 0;
}

/// |τ − 1[u < 0]|
INLINE vf expectileWeight(vf u, float expectile) { return u < 0.0f ? splat(1.0f - expectile) : splat(expectile); }

/// mean |τ − 1[u < 0]| u², u = q − v, and mean v. ints: count. reals: τ. buffers: q, v, the two results (one number each).
static double expectileError(void** p, const int32_t* n, const double* r) {
  double sum = 0, mean = 0;
  for (int i = 0; i < n[0]; i += W) {
    const int left = n[0] - i;
    const vf v = loadSome((const float*)p[1] + i, left), u = loadSome((const float*)p[0] + i, left) - v;
    sum += sumLanes(expectileWeight(u, (float)r[0]) * (u * u));
    mean += sumLanes(v);
  }
  *(float*)p[2] = (float)(sum / n[0]);
  *(float*)p[3] = (float)(mean / n[0]);
  return 0;
}

/// dv. ints, reals: as before. buffers: q, v, dloss (one number), dv.
static double expectileErrorBackward(void** p, const int32_t* n, const double* r) {
  const float scale = -2.0f * *(const float*)p[2] / (float)n[0];
  for (int i = 0; i < n[0]; i += W) {
    const int left = n[0] - i;
    const vf u = loadSome((const float*)p[0] + i, left) - loadSome((const float*)p[1] + i, left);
    storeSome((float*)p[3] + i, expectileWeight(u, (float)r[0]) * u * scale, left);
  }
  return 0;
}

/// dq_i = 2 (q_i − y) / count · dloss. ints: predictions, count. buffers: y, dloss, then each q and dq.
static double squaredErrorsBackward(void** p, const int32_t* n, const double*) {
  const float *y = (const float*)p[0], scale = 2.0f * ((const float*)p[1])[0] / (float)n[1];
  for (int k = 0; k < n[0]; k++) {
    const float* q = (const float*)p[2 + 2 * k];
    float* dq = (float*)p[3 + 2 * k];
    for (int i = 0; i < n[1]; i += W) {
      const int left = n[1] - i;
      storeSome(dq + i, (loadSome(q + i, left) - loadSome(y + i, left)) * scale, left);
    }
  }
  return 0;
}

}  // namespace
}  // namespace agent
