// Whether every number of many tensors is finite, in one pass.
#pragma once
#include "optimizer.h"

namespace agent {
namespace {

/// ints: tensors, then the size of each. buffers: the tensors. Returns the number of the first tensor that holds a NaN
/// or an infinity, −1 if none does.
static double finite(void** p, const int32_t* n, const double*) {
  const int tensors = n[0], count = chunksOf(n + 1, tensors);
  const Chunk* chunks = chunkList(n + 1, tensors);
  int8_t* bad = (int8_t*)workspace(count + 1);
  parallel(count, MOVE * CHUNK * count, [&](int task, int) {
    const float* x = (const float*)p[chunks[task].tensor] + chunks[task].begin;
    const int length = chunks[task].count;
    vf zero = {};  // stays 0 while every x is finite: x − x is NaN where it is not
    int i = 0;
    for (; i + W <= length; i += W) {
      const vf a = load(x + i);
      zero = zero + (a - a);
    }
    if (i < length) {
      const vf a = loadPart(x + i, length - i);
      zero = zero + (a - a);
    }
    bad[task] = sumLanes(zero) != 0.0f;
  });
  for (int i = 0; i < count; i++)
    if (bad[i]) return chunks[i].tensor;
  return -1;
}

}  // namespace
}  // namespace agent
