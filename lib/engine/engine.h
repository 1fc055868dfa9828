// The fast engine: Compile a model once, run it in Sessions.
//
// A Program is immutable and shared between threads; a Session holds what one thread needs. Heavy
// ops run in oneDNN or own kernels, quantized (QDQ) chains in int8; an op without a fast kernel
// falls back to the reference, one at a time. A result depends on the inputs alone: not on threads,
// batch size or earlier runs. Tests: tests/engine/.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/ir/model.h"
#include "lib/ir/tensor.h"
#include "lib/support/status.h"

namespace assize::engine {

struct CompileOptions {
  std::vector<std::string> fetch;  // values to return; empty: the graph's outputs
  bool integer_kernels = true;  // run QDQ chains in int8; false: compute them as written, in float
  int64_t max_memory_bytes = int64_t{8}
                             << 30;  // planned activations and results of one run; refused above
  int64_t max_loop_iterations =
      10'000'000;  // of all loops that one node holds, in one run; refused above
};

// How one node will run, for reports.
struct StepInfo {
  std::string node;  // label
  std::string op_type;
  std::string kernel;     // "onednn:conv:int8", "own:relu", "reference"
  double operations = 0;  // arithmetic of a contraction, 2 per multiply-add; 0 for everything else
  bool integer = false;   // the operations are on 8-bit integers
  int64_t bytes = 0;      // arrays read and written, weights included
};

// What a step took over the runs that were profiled.
struct StepProfile {
  StepInfo info;
  int64_t runs = 0;
  double seconds = 0;
};

class Program;

// Unimplemented when neither engine nor reference can run an op: all such ops are named at once.
StatusOr<std::shared_ptr<const Program>> Compile(ir::Model model, CompileOptions options = {});
std::vector<StepInfo> Describe(const Program& program);

class Session {
 public:
  explicit Session(std::shared_ptr<const Program> program);
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  // `feeds` by input name; inputs that are initializers too may be left out. Errors name input,
  // found, expected.
  StatusOr<std::vector<ir::Tensor>> Run(const std::map<std::string, ir::Tensor>& feeds);

  // While on, every run measures its steps (and is slower for it).
  void set_profiling(bool on);
  // Steps of all plans that ran while profiling was on, in the order of execution.
  std::vector<StepProfile> Profile() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The instruction set the kernels use ("avx512_core_vnni", ...), recorded with every measurement.
std::string InstructionSet();

}  // namespace assize::engine
