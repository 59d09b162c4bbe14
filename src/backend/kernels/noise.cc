// Noise for one instruction set, compiled with -ffp-contract=off (see noise.h).
#include "noise.h"

namespace agent {
#define TABLE_NAME2(isa) noise_##isa
#define TABLE_NAME(isa) TABLE_NAME2(isa)
extern const KernelTable TABLE_NAME(AGENT_ISA)[] = {
    {"normal", normal}, {"uniform", uniform}, {"integers", integers}, {nullptr, nullptr}};
}  // namespace agent
