// The whole sampling chain of a diffusion policy, and the forward pass of a small network, row tile by row tile: the
// activations of a tile never leave the cache, and nothing is stored for a gradient.
#pragma once
#include "matmul.h"

namespace agent {
namespace {

/// Multiply-adds of a row through layers of these sizes.
static double rowCost(int layers, const int32_t* sizes) {
  double total = 0;
  for (int l = 0; l < layers; l++) total += (double)sizes[l] * sizes[l + 1];
  return total;
}

struct Layers {
  int count, activation, last;   // activation of the hidden layers; of the last
  const int32_t* sizes;          // count + 1 of them
  const float* const* weights;  // packed, or as given; the first without the rows shared by a state
  int mode;
  const float* const* biases;
};

/// How a tile reads weights: many rows by panels, or in place; few rows by wide panels, or in place.
enum Mode { MANY, MANY_IN_PLACE, FEW_PACKED, FEW_IN_PLACE };

/// One layer on the rows of a tile.
static void tileLayer(int mode, int rows, int in, int out, const float* x, int ldx, const float* weight, float* y,
                      int ldy, const Finish& f) {
  if (mode == MANY || mode == MANY_IN_PLACE)
    productBlock(0, rows, 0, ceilDiv(out, NR), out, in, x, ldx, 1,
                 mode == MANY ? copies(weight, in) : columns(weight, out), y, ldy, f);
  else
    smallProduct(rows, out, in, x, ldx, weight, out, y, ldy, f, mode == FEW_PACKED);
}

/// Layers 1 … count−1 (the first has been applied): from `h`, with `other` as the second buffer; the result is returned.
static float* tileLayers(int rows, const Layers& net, float* h, float* other, int width) {
  for (int l = 1; l < net.count; l++) {
    Finish f;
    f.columnAdd = net.biases[l];
    f.activation = l + 1 < net.count ? net.activation : net.last;
    tileLayer(net.mode, rows, net.sizes[l], net.sizes[l + 1], h, width, net.weights[l], other, width, f);
    float* t = h;
    h = other;
    other = t;
  }
  return h;
}

/// Rows up to which a product is one of few; `backend/few.ts` has the same number.
constexpr int FEW_ROWS = 8;

/// Rows of a tile. Where there are few (acting), four, or as many as leave each thread a tile: rows share the reads of a
/// weight, which comes from the second-level cache, so fewer than four to a thread gain nothing.
/// A row's numbers do not depend on it: each output has one accumulator, in the order of k.
INLINE int tileRows(int rows) {
  if (rows <= FEW_ROWS) return minimum(rows, maximum(4, ceilDiv(rows, workerCount())));
  return rows <= 64 * MR ? MR : MAX_ROWS;
}

/// rowAdd for tile rows that belong to states row % states: copied, as a tile may wrap around.
static void gatherStateRows(const float* perState, int states, int width, int row, int rows, float* to) {
  for (int i = 0; i < rows; i++)
    __builtin_memcpy(to + (size_t)i * width, perState + (size_t)((row + i) % states) * width, 4 * (size_t)width);
}

/// The layers of a network given as weight, bias of each layer. The first layer's weight is `first`, `firstRows` of its
/// rows; those of the others come packed if there are few rows.
static Layers layersOf(int rows, int count, int activation, const int32_t* sizes, void** weightBias, const float* first,
                       int firstRows) {
  const int mode = rows > FEW_ROWS ? MANY : FEW_PACKED;
  const float** weights = (const float**)workspace(sizeof(float*) * count);
  const float** biases = (const float**)workspace(sizeof(float*) * count);
  for (int l = 0; l < count; l++) {
    const float* w = l ? (const float*)weightBias[2 * l] : first;
    const int in = l ? sizes[l] : firstRows, n = sizes[l + 1];
    weights[l] = mode == MANY ? pack(w, n, false, in, n) : l ? w : packFew(w, in, n);
    biases[l] = (const float*)weightBias[2 * l + 1];
  }
  return {count, activation, LINEAR, sizes, weights, mode, biases};
}

/// Width of a tile's buffers: off the power of two, so that rows do not share cache sets.
INLINE int tileWidth(int layers, const int32_t* sizes) {
  int width = NR;
  for (int l = 1; l <= layers; l++) width = maximum(width, sizes[l]);
  return ceilDiv(width, W) * W + W;
}

static float* smallOrPacked(int M, int N, int K, const float* a, const float* b, const float* bias) {
  float* c = (float*)workspace(4 * (size_t)M * N);
  Finish f;
  f.columnAdd = bias;
  if (M <= 8)
    smallProduct(M, N, K, a, K, b, N, c, N, f);
  else
    product(M, N, K, a, K, 1, pack(b, N, false, K, N), c, N, f);
  return c;
}

INLINE vf clip1(vf x) { return x > 1.0f ? splat(1.0f) : x < -1.0f ? splat(-1.0f) : x; }

/// One reverse step on `count` consecutive numbers of x: see `ChainCoefficients`.
static void reverseStep(float* x, const float* eps, const float* noise, int count, const float* c, bool last) {
  for (int i = 0; i < count; i += W) {
    const int left = count - i;
    const bool full = left >= W;
    const vf xi = full ? load(x + i) : loadPart(x + i, left), e = full ? load(eps + i) : loadPart(eps + i, left);
    const vf x0 = clip1(c[0] * xi - c[1] * e);
    vf next = c[2] * x0 + c[3] * xi;
    if (c[4] != 0) next = next + c[4] * (full ? load(noise + i) : loadPart(noise + i, left));
    if (last) next = clip1(next);
    if (full)
      store(x + i, next);
    else
      storePart(x + i, next, left);
  }
}

/// ints: layers, activation, states B, candidates K, actDim A, embedding E, obsDim S, calls T, then the layers' sizes.
/// buffers: out, initialNoise, stepNoise, observations, embeddings, coefficients, then weight, bias of each layer; of few
/// rows the weights behind the first as `packFew` leaves them.
static double denoise(void** p, const int32_t* n, const double*) {
  const int layers = n[0], B = n[2], K = n[3], A = n[4], E = n[5], S = n[6], T = n[7];
  const int32_t* sizes = n + 8;
  const int rows = B * K, H = sizes[1], tile = tileRows(rows), width = tileWidth(layers, sizes);
  float* out = (float*)p[0];
  const float *start = (const float*)p[1], *stepNoise = (const float*)p[2], *coefficients = (const float*)p[5];
  void** weightBias = p + 6;
  const float* first = (const float*)weightBias[0];
  // The first layer by parts: per state, per call, and the action's own.
  const float* perState = smallOrPacked(B, H, S, (const float*)p[3], first + (size_t)(A + E) * H, nullptr);
  const float* perCall = smallOrPacked(T, H, E, (const float*)p[4], first + (size_t)A * H, (const float*)weightBias[1]);
  const Layers net = layersOf(rows, layers, n[1], sizes, weightBias, first, A);
  const size_t perWorker = (size_t)tile * (2 * width + H + 2 * A) + 64;
  float* scratch = (float*)workspace(4 * perWorker * workerCount());
  parallel(ceilDiv(rows, tile), rowCost(layers, sizes) * rows * T, [&](int task, int worker) {
    const int row = task * tile, count = minimum(tile, rows - row);
    float *h = scratch + worker * perWorker, *other = h + (size_t)tile * width, *state = other + (size_t)tile * width;
    float *x = state + (size_t)tile * H, *eps = x + (size_t)tile * A;
    gatherStateRows(perState, B, H, row, count, state);
    __builtin_memcpy(x, start + (size_t)row * A, 4 * (size_t)count * A);
    for (int t = 0; t < T; t++) {
      Finish f;
      f.columnAdd = perCall + (size_t)t * H;
      f.rowAdd = state;
      f.rowAddStride = H;
      f.activation = layers > 1 ? net.activation : LINEAR;
      tileLayer(net.mode, count, A, H, x, A, net.weights[0], h, width, f);
      const float* e = tileLayers(count, net, h, other, width);
      for (int i = 0; i < count; i++)
        for (int j = 0; j < A; j++) eps[i * A + j] = e[(size_t)i * width + j];
      const float* noise = stepNoise ? stepNoise + ((size_t)t * rows + row) * A : nullptr;
      reverseStep(x, eps, noise, count * A, coefficients + 5 * t, t == T - 1);
    }
    __builtin_memcpy(out + (size_t)row * A, x, 4 * (size_t)count * A);
  });
  return 0;
}

/// The least result of some networks on [state, x] for K rows x of each of B states, no gradient: q [B, K]. The states'
/// part of layer 1 is computed once per state. ints: networks, layers, activation, B, K, A (columns of x), S (columns of
/// states), 0, then sizes, of which the last is 1. buffers: q, x [K·B, A], states, then weight, bias of each network's
/// layers; of few rows the weights behind the first as `packFew` leaves them.
static double judge(void** p, const int32_t* n, const double*) {
  const int nets = n[0], layers = n[1], B = n[3], K = n[4], A = n[5], S = n[6], rows = B * K;
  const int32_t* sizes = n + 8;
  const int H = sizes[1], tile = tileRows(rows), width = tileWidth(layers, sizes);
  float* q = (float*)p[0];
  const float* x = (const float*)p[1];
  Layers* net = (Layers*)workspace(sizeof(Layers) * nets);
  const float** perState = (const float**)workspace(sizeof(float*) * nets);
  for (int i = 0; i < nets; i++) {
    void** weightBias = p + 3 + (size_t)i * 2 * layers;
    const float *first = (const float*)weightBias[0], *bias = (const float*)weightBias[1];
    perState[i] = smallOrPacked(B, H, S, (const float*)p[2], first, bias);
    net[i] = layersOf(rows, layers, n[2], sizes, weightBias, first + (size_t)S * H, A);
  }
  const size_t perWorker = (size_t)tile * (2 * width + H) + 64;
  float* scratch = (float*)workspace(4 * perWorker * workerCount());
  parallel(ceilDiv(rows, tile), rowCost(layers, sizes) * rows * nets, [&](int task, int worker) {
    const int row = task * tile, count = minimum(tile, rows - row);
    float *h = scratch + worker * perWorker, *other = h + (size_t)tile * width, *state = other + (size_t)tile * width;
    for (int i = 0; i < nets; i++) {
      gatherStateRows(perState[i], B, H, row, count, state);
      Finish f;
      f.rowAdd = state;
      f.rowAddStride = H;
      f.activation = layers > 1 ? net[i].activation : LINEAR;
      tileLayer(net[i].mode, count, A, H, x + (size_t)row * A, A, net[i].weights[0], h, width, f);
      const float* y = tileLayers(count, net[i], h, other, width);
      for (int r = 0; r < count; r++) {
        float* to = q + (size_t)((row + r) % B) * K + (row + r) / B;
        const float value = y[(size_t)r * width];
        *to = i == 0 || value < *to || value != value ? value : *to;
      }
    }
  });
  return 0;
}

/// For each state the candidate of largest q, the first of equals. ints: B, K, A. buffers: q [B, K], x [K·B, A], the
/// chosen rows [B, A], their q [B].
static double bestRows(void** p, const int32_t* n, const double*) {
  const int B = n[0], K = n[1], A = n[2];
  for (int b = 0; b < B; b++) {
    const float* q = (const float*)p[0] + (size_t)b * K;
    int best = 0;
    for (int k = 1; k < K; k++)
      if (q[k] > q[best]) best = k;
    __builtin_memcpy((float*)p[2] + (size_t)b * A, (const float*)p[1] + ((size_t)best * B + b) * A, 4 * (size_t)A);
    ((float*)p[3])[b] = q[best];
  }
  return 0;
}

/// A weight for products of few rows. ints: K, N. buffers: weight [K, N], packed [⌈N / 64⌉ · 64 · K at most].
static double packFewRows(void** p, const int32_t* n, const double*) {
  packFewTo((const float*)p[0], n[0], n[1], (float*)p[1]);
  return 0;
}

}  // namespace
}  // namespace agent
