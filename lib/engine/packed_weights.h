// Weights in the orders that kernels want: packed once per program, shared by its plans.
//
// Plans for other shapes ask for the same weights again; whichever plan holds them last frees them.
// Thread-safe. Tests: tests/engine/session_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <utility>
#include <vector>

namespace assize::engine {

class PackedWeights {
 public:
  // The weights of a unit that covers `nodes` (what is folded into them follows from these) in
  // `order`; `make` packs them when no living plan has them.
  std::shared_ptr<std::byte> Get(const std::vector<uint32_t>& nodes,
                                 const dnnl::memory::desc& order,
                                 const std::function<std::shared_ptr<std::byte>()>& make);

 private:
  std::mutex mutex_;
  std::map<std::vector<uint32_t>,
           std::vector<std::pair<dnnl::memory::desc, std::weak_ptr<std::byte>>>>
      packed_;
};

}  // namespace assize::engine
