// The whole sampling chain of a diffusion policy, and the forward pass of a small network, row tile by row tile: the
// activations of a tile never leave the cache, and nothing is stored for a gradient.
#pragma once
#include "matmul.h"

namespace agent {
namespace {

struct Layers {
  int count, activation, last;  // of the hidden layers; of the last
  const int32_t* sizes;  // count + 1 of them
  const float *const *weights;  // packed, or as given (`inPlace`); the first without the rows shared by a state
  int mode;
  const float *const *biases;
};

/// How a tile reads weights: many rows by panels; few rows by wide panels, or in place where they are used only once.
enum Mode { MANY, FEW_PACKED, FEW_IN_PLACE };

/// One layer on the rows of a tile.
static void tileLayer(int mode, int rows, int in, int out, const float* x, int ldx, const float* weight, float* y,
                      int ldy, const Finish& f) {
  if (mode == MANY)
    productBlock(0, rows, 0, ceilDiv(out, NR), out, in, x, ldx, 1, weight, y, ldy, f);
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

/// Rows of a tile. Where there are few (acting), as many as leave each thread a tile: rows share the reads of a weight.
/// A row's numbers do not depend on it: each output has one accumulator, in the order of k.
INLINE int tileRows(int rows) {
  if (rows <= 8) return ceilDiv(rows, workerCount());
  return rows <= 64 * MR ? MR : 8 * MR;
}

/// rowAdd for tile rows that belong to states row % states: copied, as a tile may wrap around.
static void gatherStateRows(const float* perState, int states, int width, int row, int rows, float* to) {
  for (int i = 0; i < rows; i++)
    __builtin_memcpy(to + (size_t)i * width, perState + (size_t)((row + i) % states) * width, 4 * (size_t)width);
}

static const float** packAll(int mode, int layers, const int32_t* sizes, void** weightBias, const float* first,
                             int firstRows) {
  const float** out = (const float**)workspace(sizeof(float*) * layers);
  for (int l = 0; l < layers; l++) {
    const float* w = l ? (const float*)weightBias[2 * l] : first;
    const int in = l ? sizes[l] : firstRows, n = sizes[l + 1];
    out[l] = mode == MANY ? pack(w, n, false, in, n) : mode == FEW_PACKED ? packFew(w, in, n) : w;
  }
  return out;
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
/// buffers: out, initialNoise, stepNoise, observations, embeddings, coefficients, then weight, bias of each layer.
static double denoise(void** p, const int32_t* n, const double*) {
  const int layers = n[0], B = n[2], K = n[3], A = n[4], E = n[5], S = n[6], T = n[7];
  const int32_t* sizes = n + 8;
  const int rows = B * K, H = sizes[1], tile = tileRows(rows);
  float* out = (float*)p[0];
  const float *start = (const float*)p[1], *stepNoise = (const float*)p[2], *coefficients = (const float*)p[5];
  void** weightBias = p + 6;
  const float* first = (const float*)weightBias[0];
  // The first layer by parts: per state, per call, and the action's own.
  const float* perState = smallOrPacked(B, H, S, (const float*)p[3], first + (size_t)(A + E) * H, nullptr);
  const float* perCall = smallOrPacked(T, H, E, (const float*)p[4], first + (size_t)A * H, (const float*)weightBias[1]);
  Layers net;
  net.count = layers;
  net.activation = n[1];
  net.last = LINEAR;
  net.sizes = sizes;
  net.mode = rows > 8 ? MANY : T > 1 ? FEW_PACKED : FEW_IN_PLACE;
  net.weights = packAll(net.mode, layers, sizes, weightBias, first, A);
  const float** biases = (const float**)workspace(sizeof(float*) * layers);
  for (int l = 0; l < layers; l++) biases[l] = (const float*)weightBias[2 * l + 1];
  net.biases = biases;
  int width = NR;
  for (int l = 1; l <= layers; l++) width = maximum(width, sizes[l]);
  width = ceilDiv(width, W) * W + W;  // off the power of two, so that rows do not share cache sets
  const size_t perWorker = (size_t)tile * (2 * width + H + 2 * A) + 64;
  float* scratch = (float*)workspace(4 * perWorker * workerCount());
  parallel(ceilDiv(rows, tile), [&](int task, int worker) {
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

/// The network on [states tiled K times, rows of x]: result [K·B, out], no gradient. The states' part of layer 1 is
/// computed once per state. ints: layers, activation, last activation, B, K, A (columns of x), S (columns of states),
/// x first (0 or 1), then sizes. buffers: out, x, states, then weight, bias of each layer.
static double forward(void** p, const int32_t* n, const double*) {
  const int layers = n[0], B = n[3], K = n[4], A = n[5], S = n[6], rows = B * K;
  const bool xFirst = n[7];
  const int32_t* sizes = n + 8;
  const int H = sizes[1], tile = tileRows(rows), outs = sizes[layers];
  float* out = (float*)p[0];
  const float* x = (const float*)p[1];
  void** weightBias = p + 3;
  const float* first = (const float*)weightBias[0];
  const float* statePart = first + (xFirst ? (size_t)A * H : 0);
  const float* ownPart = first + (xFirst ? 0 : (size_t)S * H);
  const float* perState = smallOrPacked(B, H, S, (const float*)p[2], statePart, (const float*)weightBias[1]);
  Layers net;
  net.count = layers;
  net.activation = n[1];
  net.last = n[2];
  net.sizes = sizes;
  net.mode = rows > 8 ? MANY : FEW_IN_PLACE;
  net.weights = packAll(net.mode, layers, sizes, weightBias, ownPart, A);
  const float** biases = (const float**)workspace(sizeof(float*) * layers);
  for (int l = 0; l < layers; l++) biases[l] = (const float*)weightBias[2 * l + 1];
  net.biases = biases;
  int width = NR;
  for (int l = 1; l <= layers; l++) width = maximum(width, sizes[l]);
  width = ceilDiv(width, W) * W + W;
  const size_t perWorker = (size_t)tile * (2 * width + H) + 64;
  float* scratch = (float*)workspace(4 * perWorker * workerCount());
  parallel(ceilDiv(rows, tile), [&](int task, int worker) {
    const int row = task * tile, count = minimum(tile, rows - row);
    float *h = scratch + worker * perWorker, *other = h + (size_t)tile * width, *state = other + (size_t)tile * width;
    gatherStateRows(perState, B, H, row, count, state);
    Finish f;
    f.rowAdd = state;
    f.rowAddStride = H;
    f.activation = layers > 1 ? net.activation : net.last;
    tileLayer(net.mode, count, A, H, x + (size_t)row * A, A, net.weights[0], h, width, f);
    const float* y = tileLayers(count, net, h, other, width);
    for (int i = 0; i < count; i++)
      __builtin_memcpy(out + (size_t)(row + i) * outs, y + (size_t)i * width, 4 * (size_t)outs);
  });
  return 0;
}

}  // namespace
}  // namespace agent
