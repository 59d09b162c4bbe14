// Whole networks of dense layers, forward and backward, in one call for all networks that read the same input (twin
// critics). Row tile by row tile: a tile passes all layers while it is in the cache, and no layer waits for another.
#pragma once
#include "denoise.h"
#include "dense.h"

namespace agent {
namespace {

/// ints: nets, layers, activation of the hidden layers, of the last (linear, relu or tanh), rows B,
/// whether the weights behind the first are as `packFew` leaves them (few rows), parts of which the input is made, their
/// widths, then the sizes.
struct Mlp {
  int nets, layers, activation, last, B;
  bool packed;
  int parts;
  const int32_t *widths, *sizes;  // parts; layers + 1
  int tile;
  explicit Mlp(const int32_t* n)
      : nets(n[0]), layers(n[1]), activation(n[2]), last(n[3]), B(n[4]), packed(n[5]), parts(n[6]), widths(n + 7), sizes(n + 7 + parts) {
    // Few enough rows for the first-level cache, and a number of tiles that threads can share evenly.
    tile = B <= FEW_ROWS ? B : B > 2048 ? MAX_ROWS : B <= 8 * MR ? MR : ceilDiv(B, 4 * ceilDiv(B, 8 * MR));
  }
  int tiles() const { return ceilDiv(B, tile); }
  int width() const {
    int width = sizes[0];
    for (int l = 1; l <= layers; l++) width = maximum(width, sizes[l]);
    return width;
  }
  /// Whether the backward pass wants the activation's argument beside its result.
  bool arguments() const { return activation == MISH || activation == SILU; }
  /// Where a layer's rows lie in what the forward pass saves: results of the hidden layers of each network, and behind
  /// them the arguments, if they are wanted.
  size_t saved(int net, int layer, bool argument) const {
    size_t before = 0, all = 0;
    for (int l = 1; l < layers; l++) {
      if (l < layer) before += sizes[l];
      all += sizes[l];
    }
    return B * (net * all * (arguments() ? 2 : 1) + (argument ? all : 0) + before);
  }
  /// Where the input's rows lie, if it is made of parts: behind all that.
  size_t savedInput() const { return saved(nets, 1, false); }
  /// The first of the input's columns that belong to a part.
  int column(int part) const {
    int at = 0;
    for (int i = 0; i < part; i++) at += widths[i];
    return at;
  }
  /// Where a layer's gradient lies among those of all: each in panels, as the product that gives its weight's wants it.
  size_t gradient(int net, int layer) const {
    size_t before = 0, all = 0;
    for (int l = 1; l <= layers; l++) {
      if (l < layer) before += packedSize(B, sizes[l]);
      all += packedSize(B, sizes[l]);
    }
    return net * all + before;
  }
  /// Multiply-adds of a pass.
  double cost() const {
    double total = 0;
    for (int l = 1; l <= layers; l++) total += (double)sizes[l - 1] * sizes[l];
    return total * nets * B;
  }
  /// Rows row … row+rows−1 of the input side by side.
  void join(void** from, int row, int rows, float* to) const {
    for (int part = 0; part < parts; to += widths[part++]) {
      const float* x = (const float*)from[part] + (size_t)row * widths[part];
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < widths[part]; j += W)
          storeSome(to + (size_t)i * sizes[0] + j, loadSome(x + (size_t)i * widths[part] + j, widths[part] - j), widths[part] - j);
    }
  }
};
static_assert(32 % NR == 0, "the panels of gradients are given room for a multiple of 32 columns");

/// Whether a weight of so many columns serves a batch as it is: in whole panels, and its rows near enough to each other
/// for the caches' prefetching. Then a copy would cost more than it gains, a tenth of the product.
INLINE bool readInPlace(int columns) { return columns % NR == 0 && columns <= 512; }

/// Matrices to be copied into panels, all at once.
struct Packing {
  struct Matrix {
    const float* from;
    ptrdiff_t ld;
    bool transposed;
    int K, N;
    float* to;
  };
  Matrix* list;
  int count = 0, panels = 0;
  double cost = 0;
  explicit Packing(int most) : list((Matrix*)workspace(sizeof(Matrix) * most)) {}
  const float* add(const float* from, ptrdiff_t ld, bool transposed, int K, int N) {
    float* to = (float*)workspace(4 * packedSize(K, N));
    list[count++] = {from, ld, transposed, K, N, to};
    panels += ceilDiv(N, NR);
    cost += MOVE * K * N;
    return to;
  }
  void run() const {
    parallel(panels, cost, [this](int task, int) {
      const Matrix* m = list;
      for (; task >= ceilDiv(m->N, NR); m++) task -= ceilDiv(m->N, NR);
      packPanel(m->from, m->ld, m->transposed, m->K, m->N, task, m->to);
    });
  }
};

/// buffers: the input's parts, saved (null: nothing is kept), then for each network y and its layers' weights and biases.
static double mlpForward(void** p, const int32_t* n, const double*) {
  const Mlp net(n);
  const int L = net.layers, perNet = 1 + 2 * L, tiles = net.tiles(), in = net.sizes[0];
  float* saved = (float*)p[net.parts];
  void** nets = p + net.parts + 1;
  const int mode = net.B > FEW_ROWS ? MANY : FEW_IN_PLACE;
  const float** weights = (const float**)workspace(sizeof(float*) * net.nets * L);
  Packing packing(net.nets * L);
  for (int i = 0; i < net.nets; i++)
    for (int l = 0; l < L; l++) {
      const float* w = (const float*)nets[i * perNet + 1 + 2 * l];
      const int in = net.sizes[l], out = net.sizes[l + 1];
      weights[i * L + l] = mode == MANY && !readInPlace(out) ? packing.add(w, out, false, in, out) : w;
    }
  packing.run();
  const size_t half = (size_t)net.tile * net.width(), perWorker = 2 * half;
  float* scratch = (float*)workspace(4 * perWorker * workerCount());
  parallel(net.nets * tiles, net.cost(), [&](int task, int worker) {
    const int i = task / tiles, row = task % tiles * net.tile, rows = minimum(net.tile, net.B - row);
    void** own = nets + i * perNet;
    const float* h = (const float*)p[0] + (size_t)row * in;
    if (net.parts > 1) {
      // Each network joins them: another's may be on another thread. What is saved is the first's.
      float* x = saved && i == 0 ? saved + net.savedInput() + (size_t)row * in : scratch + worker * perWorker;
      net.join(p, row, rows, x);
      h = x;
    }
    for (int l = 1; l <= L; l++) {
      const int out = net.sizes[l];
      const size_t at = (size_t)row * out;
      Finish f;
      f.columnAdd = (const float*)own[2 * l];
      f.activation = l < L ? net.activation : net.last;
      float* y = l == L  ? (float*)own[0] + at
                 : saved ? saved + net.saved(i, l, false) + at
                         : scratch + worker * perWorker + (l & 1) * half;
      if (saved && l < L && net.arguments()) {
        f.z = saved + net.saved(i, l, true) + at;
        f.zStride = out;
      }
      const int how = net.packed && l > 1                ? FEW_PACKED
                      : mode == MANY && readInPlace(out) ? MANY_IN_PLACE
                                                         : mode;
      tileLayer(how, rows, net.sizes[l - 1], out, h, net.sizes[l - 1], weights[i * L + l - 1], y, out, f);
      h = y;
    }
  });
  return 0;
}

/// The gradients of all layers' arguments and biases. buffers: saved, gradients (out), those of the first layer by rows
/// [nets, B, size] (out), then for each network y (null where the last layer is linear), dy and its layers' weights and bias gradients (out). Where the gradients
/// of weights and biases are not wanted, `gradients` and those of biases are null.
static double mlpBackward(void** p, const int32_t* n, const double*) {
  const Mlp net(n);
  const int L = net.layers, perNet = 2 + 2 * L, tiles = net.tiles();
  const float* saved = (const float*)p[0];
  float *gradients = (float*)p[1], *first = (float*)p[2];
  const float** transposed = (const float**)workspace(sizeof(float*) * net.nets * L);
  Packing packing(net.nets * L);
  int sums = 0;
  for (int l = 1; l <= L; l++) sums += net.sizes[l];
  for (int i = 0; i < net.nets; i++)
    for (int l = 2; l <= L; l++)
      transposed[i * L + l - 1] = packing.add((const float*)p[3 + i * perNet + 2 * l], net.sizes[l], true,
                                              net.sizes[l], net.sizes[l - 1]);
  packing.run();
  float* parts = (float*)workspace(4 * (size_t)net.nets * tiles * sums);
  const size_t half = (size_t)net.tile * net.width(), perWorker = 2 * half;
  float* scratch = (float*)workspace(4 * perWorker * workerCount());
  parallel(net.nets * tiles, net.cost(), [&](int task, int worker) {
    const int i = task / tiles, row = task % tiles * net.tile, rows = minimum(net.tile, net.B - row);
    void** own = p + 3 + i * perNet;
    float *g = scratch + worker * perWorker, *other = g + half, *part = parts + (size_t)task * sums + sums;
    const size_t at = (size_t)row * net.sizes[L];
    const float* dy = (const float*)own[1] + at;
    if (net.last == LINEAR)
      __builtin_memcpy(g, dy, 4 * (size_t)rows * net.sizes[L]);
    else
      timesSlope(net.last, dy, (const float*)own[0] + at, g, rows * net.sizes[L]);
    for (int l = L; l >= 1; l--) {
      const int out = net.sizes[l], in = net.sizes[l - 1];
      part -= out;
      if (gradients) gradientRows(g, net.B, out, row, rows, gradients + net.gradient(i, l), part);
      if (l == 1) {
        __builtin_memcpy(first + ((size_t)i * net.B + row) * out, g, 4 * (size_t)rows * out);
        break;
      }
      productBlock(0, rows, 0, ceilDiv(in, NR), in, out, g, out, 1, copies(transposed[i * L + l - 1], out), other, in, Finish());
      const float* z = saved + net.saved(i, l - 1, net.arguments()) + (size_t)row * in;
      if (net.activation != LINEAR) timesSlope(net.activation, other, z, other, rows * in);
      float* t = g;
      g = other;
      other = t;
    }
  });
  if (!gradients) return 0;
  for (int i = 0; i < net.nets; i++) {
    const float* part = parts + (size_t)i * tiles * sums;
    for (int l = 1; l <= L; part += net.sizes[l++])
      addParts(part, tiles, sums, net.sizes[l], (float*)p[3 + i * perNet + 2 * l + 1]);
  }
  return 0;
}

/// Columns j0 … j1−1 of [count × in] ᵀ · [count × out] for few `out`: the rows of the first are read in order, as the second
/// factor of the transposed product.
template <int V>  // NV for MR columns, twice that for half as many
static void narrowWeight(int count, int in, int out, const float* h, const float* panels, float* to, int j0, int j1) {
  for (int j = j0; j < j1; j += V * W) {
    float part[MR * V * W];
    microFor<V, false, MR * NV / V>(out)(count, panels, 1, NR, h + j, in, part, V * W, panels);
    for (int q = 0; q < minimum(V * W, j1 - j); q++)
      for (int i = 0; i < out; i++) to[(size_t)(j + q) * out + i] = part[i * V * W + q];
  }
}

/// The gradients of weights: inputᵀ · gradient. buffers: the input (if it has parts, it is in saved), saved, gradients, then for each network the
/// gradient of each layer's weight (out), null where it is not wanted. One after the other: with a thread to each of two
/// networks, what one has computed of a network it also reads.
static double mlpWeights(void** p, const int32_t* n, const double*) {
  const Mlp net(n);
  const int L = net.layers;
  const float *saved = (const float*)p[1], *gradients = (const float*)p[2];
  const float* x = net.parts > 1 ? saved + net.savedInput() : (const float*)p[0];
  void** to = p + 3;
  struct Weight {
    int net, layer, tasks;
    bool narrow;
  };
  Weight* list = (Weight*)workspace(sizeof(Weight) * net.nets * L);
  int count = 0, tasks = 0;
  double cost = 0;
  constexpr int NARROW = 2 * NR;  // rows of a weight that one task of few columns computes
  for (int i = 0; i < net.nets; i++)
    for (int l = 1; l <= L; l++) {
      if (!to[i * L + l - 1]) continue;
      const int in = net.sizes[l - 1], out = net.sizes[l];
      const bool narrow = out <= MR && in % NARROW == 0;
      list[count] = {i, l, narrow ? in / NARROW : Partition(in, out, net.B, true).count(), narrow};
      tasks += list[count++].tasks;
      cost += (double)net.B * in * out;
    }
  parallel(tasks, cost, [&](int task, int) {
    const Weight* w = list;
    for (; task >= w->tasks; w++) task -= w->tasks;
    const int i = w->net, l = w->layer, in = net.sizes[l - 1], out = net.sizes[l];
    const float* h = l == 1 ? x : saved + net.saved(i, l - 1, false);
    const float* g = gradients + net.gradient(i, l);
    float* dw = (float*)to[i * L + l - 1];
    if (!w->narrow)
      productTask(Partition(in, out, net.B, true), task, in, out, net.B, h, 1, in, g, dw, out, Finish());
    else if (out <= MR / 2)
      narrowWeight<2 * NV>(net.B, in, out, h, g, dw, task * NARROW, (task + 1) * NARROW);
    else
      narrowWeight<NV>(net.B, in, out, h, g, dw, task * NARROW, (task + 1) * NARROW);
  });
  return 0;
}

/// The gradient of one part of the input, summed over the networks. ints: the part, then those of `Mlp`. buffers:
/// gradients of the first layers by rows, dx, then the first layer's weight of each network.
static double mlpInput(void** p, const int32_t* n, const double*) {
  const Mlp net(n + 1);
  const int in = net.widths[n[0]], out = net.sizes[1];
  const size_t skipped = (size_t)net.column(n[0]) * out;
  float* dx = (float*)p[1];
  Packing packing(net.nets);
  const float** weights = (const float**)workspace(sizeof(float*) * net.nets);
  for (int i = 0; i < net.nets; i++) weights[i] = packing.add((const float*)p[2 + i] + skipped, out, true, out, in);
  packing.run();
  const float* sum = nullptr;
  for (int i = 0; i < net.nets; i++) {
    Finish f;
    f.rowAdd = sum;
    f.rowAddStride = in;
    float* to = i + 1 == net.nets ? dx : (float*)workspace(4 * (size_t)net.B * in);
    product(net.B, in, out, (const float*)p[0] + (size_t)i * net.B * out, out, 1, weights[i], to, in, f);
    sum = to;
  }
  return 0;
}

}  // namespace
}  // namespace agent
