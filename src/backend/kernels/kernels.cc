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

/// ints: rows, columns. buffers: source, indices, out.
double gatherRows(void** p, const int32_t* n, const double*) {
  const float* source = (const float*)p[0];
  const int32_t* index = (const int32_t*)p[1];
  for (int i = 0; i < n[0]; i++)
    __builtin_memcpy((float*)p[2] + (size_t)i * n[1], source + (size_t)index[i] * n[1], 4 * (size_t)n[1]);
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
