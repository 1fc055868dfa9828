// Running oneDNN's primitives as steps of a plan; the one place that knows its C interface and its
// exceptions. Tests: tests/engine/.
#pragma once

#include <functional>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <vector>

#include "lib/engine/kernels/elementwise.h"
#include "lib/engine/plan.h"

namespace assize::engine {

// False when `body` threw one of oneDNN's exceptions (no kernel for what was asked, or no memory).
bool CatchDnnl(const std::function<void()>& body);

const dnnl::engine& CpuEngine();
dnnl::memory::data_type DnnlType(ir::DType dtype);
// An array with explicit strides.
dnnl::memory::desc Describe(const ir::Shape& dims, ir::DType dtype,
                            const std::vector<int64_t>& strides);

// An argument of a primitive: where it lies, and how far the next sample is when the primitive
// handles one.
struct DnnlArgument {
  int id;
  dnnl::memory::desc desc;
  int storage;
  int64_t sample_bytes = 0;
};

// Appends what a primitive does to its results; false when the library's kernels do not know it.
bool AppendActivation(const UnaryOpSpec& activation, dnnl::post_ops& post);

// A step that runs `primitive` `samples` times.
void SetDnnlStep(Step& step, const dnnl::primitive& primitive, std::vector<DnnlArgument> arguments,
                 int64_t samples);

// `source` brought into the order that a primitive wants, in new memory.
std::shared_ptr<std::byte> Reordered(const void* source, const dnnl::memory::desc& from,
                                     const dnnl::memory::desc& to);

// oneDNN multiplies 8-bit values exactly: VNNI is there and no environment variable takes it away.
bool HasExactInt8();

// A row of oneDNN's float matrix products gets the same bits whatever rows are beside it: so it is
// with the AVX-512 kernels, which sum in one order; others choose theirs by the number of rows.
bool ProductsKeepRowsApart();

// Threads that OpenMP, and so oneDNN, gives to what this thread plans and runs from now on. A
// primitive runs with as many as it was planned for.
void UseThreads(int threads);

// UseThreads while one lives; what was before comes back after it.
class ThreadScope {
 public:
  explicit ThreadScope(int threads);
  ~ThreadScope();
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

}  // namespace assize::engine
