// A plan: the steps that compute a stretch of a graph for one set of input shapes, with every
// buffer's place.
//
// Immutable once built and shared between threads; a PlanContext holds what one run at a time needs
// (arena, bound primitives). Values lie plain (C order) or channels-last; nothing else. Tests:
// tests/engine/kernels_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/engine/engine.h"
#include "lib/ir/tensor.h"

namespace assize::engine {

enum class Layout { kPlain, kChannelsLast };

// Strides in elements, in the order of dims.
std::vector<int64_t> StridesOf(std::span<const int64_t> dims, Layout layout);
// Both layouts put the elements in the same order: one channel, or one position.
bool LayoutsCoincide(std::span<const int64_t> dims);

// Memory aligned for the widest vectors.
std::shared_ptr<std::byte> AllocateAligned(int64_t bytes);

struct Storage {
  enum class Kind { kArena, kConstant, kFeed, kOutput };
  Kind kind = Kind::kArena;
  int64_t bytes = 0;
  int64_t offset = 0;                           // kArena
  const std::byte* constant = nullptr;          // kConstant
  std::shared_ptr<const void> owner = nullptr;  // keeps `constant` alive
  int index = 0;  // kFeed, kOutput: position among the plan's inputs, outputs
};

// An array at run time: a storage seen with a type.
struct Operand {
  int storage = -1;
  ir::DType dtype = ir::DType::kUndefined;
  ir::Shape dims;
  Layout layout = Layout::kPlain;
  bool defined() const { return storage >= 0; }
  int64_t count() const { return ir::ElementCount(dims).value_or(0); }
  int64_t bytes() const { return ir::ByteCount(dtype, count()).value_or(0); }
  std::vector<int64_t> strides() const { return StridesOf(dims, layout); }
};

// Strides of an operand against the dims of a result it is broadcast to: 0 where it is repeated.
std::vector<int64_t> BroadcastStrides(const Operand& operand, const ir::Shape& dims);

// What a step sees: the address of each storage, and its own state (null when it has none).
struct StepContext {
  std::span<std::byte* const> data;
  void* state = nullptr;
  template <typename T>
  T* at(const Operand& operand) const {
    return reinterpret_cast<T*>(data[static_cast<size_t>(operand.storage)]);
  }
};

struct Step {
  StepInfo info;
  int threads = 1;                                    // that oneDNN planned it for
  std::vector<int> reads, writes;                     // storages
  std::function<std::shared_ptr<void>()> make_state;  // null: stateless
  std::function<Status(const StepContext&)> run;
};

struct PlanPort {
  ir::ValueRef value;
  ir::DType dtype = ir::DType::kUndefined;
  ir::Shape dims;
  int storage = -1;
  int64_t bytes = 0;
};

struct Plan {
  std::vector<Storage> storages;
  std::vector<Step> steps;
  std::vector<PlanPort> inputs, outputs;
  int64_t arena_bytes = 0;
  int threads = 1;  // the most that any step uses
};

// Gives every arena storage its offset: two storages share bytes only when no step needs both.
// Largest first, at the lowest place that is free for all of its life. ResourceExhausted above
// `max_bytes`.
Status PlaceStorages(Plan& plan, int64_t max_bytes);

// One run at a time. Results do not depend on earlier runs.
class PlanContext {
 public:
  explicit PlanContext(std::shared_ptr<const Plan> plan);
  const Plan& plan() const { return *plan_; }
  // `inputs` and `outputs` in the plan's order, each of its port's bytes.
  Status Run(std::span<const std::byte* const> inputs, std::span<std::byte* const> outputs);

  void set_profiling(bool on) { profiling_ = on; }
  int64_t profiled_runs() const { return profiled_runs_; }
  // By step, over the profiled runs.
  std::span<const int64_t> nanos() const { return nanos_; }

 private:
  Status RunProfiled();

  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<std::byte> arena_;
  std::vector<std::byte*> data_;
  std::vector<std::shared_ptr<void>> states_;
  bool profiling_ = false;
  int64_t profiled_runs_ = 0;
  std::vector<int64_t> nanos_;
};

}  // namespace assize::engine
