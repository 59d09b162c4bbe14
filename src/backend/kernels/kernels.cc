// All kernels for one instruction set: compiled once for each, with AGENT_ISA naming its table.
#include "kernels.h"
#include "denoise.h"
#include "dense.h"
#include "block.h"
#include "elementwise.h"
#include "finite.h"
#include "losses.h"
#include "mlp.h"
#include "optimizer.h"

namespace agent {
namespace {

/// Rows of a matrix in parts: the first has `first` rows, each further one as many as all before it. ints: rows, columns,
/// first. buffers: indices, out, parts.
double gatherRows(void** p, const int32_t* n, const double*) {
  constexpr int AHEAD = 16;  // rows that are asked for meanwhile: they lie far apart in memory
  const uint32_t *index = (const uint32_t*)p[0], first = (uint32_t)n[2];
  const size_t width = (size_t)n[1];
  const auto find = [=](int i) {
    const uint32_t row = index[i];
    const int part = row < first ? 0 : 32 - __builtin_clz(row / first);
    const size_t start = part ? (size_t)first << (part - 1) : 0;
    return (const float*)p[2 + part] + (row - start) * width;
  };
  const float* found[AHEAD];
  for (int i = 0; i < n[0] + AHEAD; i++) {
    const float*& place = found[i % AHEAD];
    if (i >= AHEAD) __builtin_memcpy((float*)p[1] + (i - AHEAD) * width, place, 4 * width);
    if (i >= n[0]) continue;
    place = find(i);
    for (size_t j = 0; j < width; j += LINE) __builtin_prefetch(place + j);
    __builtin_prefetch(place + width - 1);
  }
  return 0;
}

}  // namespace

#define TABLE_NAME2(isa) kernels_##isa
#define TABLE_NAME(isa) TABLE_NAME2(isa)
extern const KernelTable TABLE_NAME(AGENT_ISA)[] = {
    {"matMul", matMul},
    {"denseForward", denseForward},
    {"denseBackward", denseBackward},
    {"adam", adam},
    {"polyak", polyak},
    {"denoise", denoise},
    {"judge", judge},
    {"bestRows", bestRows},
    {"packFewRows", packFewRows},
    {"gatherRows", gatherRows},
    {"unary", unary},
    {"mishBackward", mishBackward},
    {"binary", binary},
    {"reduce", reduce},
    {"mlpForward", mlpForward},
    {"mlpBackward", mlpBackward},
    {"mlpWeights", mlpWeights},
    {"mlpInput", mlpInput},
    {"blockForward", blockForward},
    {"blockBackward", blockBackward},
    {"finite", finite},
    {"squashedForward", squashedForward},
    {"squashedBackward", squashedBackward},
    {"leastBackward", leastBackward},
    {"perturb", perturb},
    {"expectileError", expectileError},
    {"expectileErrorBackward", expectileErrorBackward},
    {"bootstrap", bootstrap},
    {"softObjective", softObjective},
    {"softObjectiveBackward", softObjectiveBackward},
    {"squaredErrors", squaredErrors},
    {"squaredErrorsBackward", squaredErrorsBackward},
    {nullptr, nullptr},
};

}  // namespace agent
