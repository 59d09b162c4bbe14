// Whether this process may multiply in bfloat16. Compiled for any processor, unlike the kernels it tells of.
#include "precision.h"

#if defined(AGENT_BF16)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace agent {

#if defined(AGENT_BF16)
extern const KernelTable bf16_amx[], bf16_avx512[];

namespace {

const char* avx512Missing() {
  unsigned a, b, c, d;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  const bool known = __get_cpuid_count(7, 1, &a, &b, &c, &d);
  return avx512 && known && (a >> 5 & 1) ? nullptr : "the processor has no AVX512-BF16";
}

/// The tile registers are 8 kB more for the system to save: it is asked for them once, for all threads of the process.
const char* amxMissing() {
  unsigned a, b, c, d, low, high;
  if (const char* missing = avx512Missing()) return missing;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d >> 22 & 1) || !(d >> 24 & 1)) return "the processor has no AMX-BF16";
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  constexpr unsigned TILES = 3u << 17;  // configuration and data
  if ((low & TILES) != TILES) return "the system does not keep AMX registers (Linux 5.16 or newer does)";
  constexpr long REQUEST_PERMISSION = 0x1023, TILE_DATA = 18;
  if (syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA)) return "the system does not permit AMX to this process";
  return nullptr;
}

}  // namespace

const Bf16* bf16Ways(int& count) {
  __builtin_cpu_init();
  // AMD's issue two of its products in the time of Intel's one.
  static const char* slow = __builtin_cpu_is("amd") ? nullptr : "this processor multiplies bfloat16 by vectors no faster than float32";
  static const Bf16 ways[] = {{"amx", bf16_amx, amxMissing(), nullptr}, {"avx512_bf16", bf16_avx512, avx512Missing(), slow}};
  count = 2;
  return ways;
}
#else
const Bf16* bf16Ways(int& count) {
  count = 0;
  return nullptr;
}
#endif

}  // namespace agent
