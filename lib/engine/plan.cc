// Placement of buffers and the execution of plans. Tests: tests/engine/kernels_test.cc.
#include "lib/engine/plan.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <utility>

#include "lib/engine/dnnl_steps.h"
#include "lib/support/clock.h"

namespace assize::engine {
namespace {

constexpr int64_t kAlignment = 64;  // a cache line, and the widest vector

int64_t RoundUp(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

std::vector<int64_t> StridesOf(std::span<const int64_t> dims, Layout layout) {
  std::vector<int64_t> strides(dims.size(), 1);
  int64_t step = 1;
  if (layout == Layout::kChannelsLast && dims.size() >= 3) {
    strides[1] = 1;
    step = dims[1];
    for (size_t i = dims.size(); i-- > 2;) {
      strides[i] = step;
      step *= dims[i];
    }
    strides[0] = step;
    return strides;
  }
  for (size_t i = dims.size(); i-- > 0;) {
    strides[i] = step;
    step *= dims[i];
  }
  return strides;
}

bool LayoutsCoincide(std::span<const int64_t> dims) {
  if (dims.size() < 3 || dims[1] == 1) return true;
  return std::all_of(dims.begin() + 2, dims.end(), [](int64_t dim) { return dim == 1; });
}

std::vector<int64_t> BroadcastStrides(const Operand& operand, const ir::Shape& dims) {
  const std::vector<int64_t> own = operand.strides();
  std::vector<int64_t> strides(dims.size(), 0);
  const size_t lead = dims.size() - operand.dims.size();
  for (size_t i = 0; i < operand.dims.size(); ++i)
    strides[lead + i] = operand.dims[i] == 1 ? 0 : own[i];
  return strides;
}

std::shared_ptr<std::byte> AllocateAligned(int64_t bytes) {
  void* memory = nullptr;
  const size_t size = static_cast<size_t>(RoundUp(std::max<int64_t>(bytes, 1)));
  AZ_CHECK(posix_memalign(&memory, static_cast<size_t>(kAlignment), size) == 0,
           "no memory for {} bytes", bytes);
  return {static_cast<std::byte*>(memory), [](std::byte* p) { std::free(p); }};
}

Status PlaceStorages(Plan& plan, int64_t max_bytes) {
  struct Life {
    int storage;
    int64_t bytes;
    size_t first = std::numeric_limits<size_t>::max(), last = 0;
  };
  std::vector<Life> lives;
  for (size_t i = 0; i < plan.storages.size(); ++i) {
    lives.push_back({static_cast<int>(i), RoundUp(std::max<int64_t>(plan.storages[i].bytes, 1))});
  }
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    for (const auto* list : {&plan.steps[s].reads, &plan.steps[s].writes}) {
      for (const int storage : *list) {
        Life& life = lives[static_cast<size_t>(storage)];
        life.first = std::min(life.first, s);
        life.last = std::max(life.last, s);
      }
    }
  }
  std::erase_if(lives, [&](const Life& life) {
    return plan.storages[static_cast<size_t>(life.storage)].kind != Storage::Kind::kArena ||
           life.first > life.last;
  });
  std::stable_sort(lives.begin(), lives.end(),
                   [](const Life& a, const Life& b) { return a.bytes > b.bytes; });
  std::vector<Life> placed;
  for (const Life& life : lives) {
    std::vector<std::pair<int64_t, int64_t>> taken;  // begin, end of those alive at the same time
    for (const Life& other : placed) {
      if (other.first > life.last || life.first > other.last) continue;
      const int64_t offset = plan.storages[static_cast<size_t>(other.storage)].offset;
      taken.emplace_back(offset, offset + other.bytes);
    }
    std::sort(taken.begin(), taken.end());
    int64_t offset = 0;
    for (const auto& [begin, end] : taken) {
      if (offset + life.bytes <= begin) break;
      offset = std::max(offset, end);
    }
    plan.storages[static_cast<size_t>(life.storage)].offset = offset;
    plan.arena_bytes = std::max(plan.arena_bytes, offset + life.bytes);
    placed.push_back(life);
  }
  int64_t total = plan.arena_bytes;
  for (const PlanPort& port : plan.outputs) total += port.bytes;
  if (total > max_bytes) {
    return ResourceExhausted(
        "one run needs {} bytes of activations and results; max_memory_bytes is {}", total,
        max_bytes);
  }
  return OkStatus();
}

PlanContext::PlanContext(std::shared_ptr<const Plan> plan)
    : plan_(std::move(plan)), arena_(AllocateAligned(plan_->arena_bytes)) {
  for (const Storage& storage : plan_->storages) {
    std::byte* place = nullptr;
    // Constants are only ever read; one array of addresses serves reads and writes.
    if (storage.kind == Storage::Kind::kConstant) place = const_cast<std::byte*>(storage.constant);
    if (storage.kind == Storage::Kind::kArena) place = arena_.get() + storage.offset;
    data_.push_back(place);
  }
  for (const Step& step : plan_->steps)
    states_.push_back(step.make_state ? step.make_state() : nullptr);
}

Status PlanContext::Run(std::span<const std::byte* const> inputs,
                        std::span<std::byte* const> outputs) {
  for (size_t i = 0; i < plan_->storages.size(); ++i) {
    const Storage& storage = plan_->storages[i];
    if (storage.kind == Storage::Kind::kFeed) {
      data_[i] = const_cast<std::byte*>(inputs[static_cast<size_t>(storage.index)]);
    } else if (storage.kind == Storage::Kind::kOutput) {
      data_[i] = outputs[static_cast<size_t>(storage.index)];
    }
    // An array without elements may have no address; a step copies none of its bytes from any.
    if (data_[i] == nullptr) data_[i] = arena_.get();
  }
  if (profiling_) return RunProfiled();
  int threads = 0;
  for (size_t i = 0; i < plan_->steps.size(); ++i) {
    const Step& step = plan_->steps[i];
    if (step.threads != threads) UseThreads(threads = step.threads);
    const Status status = step.run({data_, states_[i].get()});
    if (!status.ok()) return Annotate(status, step.info.node);
  }
  return OkStatus();
}

Status PlanContext::RunProfiled() {
  nanos_.resize(plan_->steps.size());
  ++profiled_runs_;
  for (size_t i = 0; i < plan_->steps.size(); ++i) {
    const Step& step = plan_->steps[i];
    UseThreads(step.threads);
    const int64_t begun = MonotonicNanos();
    const Status status = step.run({data_, states_[i].get()});
    nanos_[i] += MonotonicNanos() - begun;
    if (!status.ok()) return Annotate(status, step.info.node);
  }
  return OkStatus();
}

}  // namespace assize::engine
