#pragma once
#include "../kernels/kernels.h"
namespace agent {
/// A way to multiply bfloat16: its name, the kernels that then replace those of AVX-512, why this process cannot use it,
/// null where it can, and why it is not faster than float32 here, null where it is.
struct Bf16 {
  const char* name;
  const KernelTable* kernels;
  const char* missing;
  const char* slow;
};
/// All ways, the fastest first; none where the compiler did not know them.
const Bf16* bf16Ways(int& count);
}  // namespace agent
