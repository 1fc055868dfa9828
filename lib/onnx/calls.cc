// Calls between local functions: no cycle, bounded depth. Tests: tests/onnx/graph_test.cc.
#include <unordered_map>
#include <unordered_set>

#include "lib/onnx/graph_codec.h"

namespace assize::onnx {
namespace {

// "" and "ai.onnx" are one domain.
std::string KeyOf(const std::string& domain, const std::string& name, const std::string& overload) {
  std::string key = domain == "ai.onnx" ? "" : domain;
  key += '\0';
  key += name;
  key += '\0';
  key += overload;
  return key;
}

using Index = std::unordered_map<std::string, size_t>;

void CollectCalls(const ir::Graph& graph, const Index& index, std::unordered_set<size_t>& calls) {
  for (ir::NodeRef ref = graph.first_node(); ref; ref = graph.next_node(ref)) {
    const ir::Node& node = graph.node(ref);
    const auto found = index.find(KeyOf(node.domain, node.op_type, node.overload));
    if (found != index.end()) calls.insert(found->second);
    for (const ir::Attribute& attribute : node.attributes) {
      if (const auto* box = std::get_if<ir::GraphBox>(&attribute.value))
        CollectCalls(**box, index, calls);
      if (const auto* boxes = std::get_if<std::vector<ir::GraphBox>>(&attribute.value)) {
        for (const ir::GraphBox& inner : *boxes) CollectCalls(*inner, index, calls);
      }
    }
  }
}

}  // namespace

Status CheckCalls(const ir::Model& model, const ImportLimits& limits) {
  Index index;
  for (size_t i = 0; i < model.functions.size(); ++i) {
    const ir::Function& function = model.functions[i];
    if (!index.emplace(KeyOf(function.domain, function.name, function.overload), i).second) {
      return InvalidArgument("function \"{}:{}\" is defined twice", function.domain, function.name);
    }
  }
  if (index.empty()) return OkStatus();
  std::vector<std::unordered_set<size_t>> calls(model.functions.size());
  for (size_t i = 0; i < calls.size(); ++i) CollectCalls(model.functions[i].body, index, calls[i]);

  // Longest chain below each function, without recursion: a chain may be as long as there are
  // functions.
  enum class Mark : uint8_t { kNew, kOpen, kDone };
  std::vector<Mark> marks(calls.size(), Mark::kNew);
  std::vector<int> depth(calls.size(), 1);
  for (size_t root = 0; root < calls.size(); ++root) {
    if (marks[root] != Mark::kNew) continue;
    struct Frame {
      size_t function;
      std::unordered_set<size_t>::const_iterator next;
    };
    std::vector<Frame> stack = {{root, calls[root].begin()}};
    marks[root] = Mark::kOpen;
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next == calls[top.function].end()) {
        marks[top.function] = Mark::kDone;
        if (depth[top.function] > limits.max_call_depth) {
          return ResourceExhausted(
              "calls below function \"{}\" are {} deep, the limit max_call_depth is {}",
              model.functions[top.function].name, depth[top.function], limits.max_call_depth);
        }
        const size_t done = top.function;
        stack.pop_back();
        if (!stack.empty()) {
          int& above = depth[stack.back().function];
          above = std::max(above, depth[done] + 1);
        }
        continue;
      }
      const size_t callee = *top.next++;
      if (marks[callee] == Mark::kOpen) {
        return InvalidArgument("function \"{}\" calls itself, through \"{}\"",
                               model.functions[callee].name, model.functions[top.function].name);
      }
      if (marks[callee] == Mark::kDone) {
        depth[top.function] = std::max(depth[top.function], depth[callee] + 1);
        continue;
      }
      marks[callee] = Mark::kOpen;
      stack.push_back({callee, calls[callee].begin()});
    }
  }
  return OkStatus();
}

}  // namespace assize::onnx
