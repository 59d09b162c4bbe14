// The kernels in bfloat16, for two sets of instructions: tables with which the add-on replaces those of AVX-512.
#include "bf16.h"

namespace agent {

extern const KernelTable bf16_amx[] = {
    {"denoise", denoise16<ByTiles>},
    {"judge", judge16<ByTiles>},
    {"packFewRows", packFewRows16},
    {nullptr, nullptr},
};

/// Three products for one are slower here than one of float32: critics judge in that.
extern const KernelTable bf16_avx512[] = {
    {"denoise", denoise16<ByVectors>},
    {"packFewRows", packFewRows16},
    {nullptr, nullptr},
};

}  // namespace agent
