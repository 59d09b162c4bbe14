// The kernels as a Node-API add-on: `configure(isa, bf16, threads, ints, reals)`, `call(kernel, ...buffers)`, `describe()`.
#include <node_api.h>

#include <cmath>
#include <cstring>
#include <mutex>
#include <new>

#include "../kernels/kernels.h"
#include "pool.h"
#include "precision.h"

namespace agent {

#define DECLARE(isa) \
  extern const KernelTable kernels_##isa[], noise_##isa[];
#if defined(__x86_64__)
DECLARE(avx512)
DECLARE(avx2)
DECLARE(sse2)
#elif defined(__aarch64__)
DECLARE(neon)
#else
DECLARE(generic)
#endif

namespace {

struct Isa {
  const char* name;
  const KernelTable *kernels, *noise;
  bool here;
};

const Isa* isas(int& count) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  static const Isa list[] = {
      {"avx512", kernels_avx512, noise_avx512,
       __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl")},
      {"avx2", kernels_avx2, noise_avx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")},
      {"sse2", kernels_sse2, noise_sse2, true},
  };
#elif defined(__aarch64__)
  static const Isa list[] = {{"neon", kernels_neon, noise_neon, true}};
#else
  static const Isa list[] = {{"generic", kernels_generic, noise_generic, true}};
#endif
  count = sizeof list / sizeof *list;
  return list;
}

constexpr int MAX_KERNELS = 64, MAX_BUFFERS = 2048;
const KernelTable* kernels[MAX_KERNELS];
int kernelCount = 0;
const Isa* current = nullptr;
const Bf16* reduced = nullptr;  // null: all in float32
std::mutex oneCall;

/// What belongs to one JavaScript environment (main thread or worker): its pinned argument arrays.
struct Instance {
  int32_t* ints = nullptr;
  double* reals = nullptr;
  napi_ref keep[2] = {};
};

void choose(const Isa* isa, const Bf16* way) {
  current = isa;
  reduced = way;
  kernelCount = 0;
  for (const KernelTable* table : {isa->kernels, isa->noise})
    for (const KernelTable* k = table; k->name; k++) kernels[kernelCount++] = k;
  for (const KernelTable* k = way ? way->kernels : nullptr; k && k->name; k++)
    for (int i = 0; i < kernelCount; i++)
      if (!std::strcmp(kernels[i]->name, k->name)) kernels[i] = k;
}

napi_value fail(napi_env env, const char* message) {
  napi_throw_error(env, nullptr, message);
  return nullptr;
}

napi_value text(napi_env env, const char* s) {
  napi_value v;
  napi_create_string_utf8(env, s, NAPI_AUTO_LENGTH, &v);
  return v;
}

/// configure(isa or '' for the best, way to multiply bfloat16 or '' for none, threads, ints: Int32Array, reals: Float64Array)
napi_value configure(napi_env env, napi_callback_info info) {
  size_t argc = 5;
  napi_value argv[5];
  void* data;
  napi_get_cb_info(env, info, &argc, argv, nullptr, &data);
  Instance* self = (Instance*)data;
  char name[16], way[16];
  size_t length, wayLength;
  int32_t threads;
  if (argc != 5 || napi_get_value_string_utf8(env, argv[0], name, sizeof name, &length) != napi_ok ||
      napi_get_value_string_utf8(env, argv[1], way, sizeof way, &wayLength) != napi_ok ||
      napi_get_value_int32(env, argv[2], &threads) != napi_ok || threads < 1 || threads > 1024)
    return fail(env, "configure takes (isa, bf16, threads 1..1024, ints, reals)");
  int count;
  const Isa* list = isas(count);
  const Isa* chosen = nullptr;
  for (int i = 0; i < count && !chosen; i++)
    if (list[i].here && (length == 0 || !std::strcmp(name, list[i].name))) chosen = &list[i];
  if (!chosen) return fail(env, "this processor does not have the instruction set asked for");
  const Bf16* ways = bf16Ways(count);
  const Bf16* reducedTo = nullptr;
  for (int i = 0; i < count && !reducedTo; i++)
    if (!ways[i].missing && !std::strcmp(way, ways[i].name)) reducedTo = ways + i;
  if (wayLength > 0 && (!reducedTo || std::strcmp(chosen->name, "avx512")))
    return fail(env, "this processor does not multiply bfloat16 in the way asked for");
  napi_typedarray_type type;
  size_t n;
  if (napi_get_typedarray_info(env, argv[3], &type, &n, (void**)&self->ints, nullptr, nullptr) != napi_ok ||
      type != napi_int32_array ||
      napi_get_typedarray_info(env, argv[4], &type, &n, (void**)&self->reals, nullptr, nullptr) != napi_ok ||
      type != napi_float64_array)
    return fail(env, "configure takes an Int32Array and a Float64Array");
  for (int i = 0; i < 2; i++) {
    if (self->keep[i]) napi_delete_reference(env, self->keep[i]);
    napi_create_reference(env, argv[3 + i], 1, &self->keep[i]);
  }
  std::lock_guard<std::mutex> lock(oneCall);
  choose(chosen, reducedTo);
  if (threads != workerCount()) setThreads(threads);
  return nullptr;
}

/// call(kernel, ...buffers): typed arrays or null. Returns the kernel's number.
napi_value call(napi_env env, napi_callback_info info) {
  size_t argc = MAX_BUFFERS + 1;
  static thread_local napi_value argv[MAX_BUFFERS + 1];
  static thread_local void* buffers[MAX_BUFFERS];
  void* data;
  napi_get_cb_info(env, info, &argc, argv, nullptr, &data);
  Instance* self = (Instance*)data;
  int32_t id;
  if (argc < 1 || argc > MAX_BUFFERS + 1 || !self->ints || napi_get_value_int32(env, argv[0], &id) != napi_ok ||
      id < 0 || id >= kernelCount)
    return fail(env, "call takes (kernel, ...buffers) after configure");
  for (size_t i = 1; i < argc; i++) {
    if (napi_get_typedarray_info(env, argv[i], nullptr, nullptr, &buffers[i - 1], nullptr, nullptr) != napi_ok)
      buffers[i - 1] = nullptr;
  }
  double result;
  {
    std::lock_guard<std::mutex> lock(oneCall);
    try {
      result = kernels[id]->run(buffers, self->ints, self->reals);
    } catch (const std::bad_alloc&) {
      resetWorkspace();
      return fail(env, "out of memory in a kernel");
    }
    resetWorkspace();
  }
  napi_value v;
  napi_create_double(env, result, &v);
  return v;
}

void describeBf16(napi_env env, napi_value out) {
  napi_value all, names;
  napi_create_array(env, &all);
  napi_create_array(env, &names);
  int count, n = 0;
  const Bf16* ways = bf16Ways(count);
  for (int i = 0; i < count; i++) {
    napi_value way;
    napi_create_object(env, &way);
    napi_set_named_property(env, way, "name", text(env, ways[i].name));
    napi_set_named_property(env, way, "missing", text(env, ways[i].missing ? ways[i].missing : ""));
    napi_set_named_property(env, way, "slow", text(env, ways[i].slow ? ways[i].slow : ""));
    napi_set_element(env, all, i, way);
  }
  std::lock_guard<std::mutex> lock(oneCall);
  for (const KernelTable* k = reduced ? reduced->kernels : nullptr; k && k->name; k++)
    napi_set_element(env, names, n++, text(env, k->name));
  napi_set_named_property(env, out, "bf16", text(env, reduced ? reduced->name : ""));
  napi_set_named_property(env, out, "inBf16", names);
  napi_set_named_property(env, out, "bf16Ways", all);
}

/// { isas: [those this processor has, best first], isa, threads, kernels: [names], bf16: the way in use or '',
///   inBf16: [kernels], bf16Ways: [{ name, missing: why, or '', slow: why, or '' }, best first] }
napi_value describe(napi_env env, napi_callback_info) {
  napi_value out, names, here, v;
  napi_create_object(env, &out);
  describeBf16(env, out);
  napi_create_array(env, &here);
  int count, n = 0;
  const Isa* list = isas(count);
  for (int i = 0; i < count; i++)
    if (list[i].here) napi_set_element(env, here, n++, text(env, list[i].name));
  napi_set_named_property(env, out, "isas", here);
  std::lock_guard<std::mutex> lock(oneCall);
  napi_set_named_property(env, out, "isa", text(env, current ? current->name : ""));
  napi_create_int32(env, workerCount(), &v);
  napi_set_named_property(env, out, "threads", v);
  napi_create_array(env, &names);
  for (int i = 0; i < kernelCount; i++) napi_set_element(env, names, i, text(env, kernels[i]->name));
  napi_set_named_property(env, out, "kernels", names);
  return out;
}

int instances = 0;

/// A worker thread that ends must not take the pool from the others.
void cleanUp(void*) {
  std::lock_guard<std::mutex> lock(oneCall);
  if (--instances == 0 && workerCount() > 1) setThreads(1);
}

napi_value init(napi_env env, napi_value exports) {
  Instance* self = new Instance;
  napi_set_instance_data(env, self, [](napi_env, void* p, void*) { delete (Instance*)p; }, nullptr);
  {
    std::lock_guard<std::mutex> lock(oneCall);
    instances++;
  }
  napi_add_env_cleanup_hook(env, cleanUp, nullptr);
  const struct {
    const char* name;
    napi_callback f;
  } functions[] = {{"configure", configure}, {"call", call}, {"describe", describe}};
  for (auto& f : functions) {
    napi_value v;
    napi_create_function(env, f.name, NAPI_AUTO_LENGTH, f.f, self, &v);
    napi_set_named_property(env, exports, f.name, v);
  }
  return exports;
}

}  // namespace
}  // namespace agent

NAPI_MODULE_INIT() { return agent::init(env, exports); }
