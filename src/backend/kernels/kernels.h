// What the kernels and their two hosts (Node add-on, WASM module) share. Every kernel has one signature, so that a host
// is a loop over pointers and adding a kernel touches no host.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace agent {

/// `buffers`: input and output arrays, null where an optional one is absent; `ints`, `reals`: sizes and scalars.
using Kernel = double (*)(void** buffers, const int32_t* ints, const double* reals);

/// Kernels in the order of their number; `library.ts` lists the same names.
struct KernelTable {
  const char* name;
  Kernel run;
};

/// Runs `task(context, i, worker)` for i = 0 … count−1 on all threads. The partition into tasks depends on shapes only,
/// never on the number of threads: so results do not either.
using Task = void (*)(void* context, int task, int worker);
void parallelFor(int count, Task task, void* context);
int workerCount();

/// Scratch memory, 64-byte aligned, valid until the kernel returns; `resetWorkspace` frees all of it at once.
void* workspace(size_t bytes);
void resetWorkspace();

}  // namespace agent
