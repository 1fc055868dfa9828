// The cost model. Multiply-accumulates are counted as the op is defined, padding included, without
// tricks that an engine may use. Tests: tests/analysis/cost_test.cc.
#include "lib/analysis/cost.h"

#include <algorithm>

#include "lib/analysis/infer.h"
#include "lib/analysis/ops.h"

namespace assize::analysis {
namespace {

using ir::Graph;
using ir::NodeRef;
using ir::Shape;
using ir::ValueRef;

int64_t NonZero(const ir::Tensor& tensor) {
  if (ir::IsPacked(tensor.dtype()) || tensor.dtype() == ir::DType::kString)
    return tensor.element_count();
  if (tensor.dtype() == ir::DType::kFloat) {  // -0 is zero too
    const auto data = tensor.data<float>();
    return std::count_if(data.begin(), data.end(), [](float v) { return v != 0; });
  }
  const int bytes = ir::BitsOf(tensor.dtype()) / 8;
  const auto raw = tensor.bytes();
  const auto element_size = static_cast<size_t>(std::max(bytes, 1));
  int64_t count = 0;
  for (size_t i = 0; i + element_size <= raw.size(); i += element_size) {
    const auto element = raw.subspan(i, element_size);
    // The sign bit alone is a zero of the floating formats.
    bool zero = std::all_of(element.begin(), element.end() - 1,
                            [](std::byte b) { return b == std::byte{0}; });
    const std::byte top =
        ir::IsFloating(tensor.dtype()) ? element.back() & std::byte{0x7f} : element.back();
    zero = zero && top == std::byte{0};
    count += zero ? 0 : 1;
  }
  return count;
}

int64_t BytesOf(const ir::Tensor& tensor) {
  if (tensor.dtype() != ir::DType::kString) return static_cast<int64_t>(tensor.bytes().size());
  int64_t bytes = 0;
  for (const std::string& s : tensor.strings()) bytes += static_cast<int64_t>(s.size());
  return bytes;
}

// Product of factors, nullopt on overflow or a negative one.
std::optional<int64_t> ProductOf(const Shape& factors) { return ir::ElementCount(factors); }

class Counter {
 public:
  Cost cost;

  void Count(const Graph& graph, const TypeTable* types,
             const std::vector<ir::OpsetImport>& imports) {
    for (const ValueRef ref : graph.initializers()) {
      const ir::Value& value = graph.value(ref);
      if (value.initializer) AddTensor(value.initializer->tensor);
      if (value.sparse_initializer) AddTensor(value.sparse_initializer->values);
    }
    int64_t opset = 0;
    for (const ir::OpsetImport& import : imports) {
      if (ir::IsMainDomain(import.domain)) opset = import.version;
    }
    for (NodeRef ref = graph.first_node(); ref; ref = graph.next_node(ref))
      CountNode(graph, ref, opset, types, imports);
  }

 private:
  void AddTensor(const ir::Tensor& tensor) {
    cost.parameters += tensor.element_count();
    cost.nonzero_parameters += NonZero(tensor);
    cost.weight_bytes += BytesOf(tensor);
  }

  void CountNode(const Graph& graph, NodeRef ref, int64_t opset, const TypeTable* types,
                 const std::vector<ir::OpsetImport>& imports) {
    const ir::Node& node = graph.node(ref);
    const bool main_domain = ir::IsMainDomain(node.domain);
    if (main_domain && node.op_type == "Constant") {
      const auto op = ConstantOp::From(graph, ref, opset);
      if (op.ok() && op->value) AddTensor(*op->value);
      return;
    }
    ++cost.nodes;
    ++cost.ops[main_domain ? node.op_type : node.domain + "." + node.op_type];
    if (main_domain) AddMacs(graph, ref, types);
    for (const ir::Attribute& attribute : node.attributes) {
      if (const auto* box = std::get_if<ir::GraphBox>(&attribute.value)) {
        Count(**box, types ? types->inner(**box) : nullptr, imports);
      }
      if (const auto* boxes = std::get_if<std::vector<ir::GraphBox>>(&attribute.value)) {
        for (const ir::GraphBox& b : *boxes) Count(*b, types ? types->inner(*b) : nullptr, imports);
      }
    }
  }

  void AddMacs(const Graph& graph, NodeRef ref, const TypeTable* types) {
    const ir::Node& node = graph.node(ref);
    const std::string& op = node.op_type;
    const bool conv = op == "Conv" || op == "ConvInteger" || op == "QLinearConv";
    const bool product =
        op == "MatMul" || op == "MatMulInteger" || op == "QLinearMatMul" || op == "Gemm";
    if (!conv && !product && op != "ConvTranspose") return;
    std::optional<int64_t> macs;
    const size_t b_index = op == "QLinearConv" || op == "QLinearMatMul" ? 3 : 1;
    const ValueRef a = InputAt(node, 0), b = InputAt(node, b_index), y = OutputAt(node, 0);
    const auto shape = [&](ValueRef v) { return types && v ? types->shape(v) : std::nullopt; };
    const auto ys = shape(y), as = shape(a), bs = shape(b);
    if (conv && ys && bs && bs->size() >= 2) {
      Shape factors = *ys;  // each result: input channels of its group times the window
      factors.insert(factors.end(), bs->begin() + 1, bs->end());
      macs = ProductOf(factors);
    } else if (op == "ConvTranspose" && as && bs && bs->size() >= 2) {
      Shape factors = *as;  // each input element: output channels of its group times the window
      factors.insert(factors.end(), bs->begin() + 1, bs->end());
      macs = ProductOf(factors);
    } else if (op == "Gemm" && ys && as && as->size() == 2) {
      const auto gemm = GemmOp::From(graph, ref, 0);
      if (gemm.ok()) macs = ProductOf({(*ys)[0], (*ys)[1], (*as)[gemm->trans_a ? 0 : 1]});
    } else if (product && op != "Gemm" && ys && as && !as->empty()) {
      Shape factors = *ys;
      factors.push_back(as->back());
      macs = ProductOf(factors);
    }
    if (!macs || __builtin_add_overflow(cost.macs, *macs, &cost.macs)) cost.macs_complete = false;
  }
};

// The batch size that a model fixes: the first dim that all its inputs share with its first output.
// 1 when there is none.
int64_t FixedBatch(const ir::Model& model, const TypeTable& types) {
  std::optional<int64_t> batch;
  const auto same = [&](ValueRef v) {
    const auto shape = types.shape(v);
    if (!shape || shape->size() < 2 || (*shape)[0] < 1) return false;
    if (batch && *batch != (*shape)[0]) return false;
    batch = (*shape)[0];
    return true;
  };
  for (const ValueRef v : model.graph.inputs()) {
    if (!model.graph.value(v).is_initializer() && !same(v)) return 1;
  }
  if (model.graph.outputs().empty() || !same(model.graph.outputs()[0])) return 1;
  return batch.value_or(1);
}

}  // namespace

StatusOr<Cost> CostOf(const ir::Model& model) {
  InferOptions options;
  options.bind_batch = 1;
  // Files name the batch in many ways; the first dim of every input is bound, and so are all dims
  // of that name.
  for (const ValueRef v : model.graph.inputs()) {
    const ir::Type& type = model.graph.value(v).type;
    if (type.is_tensor() && type.shape && !type.shape->empty() && !(*type.shape)[0].param.empty()) {
      options.bind.emplace_back((*type.shape)[0].param, 1);
    }
  }
  const TypeTable types = InferTypesLeniently(model, options, nullptr);
  Counter counter;
  counter.Count(model.graph, &types, model.opset_imports);
  // A call of a local function counts as one node; the bodies are counted once, their shapes are
  // not known.
  for (const ir::Function& function : model.functions)
    counter.Count(function.body, nullptr, function.opset_imports);
  const int64_t batch = FixedBatch(model, types);
  if (batch > 1) counter.cost.macs /= batch;
  return counter.cost;
}

}  // namespace assize::analysis
