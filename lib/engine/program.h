// Program: a model ready to run, with the plans made so far. Shared by sessions; its plan cache is
// locked, and a session asks it only when it meets shapes it has not seen.
//
// A run is a chain of segments. A segment is a stretch of nodes whose shapes are known before it
// starts; where data decides a shape, the node runs alone through the reference and the next
// segment is planned on what came out. Nearly every graph is one segment.
//
// A model with heavy layers on 16-bit floats is rewritten first (lib/analysis/upcast_float16.h): it
// computes in float from border to border, so a result carries fewer roundings than the model
// written out op by op, and one rounding where the caller gets 16 bits. A graph without such layers
// keeps the meaning of every op. Quantized operators are rewritten as DequantizeLinear, op and
// QuantizeLinear, and weights in blocks of few bits as float ones
// (lib/analysis/expand_operator_quantized.h, expand_matmul_nbits.h): the result of such an operator
// is within one step of its grid of the definition's. Tests: tests/engine/session_test.cc,
// tests/engine/float16_test.cc, tests/engine/operator_quantized_test.cc.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/engine/bodies.h"
#include "lib/engine/constants.h"
#include "lib/engine/engine.h"
#include "lib/engine/facts.h"
#include "lib/engine/plan.h"

namespace assize::engine {

struct Segment {
  size_t begin = 0, end = 0;         // nodes [begin, end) of the program's order
  bool lone = false;                 // one node, through the reference
  std::shared_ptr<const Plan> plan;  // unless lone
  // The plan is for one row of a batch and runs once a row; another segment may run what follows
  // for all rows at once.
  bool by_row = false;
};

// What is known of a value when a segment starts.
struct LiveValue {
  ir::ValueRef value;
  ir::DType dtype;
  ir::Shape dims;
  friend bool operator==(const LiveValue&, const LiveValue&) = default;
};

// The model seen with some initializers overridden by feeds; nearly always none are.
struct Variant {
  Variant(const ir::Model& model, const std::set<std::string>& overridden, int64_t max_bytes)
      : constants(model, overridden, max_bytes) {}
  Constants constants;
};

class Program {
 public:
  Program(ir::Model model, CompileOptions options);
  Status Prepare();  // called once, before anybody shares this

  const ir::Model& model() const { return model_; }
  const CompileOptions& options() const { return options_; }
  const std::vector<ir::NodeRef>& order() const { return order_; }
  const std::vector<ir::ValueRef>& fetch() const { return fetch_; }
  // Inputs that the nodes read; others need not be fed.
  bool Reads(ir::ValueRef value) const { return read_.contains(value.index); }

  // The graphs that nodes hold.
  const Bodies& bodies() const { return bodies_; }

  std::shared_ptr<const Variant> VariantFor(const std::set<std::string>& overridden) const;
  // The segment that starts at `begin` with `live` fed, for a caller that has `threads`; from the
  // cache, or planned now.
  StatusOr<std::shared_ptr<const Segment>> SegmentAt(const std::shared_ptr<const Variant>& variant,
                                                     size_t begin,
                                                     const std::vector<LiveValue>& live,
                                                     int threads) const;
  // Values that nodes from `begin` on, or the caller, read.
  std::vector<ir::ValueRef> NeededFrom(size_t begin) const;

 private:
  // The values that options().fetch names in `graph`, this model's or a copy of it.
  StatusOr<std::vector<ir::ValueRef>> Fetched(const ir::Graph& graph) const;
  Status UpcastLayers();
  // Values of `nodes` that someone from `end` on, or the caller, reads; not the constants, which
  // anyone can have.
  std::vector<ir::ValueRef> LeftBy(const Constants& constants,
                                   const std::vector<ir::NodeRef>& nodes, size_t end) const;
  // Where in the order the first dense layer stands whose time is the reading of its weights: from
  // there on a batch runs as one. The order's end when there is none. `one`: facts of one row.
  size_t FirstHeavyDense(Facts& one) const;
  StatusOr<std::shared_ptr<const Segment>> MakeSegment(
      const std::shared_ptr<const Variant>& variant, size_t begin,
      const std::vector<LiveValue>& live, int threads) const;

  ir::Model model_;
  CompileOptions options_;
  Bodies bodies_{model_, options_};
  std::vector<ir::NodeRef> order_;
  std::vector<ir::ValueRef> fetch_;
  std::set<uint32_t> read_;
  std::vector<size_t>
      last_read_;  // by value: one past the last node of the order that reads it; SIZE_MAX: fetched

  struct CacheEntry {
    std::shared_ptr<const Variant> variant;
    size_t begin;
    std::vector<LiveValue> live;
    int threads;
    std::shared_ptr<const Segment> segment;
    bool Is(const std::shared_ptr<const Variant>& v, size_t at, const std::vector<LiveValue>& fed,
            int with) const {
      return variant == v && begin == at && threads == with && live == fed;
    }
  };
  mutable std::mutex mutex_;
  mutable std::map<std::set<std::string>, std::shared_ptr<const Variant>> variants_;
  mutable std::list<CacheEntry> cache_;  // most recent first
};

}  // namespace assize::engine
