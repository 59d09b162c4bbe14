// Threads that wait for kernels, and scratch memory. A worker spins for a while after a task (the next kernel is usually
// near), then sleeps.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include "../kernels/kernels.h"
#include "pool.h"

namespace agent {
namespace {

/// How long a worker spins: through what JavaScript does between two kernels of an update. Being woken costs 50 µs.
constexpr std::chrono::microseconds AWAKE{300};

struct Job {
  Task task;
  void* context;
};

/// The tasks that a worker does first, always the same part of a job: what it works on in one is in its cache for the next.
struct alignas(64) Share {
  std::atomic<int> next{0};
  int end = 0;
};

Job job;
Share* shares = new Share[1];
std::atomic<uint32_t> generation{0};  // changes when a job is posted
std::atomic<int> active{0};           // workers that may be reading `job` and `shares`
std::atomic<bool> open{false}, stopping{false};
// Never destroyed: workers sleep in them when the process exits, and destroying a running thread would abort it.
std::mutex& mutex = *new std::mutex;
std::condition_variable& wake = *new std::condition_variable;
std::vector<std::thread>& threads = *new std::vector<std::thread>;
int sleepers = 0;

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// A worker's own share, then what the others have left of theirs.
void drain(int worker) {
  const int all = workerCount();
  for (int k = 0; k < all; k++) {
    Share& share = shares[(worker + k) % all];
    for (int i; (i = share.next.fetch_add(1, std::memory_order_relaxed)) < share.end;) job.task(job.context, i, worker);
  }
}

void work(int worker, uint32_t seen) {
  for (;;) {
    const auto begun = std::chrono::steady_clock::now();
    while (generation.load(std::memory_order_acquire) == seen) {
      if (std::chrono::steady_clock::now() - begun < AWAKE) {
        for (int i = 0; i < 16; i++) relax();
        std::this_thread::yield();  // another process may have work for this core
        continue;
      }
      std::unique_lock<std::mutex> lock(mutex);
      sleepers++;
      wake.wait(lock, [&] { return generation.load(std::memory_order_acquire) != seen; });
      sleepers--;
    }
    seen = generation.load(std::memory_order_acquire);
    if (stopping.load()) return;
    active.fetch_add(1);  // before reading `open`: see parallelFor
    if (open.load()) drain(worker);
    active.fetch_sub(1);
  }
}

void post() {
  bool asleep;
  {
    std::lock_guard<std::mutex> lock(mutex);
    generation.fetch_add(1, std::memory_order_release);
    asleep = sleepers > 0;
  }
  if (asleep) wake.notify_all();
}

}  // namespace

void setThreads(int count) {
  if (!threads.empty()) {
    stopping = true;
    post();
    for (auto& t : threads) t.join();
    threads.clear();
    stopping = false;
  }
  delete[] shares;
  shares = new Share[count];
  const uint32_t now = generation.load();
  for (int i = 1; i < count; i++) threads.emplace_back(work, i, now);
}

int workerCount() { return (int)threads.size() + 1; }

void parallelFor(int count, Task task, void* context) {
  if (count <= 1 || threads.empty()) {
    for (int i = 0; i < count; i++) task(context, i, 0);
    return;
  }
  job = {task, context};
  const int all = workerCount();
  for (int w = 0; w < all; w++) {
    shares[w].next.store((int)((int64_t)count * w / all), std::memory_order_relaxed);
    shares[w].end = (int)((int64_t)count * (w + 1) / all);
  }
  open.store(true);
  post();
  drain(0);
  // No task is left. A worker that comes now finds the job closed; one that came before is counted in `active`. So a
  // worker that sleeps, or that the system has put aside, delays nobody unless it holds a task.
  open.store(false);
  for (int spins = 0; active.load() > 0;) {
    if (++spins < 20000)
      relax();
    else
      std::this_thread::yield();
  }
}

namespace {
struct Block {
  char* memory;
  size_t size, used;
};
std::vector<Block> blocks;
}  // namespace

void* workspace(size_t bytes) {
  bytes = (bytes + 191) & ~(size_t)63;
  if (!blocks.empty() && blocks.back().size - blocks.back().used >= bytes) {
    void* at = blocks.back().memory + blocks.back().used;
    blocks.back().used += bytes;
    return at;
  }
  size_t size = blocks.empty() ? (size_t)1 << 20 : 2 * blocks.back().size;
  while (size < bytes) size *= 2;
  char* memory = (char*)std::aligned_alloc(64, size);
  if (!memory) throw std::bad_alloc();
  blocks.push_back({memory, size, bytes});
  return memory;
}

void resetWorkspace() {
  if (blocks.size() > 1) {  // keep the largest, which then holds all of it next time
    for (size_t i = 0; i + 1 < blocks.size(); i++) std::free(blocks[i].memory);
    blocks = {blocks.back()};
  }
  if (!blocks.empty()) blocks.back().used = 0;
}

}  // namespace agent
