// Matrix products. B is copied into panels of NR columns, each [K][NR], so that the inner loop reads it in order; A is
// read in place through two strides, which covers its transpose. One accumulator per output element, k ascending: a
// result does not depend on tile sizes, on the partition into tasks, or on the number of threads.
#pragma once
#include "kernels.h"
#include "vector.h"

namespace agent {
namespace {

#if defined(__AVX512F__)
constexpr int MR = 12, NV = 2;  // 24 accumulators, 2 of B, 1 of A, of 32 registers
#elif defined(__AVX2__) || defined(AGENT_WIDE)  // the latter in WASM, for engines that join two of its vectors
constexpr int MR = 6, NV = 2;  // 12 + 2 + 1 of 16
#elif defined(__ARM_NEON)
constexpr int MR = 6, NV = 4;  // 24 + 4 + 1 of 32
#elif defined(__wasm__)
constexpr int MR = 4, NV = 1;  // 8 accumulators of half a vector; engines spill from 12 on
#else
constexpr int MR = 4, NV = 2;
#endif
constexpr int NR = NV * W, FEW_V = W == 16 ? 4 : NV == 1 ? 1 : 2;  // vectors of a row of a panel; for few rows

/// Rows of a panel that are asked for ahead.
constexpr int NEAR = 8;
/// Floats of a line of the cache.
constexpr int LINE = 16;

/// V vectors side by side. In WASM the loads stay where they are written, before the products, their halves together: else
/// engines run out of registers, and do not join the halves.
template <int V>
INLINE void loadRow(const float* p, vf* b) {
#if defined(__wasm__)
  if constexpr (V == 1) {
    b[0] = *reinterpret_cast<const volatile vfu*>(p);
    return;
  }
  if constexpr (V == 2) {
    typedef float row __attribute__((vector_size(8 * W), aligned(4), may_alias));
    const row x = *reinterpret_cast<const volatile row*>(p);
    b[0] = __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7);
    b[1] = __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
    return;
  }
#endif
#pragma GCC unroll 8
  for (int v = 0; v < V; v++) b[v] = load(p + v * W);
}

/// C[M × V·W] (+)= A[M × K] · panel[K × V·W]; a(i, k) = a[i·rs + k·cs]. At each k a line of memory is asked for,
/// from `next` on: what later calls will read.
template <int M, int V, bool ADD>
static void micro(int K, const float* a, ptrdiff_t rs, ptrdiff_t cs, const float* panel, int panelStride, float* c,
                  ptrdiff_t ldc, const float* next) {
  vf acc[M][V];
  ptrdiff_t row[M];
#pragma GCC unroll 16
  for (int i = 0; i < M; i++) {
    row[i] = i * rs;
#if defined(__wasm__)
    asm("" : "+r"(row[i]));  // else each row's place is computed from the last one's, a chain longer than the products
#endif
  }
#pragma GCC unroll 16
  for (int i = 0; i < M; i++)
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) acc[i][v] = ADD ? load(c + i * ldc + v * W) : vf{};
  for (int k = 0; k < K; k++) {
    if (V >= 4 && M <= 4) {  // few rows: a panel is read once, from a farther cache
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) __builtin_prefetch(panel + NEAR * panelStride + v * W);
    } else {
      __builtin_prefetch(next, 0, 2);
      next += LINE;
    }
    vf b[V];
    loadRow<V>(panel, b);
#pragma GCC unroll 16
    for (int i = 0; i < M; i++) {
      vf s = splat(a[row[i]]);
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) acc[i][v] = fma(s, b[v], acc[i][v]);
    }
    a += cs;
    panel += panelStride;
  }
#pragma GCC unroll 16
  for (int i = 0; i < M; i++)
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) store(c + i * ldc + v * W, acc[i][v]);
}

using Micro = void (*)(int, const float*, ptrdiff_t, ptrdiff_t, const float*, int, float*, ptrdiff_t, const float*);

/// For m rows, `MOST` at most.
template <int V, bool ADD, int MOST = MR>
static Micro microFor(int m) {
  switch (m) {
    case 1: return micro<1, V, ADD>;
    case 2: return micro<2, V, ADD>;
    case 3: if constexpr (MOST >= 3) return micro<3, V, ADD>; break;
    case 4: if constexpr (MOST >= 4) return micro<4, V, ADD>; break;
#if defined(__AVX512F__) || defined(__AVX2__) || defined(__ARM_NEON) || defined(AGENT_WIDE)
    case 5: if constexpr (MOST >= 5) return micro<5, V, ADD>; break;
    case 6: if constexpr (MOST >= 6) return micro<6, V, ADD>; break;
#endif
#if defined(__AVX512F__)
    case 7: if constexpr (MOST >= 7) return micro<7, V, ADD>; break;
    case 8: if constexpr (MOST >= 8) return micro<8, V, ADD>; break;
    case 9: if constexpr (MOST >= 9) return micro<9, V, ADD>; break;
    case 10: if constexpr (MOST >= 10) return micro<10, V, ADD>; break;
    case 11: if constexpr (MOST >= 11) return micro<11, V, ADD>; break;
    case 12: if constexpr (MOST >= 12) return micro<12, V, ADD>; break;
#endif
  }
  return nullptr;
}

/// Panels of B: ⌈N/NR⌉ × K × NR floats, zeros behind column N.
INLINE size_t packedSize(int K, int N) { return (size_t)ceilDiv(N, NR) * NR * K; }

/// Copies panel j of B, b(k, n) = b[k·ld + n], or b[n·ld + k] if `transposed`.
static void packPanel(const float* b, ptrdiff_t ld, bool transposed, int K, int N, int j, float* to) {
  const int n0 = j * NR, n = minimum(NR, N - n0);
  to += (size_t)j * NR * K;
  if (n < NR)
    for (size_t i = 0; i < (size_t)K * NR; i++) to[i] = 0;
  if (!transposed) {
    for (int k = 0; k < K; k++, to += NR) {
      const float* row = b + k * ld + n0;
      if (n == NR)
        for (int v = 0; v < NV; v++) store(to + v * W, load(row + v * W));
      else
        for (int i = 0; i < n; i++) to[i] = row[i];
    }
    return;
  }
  b += n0 * ld;
  int i = 0;
  for (; i + 4 <= n; i += 4) {
    int k = 0;
    for (; k + 4 <= K; k += 4) transpose4(b + i * ld + k, ld, to + k * NR + i, NR);
    for (; k < K; k++)
      for (int r = 0; r < 4; r++) to[k * NR + i + r] = b[(i + r) * ld + k];
  }
  for (; i < n; i++)
    for (int k = 0; k < K; k++) to[k * NR + i] = b[i * ld + k];
}

static float* pack(const float* b, ptrdiff_t ld, bool transposed, int K, int N) {
  float* to = (float*)workspace(4 * packedSize(K, N));
  parallel(ceilDiv(N, NR), MOVE * K * N, [=](int j, int) { packPanel(b, ld, transposed, K, N, j, to); });
  return to;
}

/// What is added to a product, and what becomes of it. `columnAdd` [N] and `rowAdd` [M × N] may be null; `z` keeps the
/// activation's argument for the backward pass.
struct Finish {
  const float* columnAdd = nullptr;
  const float* rowAdd = nullptr;
  ptrdiff_t rowAddStride = 0;
  float* z = nullptr;
  ptrdiff_t zStride = 0;
  int activation = LINEAR;
};

template <int A>
static void finishTile(float* c, ptrdiff_t ldc, int m, int n, int row, int column, const Finish& f) {
  for (int i = 0; i < m; i++) {
    float* y = c + i * ldc;
    const float* add = f.columnAdd ? f.columnAdd + column : nullptr;
    const float* more = f.rowAdd ? f.rowAdd + (row + i) * f.rowAddStride + column : nullptr;
    float* z = f.z ? f.z + (row + i) * f.zStride + column : nullptr;
    int j = 0;
    for (; j + W <= n; j += W) {
      vf x = load(y + j);
      if (add) x = x + load(add + j);
      if (more) x = x + load(more + j);
      if (z) store(z + j, x);
      store(y + j, activate<A>(x));
    }
    if (j < n) {
      vf x = loadPart(y + j, n - j);
      if (add) x = x + loadPart(add + j, n - j);
      if (more) x = x + loadPart(more + j, n - j);
      if (z) storePart(z + j, x, n - j);
      storePart(y + j, activate<A>(x), n - j);
    }
  }
}

static void finish(float* c, ptrdiff_t ldc, int m, int n, int row, int column, const Finish& f) {
  switch (f.activation) {
    case LINEAR:
      if (f.columnAdd || f.rowAdd || f.z) finishTile<LINEAR>(c, ldc, m, n, row, column, f);
      return;
    case RELU: return finishTile<RELU>(c, ldc, m, n, row, column, f);
    case MISH: return finishTile<MISH>(c, ldc, m, n, row, column, f);
    case SILU: return finishTile<SILU>(c, ldc, m, n, row, column, f);
    case TANH: return finishTile<TANH>(c, ldc, m, n, row, column, f);
  }
}

/// Depth of a product that one pass takes: a panel's part and the rows of a tile then fit the first-level cache.
constexpr int KC = 256, MAX_ROWS = 8 * MR;

/// Copies a(i, k) = a[i + k·cs], `rows` × `count` of a transposed matrix, into tiles of MR rows, each [depth][MR]: read
/// in place, every k would touch another line of the cache, and another page.
static void packRows(const float* a, ptrdiff_t cs, int rows, int count, float* to, int depth) {
  for (int k = 0; k < count; k++, a += cs) {
    int i = 0;
    for (; i + MR <= rows; i += MR)
      __builtin_memcpy(to + (size_t)i * depth + k * MR, a + i, 4 * MR);
    for (int r = 0; r < rows - i; r++) to[(size_t)i * depth + k * MR + r] = a[i + r];
  }
}

/// What `packRows` fills with all M rows of depth K.
INLINE size_t tiledSize(int M, int K) { return (size_t)ceilDiv(M, MR) * MR * K; }
/// As the stride cs of a factor: it is such a copy.
constexpr ptrdiff_t TILED = 0;

/// The panels of B: copies, each [K][NR] (`packedSize`); or the columns of B itself, where there are whole panels of them.
struct Panels {
  const float* at;
  ptrdiff_t step, stride;  // from a panel to the next, from a row of it to the next
};
INLINE Panels copies(const float* packed, int K) { return {packed, (ptrdiff_t)NR * K, NR}; }
INLINE Panels columns(const float* b, ptrdiff_t ld) { return {b, NR, ld}; }

/// Panels j0 … j1−1 of rows m0 … m1−1 (at most MAX_ROWS) of C = finish(A · B) on the calling thread: K by parts, a part
/// of a panel staying in the first-level cache while all rows pass over it.
static void productBlock(int m0, int m1, int j0, int j1, int N, int K, const float* a, ptrdiff_t rs, ptrdiff_t cs,
                         const Panels& b, float* c, ptrdiff_t ldc, const Finish& f) {
  float part[MAX_ROWS * NR];  // of the last panel, where it is not whole
  alignas(64) float tiles[MAX_ROWS * KC];
  const bool tiled = cs == TILED, transposed = !tiled && cs != 1 && K > 1;
  const int step = tiled || transposed ? MR : ceilDiv(m1 - m0, ceilDiv(m1 - m0, MR));  // rows at once: as even as can be
  for (int k = 0; k < K || k == 0; k += KC) {
    const int count = minimum(KC, K - k);
    const float* rows = a + m0 * rs + k * cs;
    if (transposed) packRows(rows, cs, m1 - m0, count, tiles, count);
    for (int j = j0; j < j1; j++) {
      const int n0 = j * NR, n = minimum(NR, N - n0);
      const bool narrow = n <= W && NV > 1, whole = n == NR;
      float* const to = whole ? c + m0 * ldc + n0 : part;
      const ptrdiff_t ldTo = whole ? ldc : NR;
      const float* panel = b.at + j * b.step + k * b.stride;
      for (int i = 0; i < m1 - m0; i += step) {
        const int m = minimum(step, m1 - m0 - i);
        float* tile = to + i * ldTo;
        // The first calls ask for the next panel, which comes from a far cache: else its first reader waits for it.
        const float* next = b.stride == NR && i / step < NR / LINE ? panel + b.step + i / step * count * LINE : panel;
        const Micro run = narrow ? (k ? microFor<1, true>(m) : microFor<1, false>(m))
                                 : (k ? microFor<NV, true>(m) : microFor<NV, false>(m));
        if (tiled)
          run(count, a + (size_t)(m0 + i) * K + k * MR, 1, MR, panel, (int)b.stride, tile, ldTo, next);
        else if (transposed)
          run(count, tiles + (size_t)i * count, 1, MR, panel, (int)b.stride, tile, ldTo, next);
        else
          run(count, rows + i * rs, rs, cs, panel, (int)b.stride, tile, ldTo, next);
        if (k + KC >= K) finish(tile, ldTo, m, n, m0 + i, n0, f);
      }
    }
  }
  const int n0 = (j1 - 1) * NR, n = N - n0;
  if (n < NR)
    for (int i = 0; i < m1 - m0; i++)
      for (int q = 0; q < n; q++) c[(m0 + i) * ldc + n0 + q] = part[i * NR + q];
}

/// The partition of a product into tasks: row blocks × groups of panels. No sum depends on it.
struct Partition {
  int rows, rowBlocks, panels, panelGroups, groupSize;
  Partition(int M, int N, int K, bool transposed) {
    // Few enough rows for an even load, many enough to reuse a panel, which comes from far where K is large.
    rows = M > 2048 ? MAX_ROWS : K > 2 * KC ? 8 * MR : 2 * MR;
    rowBlocks = ceilDiv(M, rows);
    panels = ceilDiv(N, NR);
    // Few row blocks (a weight's gradient, a small batch): also cut the columns. A transposed A is copied by every group.
    const int least = transposed ? 4 : 1, wanted = workerCount() == 1 ? 1 : 8 * workerCount();
    panelGroups = rowBlocks >= wanted || rowBlocks == 0 ? 1 : minimum(ceilDiv(panels, least), ceilDiv(wanted, rowBlocks));
    groupSize = ceilDiv(panels, maximum(1, panelGroups));
    panelGroups = ceilDiv(panels, maximum(1, groupSize));
  }
  int count() const { return rowBlocks * panelGroups; }
};

static void productTask(const Partition& p, int task, int M, int N, int K, const float* a, ptrdiff_t rs, ptrdiff_t cs,
                        const float* packed, float* c, ptrdiff_t ldc, const Finish& f) {
  const int m0 = task / p.panelGroups * p.rows, j0 = task % p.panelGroups * p.groupSize;
  productBlock(m0, minimum(M, m0 + p.rows), j0, minimum(p.panels, j0 + p.groupSize), N, K, a, rs, cs, copies(packed, K), c, ldc, f);
}

static void product(int M, int N, int K, const float* a, ptrdiff_t rs, ptrdiff_t cs, const float* packed, float* c,
                    ptrdiff_t ldc, const Finish& f) {
  Partition p(M, N, K, cs > 1);
  parallel(p.count(), (double)M * N * K, [&](int task, int) { productTask(p, task, M, N, K, a, rs, cs, packed, c, ldc, f); });
}

/// Rows of few: B is read in place, [K × N] with row stride ldb, by column blocks of `V` vectors.
template <int M>
static void fewRows(int N, int K, const float* a, ptrdiff_t rs, const float* b, ptrdiff_t ldb, float* c, ptrdiff_t ldc,
                    const Finish& f) {
  constexpr int V = (M <= 2 ? 2 : 1) * FEW_V;
  int n0 = 0;
  for (; n0 + V * W <= N; n0 += V * W) micro<M, V, false>(K, a, rs, 1, b + n0, (int)ldb, c + n0, ldc, b + n0);
  for (; n0 + W <= N; n0 += W) micro<M, 1, false>(K, a, rs, 1, b + n0, (int)ldb, c + n0, ldc, b + n0);
  for (; n0 < N; n0++)
    for (int i = 0; i < M; i++) {
      float s = 0;
      for (int k = 0; k < K; k++) s += a[i * rs + k] * b[k * ldb + n0];
      c[i * ldc + n0] = s;
    }
  finish(c, ldc, M, N, 0, 0, f);
}

/// Panels for few rows are wider, so that one or two rows have accumulators enough to hide the latency of a product, and
/// each read of a panel is in order: worth a copy where the weights are used again at every step of a chain.
constexpr int FEW_NR = FEW_V * W;

static void packFewTo(const float* b, int K, int N, float* to) {
  parallel(ceilDiv(N, FEW_NR), MOVE * K * N, [=](int j, int) {
    const int n0 = j * FEW_NR, n = minimum(FEW_NR, N - n0);
    float* row = to + (size_t)n0 * K;
    for (int k = 0; k < K; k++, row += FEW_NR) {
      int i = 0;
      for (; i + W <= n; i += W) store(row + i, load(b + (size_t)k * N + n0 + i));
      for (; i < n; i++) row[i] = b[(size_t)k * N + n0 + i];
      for (; i < FEW_NR; i++) row[i] = 0;
    }
  });
}

static float* packFew(const float* b, int K, int N) {
  float* to = (float*)workspace(4 * (size_t)ceilDiv(N, FEW_NR) * FEW_NR * K);
  packFewTo(b, K, N, to);
  return to;
}

template <int M>
static void fewRowsPacked(int N, int K, const float* a, ptrdiff_t rs, const float* packed, float* c, ptrdiff_t ldc,
                          const Finish& f) {
  for (int n0 = 0; n0 < N; n0 += FEW_NR) {
    const float* panel = packed + (size_t)n0 * K;
    const int n = minimum(FEW_NR, N - n0);
    if (n == FEW_NR) {
      micro<M, FEW_V, false>(K, a, rs, 1, panel, FEW_NR, c + n0, ldc, panel);
      continue;
    }
    float part[M * FEW_NR];
    if (n <= W)
      micro<M, 1, false>(K, a, rs, 1, panel, FEW_NR, part, FEW_NR, panel);
    else
      micro<M, FEW_V, false>(K, a, rs, 1, panel, FEW_NR, part, FEW_NR, panel);
    for (int i = 0; i < M; i++)
      for (int q = 0; q < n; q++) c[i * ldc + n0 + q] = part[i * FEW_NR + q];
  }
  finish(c, ldc, M, N, 0, 0, f);
}

/// As `fewRows`, for any number of rows; for products too small to be worth packing.
static void smallProduct(int M, int N, int K, const float* a, ptrdiff_t rs, const float* b, ptrdiff_t ldb, float* c,
                         ptrdiff_t ldc, Finish f, bool packed = false) {
  while (M > 0) {
    const int m = M >= 4 ? 4 : M >= 2 ? 2 : 1;
    if (packed) {
      if (m == 4) fewRowsPacked<4>(N, K, a, rs, b, c, ldc, f);
      if (m == 2) fewRowsPacked<2>(N, K, a, rs, b, c, ldc, f);
      if (m == 1) fewRowsPacked<1>(N, K, a, rs, b, c, ldc, f);
    } else {
      if (m == 4) fewRows<4>(N, K, a, rs, b, ldb, c, ldc, f);
      if (m == 2) fewRows<2>(N, K, a, rs, b, ldb, c, ldc, f);
      if (m == 1) fewRows<1>(N, K, a, rs, b, ldb, c, ldc, f);
    }
    M -= m;
    a += m * rs;
    c += m * ldc;
    if (f.rowAdd) f.rowAdd += m * f.rowAddStride;
    if (f.z) f.z += m * f.zStride;
  }
}

}  // namespace
}  // namespace agent
