// The residual block of LN_Resnet, h + W₂ mish(W₁ LN(dropout(h)) + b₁) + b₂, forward and backward: row tile by row tile,
// so that the inner activations, four times as wide as h, are used while they are in the cache.
#pragma once
#include "mlp.h"

namespace agent {
namespace {

/// ints: rows B, width H, inner width I. reals: ε of the layer norm, dropout rate.
struct Block {
  int B, H, I, tile;
  float epsilon, rate, scale;
  Block(const int32_t* n, const double* r)
      : B(n[0]), H(n[1]), I(n[2]), epsilon((float)r[0]), rate((float)r[1]), scale((float)(1 / (1 - r[1]))) {
    tile = B <= FEW_ROWS ? B : B >= 1024 ? MAX_ROWS : 2 * MR;
  }
  /// x with the dropout: kept where u ≥ rate.
  vf drop(vf x, vf u) const { return u >= rate ? x * scale : vf{}; }
  /// What the forward pass saves: the normalised rows x̂ [B, H], 1/deviation [B], the argument of mish [B, I].
  struct Saved {
    float *normed, *inverse, *z;
  };
  Saved saved(void* p) const {
    float* at = (float*)p;
    return {at, at + (size_t)B * H, at + (size_t)B * (H + 1)};
  }
};

/// The lanes' sum in float64.
INLINE double preciseSum(vf x) {
  double s = 0;
  for (int i = 0; i < W; i++) s += x[i];
  return s;
}

/// x̂ of one row, in place of it; returns 1/√(variance + ε).
static float normalise(float* x, int n, float epsilon) {
  vf sum = {}, squares = {};
  for (int j = 0; j < n; j += W) sum = sum + loadSome(x + j, n - j);
  const float mean = (float)(preciseSum(sum) / n);
  for (int j = 0; j < n; j += W) {
    const int left = n - j;
    storeSome(x + j, loadSome(x + j, left) - mean, left);
    const vf d = loadSome(x + j, left);
    squares = squares + d * d;
  }
  const float inverse = (float)(1.0 / __builtin_sqrt(preciseSum(squares) / n + epsilon));
  for (int j = 0; j < n; j += W) storeSome(x + j, loadSome(x + j, n - j) * inverse, n - j);
  return inverse;
}

/// buffers: h, uniform numbers of the dropout or null, scale and shift of the norm, W₁, b₁, W₂, b₂, y, saved or null.
static double blockForward(void** p, const int32_t* n, const double* r) {
  const Block block(n, r);
  const int B = block.B, H = block.H, I = block.I;
  const float *h = (const float*)p[0], *uniform = (const float*)p[1], *gamma = (const float*)p[2], *beta = (const float*)p[3];
  const int mode = B > FEW_ROWS ? MANY : FEW_IN_PLACE;
  const float *w1 = (const float*)p[4], *w2 = (const float*)p[6];
  Packing packing(2);
  if (mode == MANY) {
    w1 = packing.add(w1, I, false, H, I);
    w2 = packing.add(w2, H, false, I, H);
  }
  packing.run();
  const size_t perWorker = (size_t)block.tile * (H + I);
  float* scratch = (float*)workspace(4 * perWorker * workerCount());
  parallel(ceilDiv(B, block.tile), 2.0 * B * H * I, [&](int task, int worker) {
    const int row = task * block.tile, rows = minimum(block.tile, B - row);
    const size_t at = (size_t)row * H;
    float *normed = scratch + worker * perWorker, *inner = normed + (size_t)block.tile * H;
    Finish first, second;
    for (int i = 0; i < rows; i++) {
      float* x = normed + (size_t)i * H;
      const float *from = h + at + (size_t)i * H, *u = uniform ? uniform + at + (size_t)i * H : nullptr;
      for (int j = 0; j < H; j += W) {
        const vf a = loadSome(from + j, H - j);
        storeSome(x + j, u ? block.drop(a, loadSome(u + j, H - j)) : a, H - j);
      }
      const float inverse = normalise(x, H, block.epsilon);
      if (p[9]) {
        const Block::Saved saved = block.saved(p[9]);
        saved.inverse[row + i] = inverse;
        __builtin_memcpy(saved.normed + at + (size_t)i * H, x, 4 * (size_t)H);
        first.z = saved.z + (size_t)row * I;
        first.zStride = I;
      }
      for (int j = 0; j < H; j += W)
        storeSome(x + j, fma(loadSome(x + j, H - j), loadSome(gamma + j, H - j), loadSome(beta + j, H - j)), H - j);
    }
    first.columnAdd = (const float*)p[5];
    first.activation = MISH;
    tileLayer(mode, rows, H, I, normed, H, w1, inner, I, first);
    second.columnAdd = (const float*)p[7];
    second.rowAdd = h + at;
    second.rowAddStride = H;
    tileLayer(mode, rows, I, H, inner, I, w2, (float*)p[8] + at, H, second);
  });
  return 0;
}

/// Of rows row … row+count−1: dz ← dz · mish'(z), and that and mish(z) to the panels of two products of depth B; the column
/// sums of dz. `dz` and `z` begin at the first of the rows. Few rows at a time: as many streams as the hardware reads ahead.
static void mishRows(float* dz, const float* z, int B, int I, int row, int count, float* dzPanels, float* innerPanels,
                     float* sums) {
  constexpr int STREAMS = 8;
  for (int j = 0; j < I; j++) sums[j] = 0;
  for (int i0 = 0; i0 < count; i0 += STREAMS)
    for (int n0 = 0; n0 < I; n0 += NR)
      for (int v = 0; v < NV; v++) {
        const int column = n0 + v * W, left = I - column;
        vf sum = left > 0 ? loadSome(sums + column, left) : vf{};
        for (int i = i0; i < minimum(count, i0 + STREAMS); i++) {
          const size_t at = (size_t)i * I + column, to = (size_t)n0 * B + (size_t)(row + i) * NR + v * W;
          vf d = {}, value = {}, slope;
          if (left > 0) {
            value = mishAndSlope(loadSome(z + at, left), slope);
            d = loadSome(dz + at, left) * slope;
            storeSome(dz + at, d, left);
          }
          store(dzPanels + to, d);
          store(innerPanels + to, value);
          sum = sum + d;
        }
        if (left > 0) storeSome(sums + column, sum, left);
      }
}

/// [rows × columns] to [columns × rows].
static void transpose(const float* from, int rows, int columns, float* to) {
  constexpr int PART = 64;
  parallel(ceilDiv(columns, PART), MOVE * rows * columns, [=](int task, int) {
    const int j0 = task * PART, j1 = minimum(columns, j0 + PART);
    int i = 0;
    for (; i + 4 <= rows; i += 4) {
      int j = j0;
      for (; j + 4 <= j1; j += 4) transpose4(from + (size_t)i * columns + j, columns, to + (size_t)j * rows + i, rows);
      for (; j < j1; j++)
        for (int r = i; r < i + 4; r++) to[(size_t)j * rows + r] = from[(size_t)r * columns + j];
    }
    for (; i < rows; i++)
      for (int j = j0; j < j1; j++) to[(size_t)j * rows + i] = from[(size_t)i * columns + j];
  });
}

/// From dy to dh of one row through the norm and the dropout; adds to the sums of dscale, dshift and db₂, restores the
/// norm's result for the gradient of W₁. `dn`: gradient of the norm's result.
static void blockRowBackward(const Block& b, const float* dy, const float* dn, const float* hat, float inverse,
                             const float* uniform, const float* gamma, const float* beta, float* dh, float* normed,
                             float* dGamma, float* dBeta, float* db2) {
  const int H = b.H;
  vf along = {}, sum = {};
  for (int j = 0; j < H; j += W) {
    const int left = H - j;
    const vf d = loadSome(dn + j, left), x = loadSome(hat + j, left), g = loadSome(gamma + j, left);
    sum = sum + d * g;
    along = along + d * g * x;
    storeSome(dGamma + j, loadSome(dGamma + j, left) + d * x, left);
    storeSome(dBeta + j, loadSome(dBeta + j, left) + d, left);
    storeSome(db2 + j, loadSome(db2 + j, left) + loadSome(dy + j, left), left);
    storeSome(normed + j, fma(x, g, loadSome(beta + j, left)), left);
  }
  const float mean = (float)(preciseSum(sum) / H), projection = (float)(preciseSum(along) / H);
  for (int j = 0; j < H; j += W) {
    const int left = H - j;
    const vf d = loadSome(dn + j, left) * loadSome(gamma + j, left);
    vf dx = (d - mean - loadSome(hat + j, left) * projection) * inverse;
    if (uniform) dx = b.drop(dx, loadSome(uniform + j, left));
    storeSome(dh + j, loadSome(dy + j, left) + dx, left);
  }
}

/// buffers: dy, uniform numbers or null, scale and shift of the norm, W₁, W₂, saved; dh, dscale, dshift, dW₁, db₁, dW₂, db₂ (out).
static double blockBackward(void** p, const int32_t* n, const double* r) {
  const Block block(n, r);
  const int B = block.B, H = block.H, I = block.I, tiles = ceilDiv(B, block.tile), sums = I + 3 * H;
  const float *dy = (const float*)p[0], *uniform = (const float*)p[1], *gamma = (const float*)p[2], *beta = (const float*)p[3];
  const Block::Saved saved = block.saved(p[6]);
  Packing packing(2);
  const float* w1 = packing.add((const float*)p[4], I, true, I, H);
  const float* w2 = packing.add((const float*)p[5], H, true, H, I);
  packing.run();
  float* inner = (float*)workspace(4 * packedSize(B, I));
  float* dzPanels = (float*)workspace(4 * packedSize(B, I));
  float* normedTiles = (float*)workspace(4 * tiledSize(H, B));
  float* dyTiles = (float*)workspace(4 * tiledSize(H, B));
  float* dw2 = (float*)workspace(4 * (size_t)H * I);  // its transpose
  float* parts = (float*)workspace(4 * (size_t)tiles * sums);
  const size_t perWorker = (size_t)block.tile * (2 * H + I);
  float* scratch = (float*)workspace(4 * perWorker * workerCount());
  parallel(tiles, 2.0 * B * H * I, [&](int task, int worker) {
    const int row = task * block.tile, rows = minimum(block.tile, B - row);
    const size_t at = (size_t)row * H, atInner = (size_t)row * I;
    float *dz = scratch + worker * perWorker, *dn = dz + (size_t)block.tile * I, *normed = dn + (size_t)block.tile * H;
    float *db1 = parts + (size_t)task * sums, *db2 = db1 + I, *dGamma = db2 + H, *dBeta = dGamma + H;
    productBlock(0, rows, 0, ceilDiv(I, NR), I, H, dy + at, H, 1, copies(w2, H), dz, I, Finish());
    mishRows(dz, saved.z + atInner, B, I, row, rows, dzPanels, inner, db1);
    productBlock(0, rows, 0, ceilDiv(H, NR), H, I, dz, I, 1, copies(w1, I), dn, H, Finish());
    for (int j = 0; j < H; j++) dGamma[j] = dBeta[j] = db2[j] = 0;
    for (int i = 0; i < rows; i++) {
      const size_t own = at + (size_t)i * H;
      blockRowBackward(block, dy + own, dn + (size_t)i * H, saved.normed + own, saved.inverse[row + i],
                       uniform ? uniform + own : nullptr, gamma, beta, (float*)p[7] + own, normed + (size_t)i * H, dGamma, dBeta,
                       db2);
    }
    packRows(normed, H, H, rows, normedTiles + (size_t)row * MR, B);
    packRows(dy + at, H, H, rows, dyTiles + (size_t)row * MR, B);
  });
  addParts(parts, tiles, sums, I, (float*)p[11]);
  addParts(parts + I, tiles, sums, H, (float*)p[13]);
  addParts(parts + I + H, tiles, sums, H, (float*)p[8]);
  addParts(parts + I + 2 * H, tiles, sums, H, (float*)p[9]);
  product(H, I, B, normedTiles, 1, TILED, dzPanels, (float*)p[10], I, Finish());
  product(H, I, B, dyTiles, 1, TILED, inner, dw2, I, Finish());
  transpose(dw2, H, I, (float*)p[12]);
  return 0;
}

}  // namespace
}  // namespace agent
