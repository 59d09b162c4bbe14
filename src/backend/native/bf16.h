// Forward passes in bfloat16 with float32 accumulation, for processors that multiply it in tiles (AMX) or in vectors
// (AVX512-BF16): the sampling chain and the judging of candidates, with the arguments of `denoise.h`.
//
// What would cost accuracy and no time stays better than bfloat16: the states' and the times' part of layer 1 and the
// chain itself are float32, as there, by vectors the action's part of layer 1 too. By tiles that part, and with `SPLIT`
// every layer, is made of three products of numbers in two parts, x = hi + lo to 2⁻¹⁶: hi·hi + lo·hi + hi·lo.
//
// A sum is made of tiles of 32 terms, in their order, whatever rows are beside it: a row alone gives the same bits.
#pragma once
#include "../kernels/denoise.h"

namespace agent {
namespace {

/// Terms, rows and columns of a tile; its numbers.
constexpr int DEPTH = 32, SIDE = 16, TILE = DEPTH * SIDE;

INLINE __m256i narrow(vf x) { return (__m256i)_mm512_cvtneps_pbh((__m512)x); }
INLINE vi widen(__m256i x) { return (vi)_mm512_cvtepu16_epi32(x); }
/// Two vectors as 32 numbers of bfloat16.
INLINE __m512i narrow(vf first, vf second) { return (__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first); }
/// What of x is lost by `narrow`.
INLINE vf rest(vf x) { return x - floats(widen(narrow(x)) << 16); }

/// A weight [K, N] in tiles, column by column of tiles: a row of a tile holds the terms 2r and 2r + 1 of 16 columns.
/// Zeros behind row K and column N. `lo` begins where `hi` ends.
struct Tiles {
  const uint16_t* hi;
  int depth, columns;  // tiles
  int last;            // rows of the last tile in depth that hold terms
  const uint16_t* lo() const { return hi + (size_t)depth * columns * TILE; }
};
/// Tiles that hold N columns: an even number, so that the results of a layer are whole tiles of terms for the next.
INLINE int tileColumns(int N) { return 2 * ceilDiv(N, 2 * SIDE); }

INLINE Tiles tilesAt(const uint16_t* at, int K, int N) {
  const int depth = ceilDiv(K, DEPTH);
  return {at, depth, tileColumns(N), ceilDiv(K - (depth - 1) * DEPTH, 2)};
}

static Tiles packTiles(const float* w, int K, int N, uint16_t* to) {
  const Tiles tiles = tilesAt(to, K, N);
  const size_t toLo = tiles.lo() - tiles.hi;
  parallel(tiles.columns, MOVE * K * N, [=](int j, int) {
    const int left = N - j * SIDE;
    uint16_t* at = to + (size_t)j * tiles.depth * TILE;
    for (int k = 0; k < tiles.depth * DEPTH; k += 2, at += 2 * SIDE) {
      const float* row = w + (size_t)k * N + j * SIDE;
      const vf a = k < K && left > 0 ? loadSome(row, left) : vf{};
      const vf b = k + 1 < K && left > 0 ? loadSome(row + N, left) : vf{};
      *(viu*)at = widen(narrow(a)) | widen(narrow(b)) << 16;
      *(viu*)(at + toLo) = widen(narrow(rest(a))) | widen(narrow(rest(b))) << 16;
    }
  });
  return tiles;
}

static Tiles packTiles(const float* w, int K, int N) {
  const size_t size = 2 * (size_t)ceilDiv(K, DEPTH) * tileColumns(N) * TILE;
  return packTiles(w, K, N, (uint16_t*)workspace(sizeof(uint16_t) * size));
}

/// Rows of a tile of work, what they hold in bfloat16: [depth][rows][32], and their rests behind that.
struct Rows16 {
  uint16_t* hi;
  int rows;
  ptrdiff_t toLo;
  uint16_t* at(int k, int row) const { return hi + ((ptrdiff_t)k * rows + row) * DEPTH; }
};

/// The pairs of parts whose products are added up: 0 is hi, 1 is lo.
constexpr int PARTS[3][2] = {{0, 0}, {1, 0}, {0, 1}};

/// A block of a layer's product: c [16 M × 16 N] = first + Σ x · w for M tiles of rows from `row` and N tiles of columns
/// from `column`. `first` begins a row every `step` bytes, 0 repeats it; `terms` is 1, or 3 for numbers in two parts.
struct Block {
  const Rows16& x;
  const Tiles& w;
  int terms, row, column;
  const float* first;
  ptrdiff_t step;
  float* c;
  const uint16_t* left(int term, int k) const { return x.at(k, row) + PARTS[term][0] * x.toLo; }
  const uint16_t* right(int term, int k, int n) const {
    return (PARTS[term][1] ? w.lo() : w.hi) + ((ptrdiff_t)(column + n) * w.depth + k) * TILE;
  }
};

/// Products by the tile registers: 0 … 3 hold results, 4 and 5 rows, 6 and 7 weights.
struct ByTiles {
  /// Whether the first layer's products are float32.
  static constexpr bool FIRST_IN_FLOAT = false;
  struct alignas(64) Shape {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t bytes[16] = {};
    uint8_t rows[16] = {};
  };
  /// For tiles of up to 16 rows, on this thread until `end`.
  static void begin(int rows) {
    Shape shape;
    for (int t = 0; t < 8; t++) {
      shape.bytes[t] = 64;
      shape.rows[t] = (uint8_t)(t < 6 ? minimum(rows, SIDE) : SIDE);
    }
    asm volatile("ldtilecfg %0" ::"m"(shape) : "memory");
  }
  static void end() { asm volatile("tilerelease" ::: "memory"); }

  // Not the compiler's intrinsics: those of g++ do not tell it that they read memory.
  template <int T>
  INLINE void load(const void* from, ptrdiff_t step) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(step), "i"(T) : "memory");
  }
  template <int T>
  INLINE void store(void* to, ptrdiff_t step) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(step), "i"(T) : "memory");
  }
  template <int C, int A, int B>
  INLINE void multiply() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(C), "i"(A), "i"(B));
  }

  template <int M, int N, int n = 0>
  INLINE void start(const Block& b) {
    load<n>(b.first + n * SIDE, b.step);
    if constexpr (M == 2) load<N + n>(b.first + SIDE * b.step / 4 + n * SIDE, b.step);
    if constexpr (n + 1 < N) start<M, N, n + 1>(b);
  }
  template <int M, int N, int n = 0>
  INLINE void columns(const Block& b, int term, int k) {
    load<6 + n % 2>(b.right(term, k, n), 64);
    multiply<n, 4, 6 + n % 2>();
    if constexpr (M == 2) multiply<N + n, 5, 6 + n % 2>();
    if constexpr (n + 1 < N) columns<M, N, n + 1>(b, term, k);
  }
  template <int M, int N, int n = 0>
  INLINE void finish(const Block& b) {
    store<n>(b.c + n * SIDE, 4 * N * SIDE);
    if constexpr (M == 2) store<N + n>(b.c + SIDE * N * SIDE + n * SIDE, 4 * N * SIDE);
    if constexpr (n + 1 < N) finish<M, N, n + 1>(b);
  }
  /// `meanwhile` is called once per tile of terms: the vector units are idle.
  template <int M, int N, class F>
  static void product(const Block& b, int, F&& meanwhile) {
    start<M, N>(b);
    for (int term = 0; term < b.terms; term++)
      for (int k = 0; k < b.w.depth; k++) {
        load<4>(b.left(term, k), 64);
        if constexpr (M == 2) load<5>(b.left(term, k) + TILE, 64);
        columns<M, N>(b, term, k);
        meanwhile();
      }
    finish<M, N>(b);
  }
};

/// The same by vectors, of the `rows` first rows.
struct ByVectors {
  static constexpr bool FIRST_IN_FLOAT = true;
  static void begin(int) {}
  static void end() {}
  template <int M, int N, class F>
  static void product(const Block& b, int rows, F&& meanwhile) {
    constexpr int R = N > 2 ? 4 : 8;
    for (int r = 0; r < rows; r += R) {
      __m512 acc[R][N];
#pragma GCC unroll 8
      for (int i = 0; i < R; i++)
#pragma GCC unroll 4
        for (int n = 0; n < N; n++) acc[i][n] = (__m512)load((const float*)((const char*)b.first + (r + i) * b.step) + n * SIDE);
      for (int term = 0; term < b.terms; term++)
        for (int k = 0; k < b.w.depth; k++) {
          const int32_t* x = (const int32_t*)(b.left(term, k) + r * DEPTH);
          const uint16_t* w = b.right(term, k, 0);
          const int pairs = k + 1 < b.w.depth ? SIDE : b.w.last;
          for (int q = 0; q < pairs; q++)
#pragma GCC unroll 4
            for (int n = 0; n < N; n++) {
              const __m512bh column = (__m512bh)_mm512_loadu_si512(w + (ptrdiff_t)n * b.w.depth * TILE + q * DEPTH);
#pragma GCC unroll 8
              for (int i = 0; i < R; i++)
                acc[i][n] = _mm512_dpbf16_ps(acc[i][n], (__m512bh)_mm512_set1_epi32(x[i * SIDE + q]), column);
            }
        }
#pragma GCC unroll 8
      for (int i = 0; i < R; i++)
#pragma GCC unroll 4
        for (int n = 0; n < N; n++) store(b.c + (r + i) * N * SIDE + n * SIDE, (vf)acc[i][n]);
    }
    meanwhile();
  }
};

/// tanh(ln(1 + eˣ)) by parabolas a₀ + a₁x + a₂x² of least relative error (6.5e-4, a third of what rounding the result
/// loses), one for each x rounded to halves: from −10 to 5, in the order of the five low bits of 2x. 0 below, 1 above.
alignas(64) static const float MISH_PARABOLAS[3][32] = {
    {0.5999768f, 0.5966531f, 0.5903154f, 0.6268739f, 0.7167183f, 0.8180629f, 0.8969179f, 0.946518f, 0.973902f, 0.987805f, 0.994478f,
     0.0f, 0.002763848f, 0.004155432f, 0.006219965f, 0.009264663f, 0.0137248f, 0.02020859f, 0.02955149f, 0.04287619f, 0.06164783f, 0.08770092f,
     0.1231915f, 0.1703897f, 0.2311737f, 0.3060243f, 0.3923255f, 0.4820714f, 0.5602419f, 0.6078873f, 0.6160307f, 0.6036549f},
    {0.3178732f, 0.3446744f, 0.3653568f, 0.3087187f, 0.2057833f, 0.1149045f, 0.0569796f, 0.02615708f, 0.01141856f, 0.00482089f, 0.001989541f,
     0.0f, 0.0004979382f, 0.0007836404f, 0.001230435f, 0.001927038f, 0.003009384f, 0.004684423f, 0.007264721f, 0.01121758f, 0.01723227f, 0.0263067f,
     0.03984668f, 0.05975021f, 0.08839972f, 0.1283814f, 0.1815568f, 0.2468504f, 0.3161681f, 0.3699279f, 0.3813059f, 0.3461368f},
    {-0.01527329f, -0.07410141f, -0.0905848f, -0.06860711f, -0.03907523f, -0.01868221f, -0.008038132f, -0.00324766f, -0.001263919f, -0.000481003f, -0.0001806106f,
     0.0f, 2.260938e-05f, 3.727435e-05f, 6.144901e-05f, 0.0001012959f, 0.0001669644f, 0.0002751571f, 0.0004533293f, 0.000746522f, 0.001228383f, 0.002018672f,
     0.00331032f, 0.005409127f, 0.008785949f, 0.01412699f, 0.02232214f, 0.03420614f, 0.04958869f, 0.06477692f, 0.06868214f, 0.04357446f},
};

/// x · tanh(ln(1 + eˣ))
INLINE vf briefMish(vf x) {
  const vf c = minimum(maximum(x, splat(-10.5f)), splat(5.2f));
  const __m512i i = (__m512i)fma(c, splat(2.0f), splat(12582912.0f));  // 2x in the low bits
  vf a[3];
  for (int d = 0; d < 3; d++)
    a[d] = (vf)_mm512_permutex2var_ps((__m512)load(MISH_PARABOLAS[d]), i, (__m512)load(MISH_PARABOLAS[d] + 16));
  return x * fma(fma(a[2], c, a[1]), c, a[0]);
}

template <int A, bool SPLIT>
INLINE vf activate16(vf x) {
  if constexpr (A == MISH && !SPLIT) return briefMish(x);
  return activate<A>(x);
}

/// What becomes of a block when its product is there: a row of work for the vector units. `column` [N] may be null.
template <int A, bool SPLIT, int N>
struct Finisher {
  const float* c = nullptr;
  const float* column = nullptr;
  uint16_t* to = nullptr;  // rows of the next layer's terms
  ptrdiff_t next = 0, toLo = 0;
  int left = 0;
  inline __attribute__((always_inline)) void pair(int n) {
    vf x = load(c + n * SIDE), y = load(c + (n + 1) * SIDE);
    if (column) {
      x = x + load(column + n * SIDE);
      y = y + load(column + (n + 1) * SIDE);
    }
    x = activate16<A, SPLIT>(x);
    y = activate16<A, SPLIT>(y);
    uint16_t* at = to + n / 2 * next;
    _mm512_store_si512(at, narrow(x, y));
    if constexpr (SPLIT) _mm512_store_si512(at + toLo, narrow(rest(x), rest(y)));
  }
  inline __attribute__((always_inline)) void run(int rows) {
    for (; rows > 0 && left > 0; rows--, left--) {
      for (int n = 0; n < N; n += 2) pair(n);
      c += N * SIDE;
      to += DEPTH;
    }
  }
};

/// A network of dense layers as this file takes it, and where a row's first sums come from.
struct Net16 {
  int count, activation;
  bool split;  // every layer's products of numbers in two parts, or the first layer's alone
  const Tiles* weights;
  const float* const* biases;  // in whole tiles; the first is not used
  const float* first;          // layer 1's weight in whole tiles where it is taken in float32, else null
  int inputs;                  // its rows
};

/// The buffers of a tile of work: `rows` rows, a multiple of 16, of at most `depth` tiles of terms; `state` holds the first
/// sums of layer 1, `out` what the last layer gives [rows][ldOut].
struct Work16 {
  int rows, ldOut, ldState;
  Rows16 x, h, other;
  float *state, *out, *c;
  const float* input;  // [rows][net.inputs], read where layer 1 is taken in float32; else x
};

/// Layer 1 of `count` rows in float32: so few terms are fewer products than the three of numbers in two parts.
template <int A, bool SPLIT>
static void firstLayer(int count, const Net16& net, const float* column, const Work16& work, const Rows16& y) {
  constexpr int R = 8, N = 2;
  const int ld = work.ldState;
  alignas(64) float c[R * N * SIDE];
  for (int j = 0; j < ld; j += N * SIDE)
    for (int row = 0; row < count; row += R) {
      vf acc[R][N];
#pragma GCC unroll 8
      for (int i = 0; i < R; i++)
        for (int n = 0; n < N; n++) acc[i][n] = load(work.state + (size_t)(row + i) * ld + j + n * SIDE);
      for (int k = 0; k < net.inputs; k++) {
        const float *w = net.first + (size_t)k * ld + j, *x = work.input + (size_t)row * net.inputs + k;
#pragma GCC unroll 8
        for (int i = 0; i < R; i++)
          for (int n = 0; n < N; n++) acc[i][n] = fma(splat(x[i * net.inputs]), load(w + n * SIDE), acc[i][n]);
      }
#pragma GCC unroll 8
      for (int i = 0; i < R; i++)
        for (int n = 0; n < N; n++) store(c + (i * N + n) * SIDE, acc[i][n]);
      Finisher<A, SPLIT, N>{c, column ? column + j : nullptr, y.at(j / DEPTH, row), 0, y.toLo, R}.run(R);
    }
}

/// Layer l < count − 1 of `count` rows from x to y. M tiles of rows by N of columns at a time; while the tile registers
/// multiply a block, the vector units finish the one before.
template <class By, int A, bool SPLIT, int M, int N>
static void hiddenLayer(int count, const Net16& net, int l, const float* column, const Work16& work, const Rows16& x, const Rows16& y) {
  const Tiles& w = net.weights[l];
  const int terms = l == 0 || SPLIT ? 3 : 1, share = ceilDiv(M * SIDE, terms * w.depth);
  Finisher<A, SPLIT, N> pending;
  int flip = 0;
  for (int j = 0; j < w.columns; j += N)
    for (int i = 0; i < count; i += M * SIDE, flip ^= 1) {
      float* c = work.c + flip * 4 * SIDE * SIDE;
      const float* first = l == 0 ? work.state + (size_t)i * work.ldState : net.biases[l];
      const Block block = {x, w, terms, i, j, first + j * SIDE, l == 0 ? 4 * (ptrdiff_t)work.ldState : 0, c};
      const int rows = minimum(M * SIDE, count - i);
      By::template product<M, N>(block, rows, [&] { pending.run(share); });
      pending.run(M * SIDE);
      pending = {c, column ? column + j * SIDE : nullptr, y.at(j / 2, i), (ptrdiff_t)y.rows * DEPTH, y.toLo, rows};
    }
  pending.run(M * SIDE);
}

/// The last layer, linear: to `work.out`, of which the columns are whole tiles.
template <class By, int M, int N>
static void lastLayer(int count, const Net16& net, const float* column, const Work16& work, const Rows16& x) {
  const int l = net.count - 1, terms = l == 0 || net.split ? 3 : 1;
  for (int j = 0; j < work.ldOut / SIDE; j += N)
    for (int i = 0; i < count; i += M * SIDE) {
      const float* first = l == 0 ? work.state + (size_t)i * work.ldState : net.biases[l];
      const ptrdiff_t step = l == 0 ? 4 * (ptrdiff_t)work.ldState : 0;
      By::template product<M, N>({x, net.weights[l], terms, i, j, first + j * SIDE, step, work.c}, minimum(M * SIDE, count - i), [] {});
      for (int r = i; r < minimum(i + M * SIDE, count); r++)
        for (int n = j; n < j + N; n++) {
          const vf y = load(work.c + (r - i) * N * SIDE + (n - j) * SIDE);
          store(work.out + (size_t)r * work.ldOut + n * SIDE, column ? y + load(column + n * SIDE) : y);
        }
    }
}

template <class By, int A, bool SPLIT>
static void layers16(int count, const Net16& net, const float* column, const Work16& work) {
  Rows16 x = work.x, y = work.h;
  const bool few = count <= SIDE;
  for (int l = 0; l + 1 < net.count; l++) {
    const float* add = l == 0 ? column : nullptr;
    if (By::FIRST_IN_FLOAT && l == 0)
      firstLayer<A, SPLIT>(count, net, add, work, y);
    else if (!few)
      hiddenLayer<By, A, SPLIT, 2, 2>(count, net, l, add, work, x, y);
    else if (net.weights[l].columns % 4 == 0)
      hiddenLayer<By, A, SPLIT, 1, 4>(count, net, l, add, work, x, y);
    else
      hiddenLayer<By, A, SPLIT, 1, 2>(count, net, l, add, work, x, y);
    const Rows16 read = x;
    x = y;
    y = l == 0 ? work.other : read;
  }
  const float* add = net.count == 1 ? column : nullptr;
  if (work.ldOut > SIDE)
    few ? lastLayer<By, 1, 2>(count, net, add, work, x) : lastLayer<By, 2, 2>(count, net, add, work, x);
  else
    few ? lastLayer<By, 1, 1>(count, net, add, work, x) : lastLayer<By, 2, 1>(count, net, add, work, x);
}

/// All layers of `count` rows: from work.x to work.out; `column` [H] is added to the sums of layer 1, null: nothing.
template <class By>
static void forward16(int count, const Net16& net, const float* column, const Work16& work) {
  switch (net.activation) {
#define WITH(A) \
  case A: return net.split ? layers16<By, A, true>(count, net, column, work) : layers16<By, A, false>(count, net, column, work)
    WITH(LINEAR);
    WITH(RELU);
    WITH(MISH);
    WITH(SILU);
    WITH(TANH);
#undef WITH
  }
}

/// Numbers [count, width] as the terms of layer 1, in two parts.
static void toTerms(const float* from, int count, int width, const Rows16& to) {
  for (int i = 0; i < count; i++)
    for (int j = 0; j < width; j += SIDE) {
      const vf x = loadSome(from + (size_t)i * width + j, width - j);
      uint16_t* at = to.at(j / DEPTH, i) + j % DEPTH;
      _mm256_store_si256((__m256i*)at, narrow(x));
      _mm256_store_si256((__m256i*)(at + to.toLo), narrow(rest(x)));
    }
}

/// Rows padded with zeros to whole tiles.
static float* padded(const float* from, int rows, int columns) {
  const int ld = tileColumns(columns) * SIDE;
  float* to = (float*)workspace(4 * (size_t)rows * ld);
  for (int i = 0; i < rows; i++) {
    for (int j = 0; j < columns; j++) to[(size_t)i * ld + j] = from[(size_t)i * columns + j];
    for (int j = columns; j < ld; j++) to[(size_t)i * ld + j] = 0;
  }
  return to;
}

/// A network given as weight, bias of each layer: `first` is the part of its first weight for the rows. The weights behind
/// it come as `packTiles` leaves them if rows are few.
template <class By>
static Net16 net16(int rows, int count, int activation, bool split, const int32_t* sizes, void** weightBias, const float* first,
                   int firstRows) {
  Tiles* weights = (Tiles*)workspace(sizeof(Tiles) * count);
  const float** biases = (const float**)workspace(sizeof(float*) * count);
  const bool inFloat = By::FIRST_IN_FLOAT && count > 1;
  for (int l = 0; l < count; l++) {
    const int in = l ? sizes[l] : firstRows, out = sizes[l + 1];
    if (l || !inFloat)
      weights[l] = l && rows <= FEW_ROWS ? tilesAt((const uint16_t*)weightBias[2 * l], in, out)
                                       : packTiles(l ? (const float*)weightBias[2 * l] : first, in, out);
    biases[l] = l ? padded((const float*)weightBias[2 * l + 1], 1, out) : nullptr;
  }
  return {count, activation, split, weights, biases, inFloat ? padded(first, firstRows, sizes[1]) : nullptr, firstRows};
}

/// Rows of a task: few enough for the first- and second-level cache, many enough to reuse a weight.
INLINE int taskRows(int rows) { return rows <= SIDE ? SIDE : rows < 256 ? 2 * SIDE : 4 * SIDE; }

/// A worker's buffers.
struct Buffers16 {
  int rows, x, h, ldState, ldOut;
  Buffers16(int rows, int layers, const int32_t* sizes, int width)
      : rows(rows), x(ceilDiv(width, DEPTH)), h(1), ldState(tileColumns(sizes[1]) * SIDE), ldOut(ceilDiv(sizes[layers], SIDE) * SIDE) {
    for (int l = 1; l < layers; l++) h = maximum(h, ceilDiv(sizes[l], DEPTH));
    if (ldOut > SIDE) ldOut = tileColumns(sizes[layers]) * SIDE;
  }
  size_t terms(int depth) const { return 2 * sizeof(uint16_t) * depth * rows * DEPTH; }
  size_t floats() const { return (size_t)rows * (ldState + ldOut) + 8 * SIDE * SIDE; }
  size_t bytes() const { return terms(x) + 2 * terms(h) + 4 * floats(); }
  Work16 at(char* from) const {
    Work16 work;
    work.rows = rows;
    work.ldOut = ldOut;
    work.ldState = ldState;
    work.x = {(uint16_t*)from, rows, (ptrdiff_t)x * rows * DEPTH};
    work.h = {(uint16_t*)(from + terms(x)), rows, (ptrdiff_t)h * rows * DEPTH};
    work.other = {(uint16_t*)(from + terms(x) + terms(h)), rows, (ptrdiff_t)h * rows * DEPTH};
    work.c = (float*)(from + terms(x) + 2 * terms(h));
    work.state = work.c + 8 * SIDE * SIDE;
    work.out = work.state + (size_t)rows * ldState;
    __builtin_memset(from, 0, terms(x));  // those behind the last
    return work;
  }
  char* make() const { return (char*)workspace(bytes() * workerCount()); }
};

/// Multiply-adds of bfloat16 are so much cheaper than those that `parallel` weighs a job by.
constexpr double CHEAPER = 0.15;

/// As `denoise`, of `denoise.h`; of few rows the weights behind the first as `packTiles` leaves them.
template <class By>
static double denoise16(void** p, const int32_t* n, const double*) {
  const int layers = n[0], B = n[2], K = n[3], A = n[4], E = n[5], S = n[6], T = n[7], rows = B * K;
  const int32_t* sizes = n + 8;
  const int H = sizes[1], tile = taskRows(rows), ld = tileColumns(H) * SIDE;
  float* out = (float*)p[0];
  const float *start = (const float*)p[1], *stepNoise = (const float*)p[2], *coefficients = (const float*)p[5];
  void** weightBias = p + 6;
  const float* first = (const float*)weightBias[0];
  const float* perState = padded(smallOrPacked(B, H, S, (const float*)p[3], first + (size_t)(A + E) * H, nullptr), B, H);
  const float* perCall =
      padded(smallOrPacked(T, H, E, (const float*)p[4], first + (size_t)A * H, (const float*)weightBias[1]), T, H);
  const Net16 net = net16<By>(rows, layers, n[1], false, sizes, weightBias, first, A);
  const Buffers16 buffers(tile, layers, sizes, A);
  char* scratch = buffers.make();
  float* chains = (float*)workspace(4 * (size_t)2 * tile * A * workerCount());
  parallel(ceilDiv(rows, tile), CHEAPER * rowCost(layers, sizes) * rows * T, [&](int task, int worker) {
    const int row = task * tile, count = minimum(tile, rows - row);
    Work16 work = buffers.at(scratch + worker * buffers.bytes());
    float *x = chains + (size_t)worker * 2 * tile * A, *eps = x + (size_t)tile * A;
    work.input = x;
    By::begin(count);
    gatherStateRows(perState, B, ld, row, count, work.state);
    __builtin_memcpy(x, start + (size_t)row * A, 4 * (size_t)count * A);
    for (int t = 0; t < T; t++) {
      if (!net.first) toTerms(x, count, A, work.x);
      forward16<By>(count, net, perCall + (size_t)t * ld, work);
      for (int i = 0; i < count; i++)
        for (int j = 0; j < A; j++) eps[i * A + j] = work.out[(size_t)i * work.ldOut + j];
      const float* noise = stepNoise ? stepNoise + ((size_t)t * rows + row) * A : nullptr;
      reverseStep(x, eps, noise, count * A, coefficients + 5 * t, t == T - 1);
    }
    By::end();
    __builtin_memcpy(out + (size_t)row * A, x, 4 * (size_t)count * A);
  });
  return 0;
}

/// As `judge`, of `denoise.h`, every number in two parts: candidates differ by less than bfloat16 tells apart.
template <class By>
static double judge16(void** p, const int32_t* n, const double*) {
  const int nets = n[0], layers = n[1], B = n[3], K = n[4], A = n[5], S = n[6], rows = B * K;
  const int32_t* sizes = n + 8;
  const int H = sizes[1], tile = taskRows(rows), ld = tileColumns(H) * SIDE;
  float* q = (float*)p[0];
  const float* x = (const float*)p[1];
  Net16* net = (Net16*)workspace(sizeof(Net16) * nets);
  const float** perState = (const float**)workspace(sizeof(float*) * nets);
  for (int i = 0; i < nets; i++) {
    void** weightBias = p + 3 + (size_t)i * 2 * layers;
    const float *first = (const float*)weightBias[0], *bias = (const float*)weightBias[1];
    perState[i] = padded(smallOrPacked(B, H, S, (const float*)p[2], first, bias), B, H);
    net[i] = net16<By>(rows, layers, n[2], true, sizes, weightBias, first + (size_t)S * H, A);
  }
  const Buffers16 buffers(tile, layers, sizes, A);
  char* scratch = buffers.make();
  parallel(ceilDiv(rows, tile), 3 * CHEAPER * rowCost(layers, sizes) * rows * nets, [&](int task, int worker) {
    const int row = task * tile, count = minimum(tile, rows - row);
    const Work16 work = buffers.at(scratch + worker * buffers.bytes());
    By::begin(count);
    toTerms(x + (size_t)row * A, count, A, work.x);
    for (int i = 0; i < nets; i++) {
      gatherStateRows(perState[i], B, ld, row, count, work.state);
      forward16<By>(count, net[i], nullptr, work);
      for (int r = 0; r < count; r++) {
        float* to = q + (size_t)((row + r) % B) * K + (row + r) / B;
        const float value = work.out[(size_t)r * work.ldOut];
        *to = i == 0 || value < *to || value != value ? value : *to;
      }
    }
    By::end();
  });
  return 0;
}

/// As `packFewRows`; with a third number other than 0, `packTiles` for the kernels of this file.
static double packFewRows16(void** p, const int32_t* n, const double* reals) {
  if (!n[2]) return packFewRows(p, n, reals);
  packTiles((const float*)p[0], n[0], n[1], (uint16_t*)p[1]);
  return 0;
}

}  // namespace
}  // namespace agent
