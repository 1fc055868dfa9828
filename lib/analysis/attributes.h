// Reading attributes by name and type, with defaults: the one place below the typed op views where
// an attribute's variant is opened.
//
// A reader collects its first error (wrong type, or a reference to a function's attribute, whose
// value is not known here), so that a view reads all it needs and checks once. Tests:
// tests/analysis/ops_test.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/ir/graph.h"
#include "lib/support/status.h"

namespace assize::analysis {

// A new attribute of the given name and value: ints, a float, a tensor ...
ir::Attribute MakeAttribute(std::string name, ir::Attribute::Value value);

class AttributeReader {
 public:
  // `graph` only labels messages.
  AttributeReader(const ir::Graph& graph, ir::NodeRef node)
      : graph_(graph), ref_(node), node_(graph.node(node)) {}

  bool Has(std::string_view name) const { return node_.FindAttribute(name) != nullptr; }
  int64_t Int(std::string_view name, int64_t fallback);
  float Float(std::string_view name, float fallback);
  std::string Text(std::string_view name, std::string fallback);
  std::vector<int64_t> Ints(std::string_view name);       // empty when absent
  std::vector<float> Floats(std::string_view name);       // empty when absent
  std::vector<std::string> Texts(std::string_view name);  // empty when absent
  std::optional<int64_t> MaybeInt(std::string_view name);
  std::optional<float> MaybeFloat(std::string_view name);
  std::optional<std::vector<int64_t>> MaybeInts(std::string_view name);
  std::optional<ir::Tensor> MaybeTensor(std::string_view name);
  int64_t RequiredInt(std::string_view name);
  std::vector<int64_t> RequiredInts(std::string_view name);

  // Records an error of the caller's, e.g. a value out of its set.
  void Fail(const std::string& what);
  const Status& status() const { return status_; }

 private:
  template <typename T>
  const T* Get(std::string_view name, std::string_view expected);
  const ir::Graph& graph_;
  ir::NodeRef ref_;
  const ir::Node& node_;
  Status status_;
};

}  // namespace assize::analysis
