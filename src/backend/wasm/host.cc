// The kernels as a WASM module. JavaScript owns the memory (imported) and calls `call`; with threads, workers run
// `worker` on the same memory and sleep between jobs. The plain module has one thread and needs no shared memory.
#include "../kernels/kernels.h"

#define EXPORT(name) __attribute__((export_name(name)))

extern "C" unsigned char __heap_base;

// The compiler may call these by itself.
extern "C" void* memcpy(void* to, const void* from, size_t n) {
  char* d = (char*)to;
  const char* s = (const char*)from;
  for (; n >= 4; n -= 4, d += 4, s += 4) {
    typedef int32_t word __attribute__((aligned(1), may_alias));
    *(word*)d = *(const word*)s;
  }
  while (n--) *d++ = *s++;
  return to;
}
extern "C" void* memset(void* to, int value, size_t n) {
  for (volatile char* d = (char*)to; n--; d++) *d = (char)value;
  return to;
}

namespace agent {
extern const KernelTable kernels_wasm[], noise_wasm[];

namespace {

uint32_t top = 0;  // of the memory given out
uint32_t limit = 0;
struct Block {
  char* memory;
  uint32_t size, used;
} blocks[32];
int blockCount = 0;

uint32_t take(uint32_t bytes) {
  bytes = (bytes + 63) & ~63u;
  if (bytes > limit - top) return 0;
  const uint32_t at = top;
  top += bytes;
  return at;
}

struct Job {
  Task task;
  void* context;
} job;
/// As in native/pool.cc: the tasks that a worker does first. Workers beyond the last share one.
constexpr int SHARES = 64;
struct alignas(64) Share {
  int32_t next, end;
} shares[SHARES];
int32_t generation = 0, active = 0, open = 0, workers = 0;

#if defined(__wasm_atomics__)
int32_t get(int32_t* p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
void set(int32_t* p, int32_t v) { __atomic_store_n(p, v, __ATOMIC_SEQ_CST); }
int32_t add(int32_t* p, int32_t v) { return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST); }

int shareCount() { return workers + 1 < SHARES ? workers + 1 : SHARES; }

void drain(int worker) {
  const int all = shareCount();
  for (int k = 0; k < all; k++) {
    Share& share = shares[(worker + k) % all];
    for (int32_t i; (i = add(&share.next, 1)) < share.end;) job.task(job.context, i, worker);
  }
}
#endif

}  // namespace

int workerCount() { return workers + 1; }

void parallelFor(int count, Task task, void* context) {
#if defined(__wasm_atomics__)
  if (count > 1 && workers > 0) {
    job = {task, context};
    for (int all = shareCount(), s = 0; s < all; s++) {
      set(&shares[s].next, (int32_t)((int64_t)count * s / all));
      shares[s].end = (int32_t)((int64_t)count * (s + 1) / all);
    }
    set(&open, 1);
    add(&generation, 1);
    __builtin_wasm_memory_atomic_notify(&generation, workers);
    drain(0);
    set(&open, 0);  // a worker that comes now finds the job closed; see native/pool.cc
    while (get(&active) > 0) {
    }
    return;
  }
#endif
  for (int i = 0; i < count; i++) task(context, i, 0);
}

void* workspace(size_t bytes) {
  bytes = (bytes + 191) & ~(size_t)63;
  Block* last = blockCount ? &blocks[blockCount - 1] : nullptr;
  if (last && last->size - last->used >= bytes) {
    void* at = last->memory + last->used;
    last->used += bytes;
    return at;
  }
  uint32_t size = last ? 2 * last->size : 1u << 20;
  while (size < bytes) size *= 2;
  uint32_t at = take(size);
  if (!at) at = take(size = bytes);
  if (!at || blockCount == 32) __builtin_trap();
  blocks[blockCount++] = {(char*)at, size, (uint32_t)bytes};
  return (char*)at;
}

void resetWorkspace() {
  if (blockCount > 1) {  // the largest serves from now on; the smaller ones are lost, less than it in sum
    blocks[0] = blocks[blockCount - 1];
    blockCount = 1;
  }
  if (blockCount) blocks[0].used = 0;
}

}  // namespace agent

using namespace agent;

/// To be called once, with the size of the memory and the number of workers that will come.
EXPORT("start") void start(uint32_t bytes, int32_t count) {
  top = ((uint32_t)&__heap_base + 63) & ~63u;
  limit = bytes;
  workers = count;
}

/// 64-byte aligned memory for good; 0 if there is no more.
EXPORT("allocate") uint32_t allocate(uint32_t bytes) { return take(bytes); }

EXPORT("call") double call(int32_t kernel, void** buffers, const int32_t* ints, const double* reals) {
  const KernelTable* tables[] = {kernels_wasm, noise_wasm};
  int n = 0;
  for (int t = 0; t < 2; t++)
    for (const KernelTable* k = tables[t]; k->name; k++)
      if (n++ == kernel) {
        const double result = k->run(buffers, ints, reals);
        resetWorkspace();
        return result;
      }
  __builtin_trap();
}

#if defined(__wasm_atomics__)
/// The life of a worker; its stack pointer must have been set.
EXPORT("worker") void worker(int32_t index) {
  int32_t seen = 0;
  for (;;) {
    for (int spins = 0; get(&generation) == seen && spins < 2000; spins++) {
    }
    while (get(&generation) == seen) __builtin_wasm_memory_atomic_wait32(&generation, seen, -1);
    seen = get(&generation);
    add(&active, 1);
    if (get(&open)) drain(index);
    add(&active, -1);
  }
}
#endif
