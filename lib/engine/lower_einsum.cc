// Einsum of one operand as a strided copy and a sum, of two as a batched matrix product. Labels of
// both operands and the result are its batch, those of both and not the result its sum, the others
// its rows and columns; where nothing is summed it is an elementwise product. An operand is copied
// only where the product's kernel would not take it as it lies. Tests: tests/engine/einsum_test.cc.
#include <algorithm>
#include <array>
#include <string>

#include "lib/analysis/attributes.h"
#include "lib/analysis/equation.h"
#include "lib/engine/dnnl_steps.h"
#include "lib/engine/kernels/elementwise.h"
#include "lib/engine/kernels/reduce.h"
#include "lib/engine/kernels/strided.h"
#include "lib/engine/lower.h"
#include "lib/support/parallel.h"

namespace assize::engine {
namespace {

using analysis::Equation;
using ir::DType;
using ir::Shape;
using Labels = std::vector<int>;
using LabelStrides = std::map<int, int64_t>;

// By label: 0 where a dim is stretched, the sum where a label is there twice.
LabelStrides StridesByLabel(const Labels& labels, const Shape& dims,
                            const std::vector<int64_t>& strides) {
  LabelStrides by_label;
  for (size_t i = 0; i < labels.size(); ++i) by_label[labels[i]] += dims[i] == 1 ? 0 : strides[i];
  return by_label;
}

std::vector<int64_t> Picked(const Labels& labels, const LabelStrides& strides) {
  std::vector<int64_t> picked;
  for (const int label : labels) {
    const auto found = strides.find(label);
    picked.push_back(found == strides.end() ? 0 : found->second);
  }
  return picked;
}

Shape Extents(const Labels& labels, const Equation& equation) {
  Shape dims;
  for (const int label : labels) dims.push_back(equation.extent.at(label));
  return dims;
}

bool Contains(const Labels& labels, int label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

// An array of the product: each group of labels is one dim of it.
struct ProductArray {
  Labels labels;                                   // group after group
  Shape dims;                                      // by group
  std::vector<int64_t> plain;                      // strides of a copy
  std::optional<std::vector<int64_t>> as_it_lies;  // absent where a group is no one dim
};

ProductArray ArrayOf(const std::vector<Labels>& groups, const Equation& equation,
                     const LabelStrides& strides) {
  ProductArray array;
  std::vector<int64_t> lies;
  bool regular = true;
  for (const Labels& group : groups) {
    int64_t size = 1, innermost = 0;
    for (size_t i = group.size(); i-- > 0;) {
      const int64_t extent = equation.extent.at(group[i]), stride = strides.at(group[i]);
      if (extent == 1) continue;
      if (innermost == 0) innermost = stride;
      regular = regular && stride != 0 && stride == innermost * size;
      size *= extent;
    }
    array.labels.insert(array.labels.end(), group.begin(), group.end());
    array.dims.push_back(size);
    lies.push_back(innermost);
  }
  array.plain = StridesOf(array.dims, Layout::kPlain);
  for (size_t i = 0; i < lies.size(); ++i) {
    if (array.dims[i] == 1) lies[i] = array.plain[i];
  }
  if (regular) array.as_it_lies = lies;
  return array;
}

}  // namespace

Operand Lowering::Arranged(const Operand& x, const Shape& dims,
                           const std::vector<int64_t>& strides) {
  Operand y{x.storage, x.dtype, dims, Layout::kPlain};
  const std::vector<int64_t> plain = y.strides();
  bool same = x.count() == y.count();
  for (size_t i = 0; i < dims.size(); ++i) same = same && (dims[i] == 1 || strides[i] == plain[i]);
  if (same) return y;
  const auto count = ir::ElementCount(dims);
  if (!count || !ir::ByteCount(x.dtype, *count)) return {};
  y = NewArray(x.dtype, dims, Layout::kPlain);
  const auto copy = PlanStridedCopy(dims, strides, plain, ir::BitsOf(x.dtype) / 8);
  AddStep("own:transpose", {x}, {y}, [copy, x, y](const StepContext& c) {
    StridedCopy(copy, c.at<std::byte>(x), c.at<std::byte>(y));
    return OkStatus();
  });
  return y;
}

bool Lowering::LowerEinsum(const Unit& unit) {
  const ir::Node& n = node(unit);
  if (n.op_type != "Einsum" || n.inputs.size() > 2) return false;
  if (fact(n.outputs[0]).dtype != DType::kFloat) return false;
  analysis::AttributeReader read(graph_, unit.head);
  std::vector<Shape> dims;
  for (const ir::ValueRef input : n.inputs) dims.push_back(fact(input).dims);
  const auto equation = analysis::ParseEquation(read.Text("equation", ""), dims);
  if (!read.status().ok() || !equation.ok()) return false;
  const Operand y =
      n.inputs.size() == 1 ? EinsumOfOne(n.inputs[0], *equation) : EinsumOfTwo(unit, *equation);
  if (!y.defined()) return false;
  Bind(n.outputs[0], y);
  return true;
}

Operand Lowering::EinsumOfOne(ir::ValueRef input, const Equation& equation) {
  const Operand x = Get(input);
  if (!x.defined()) return {};
  Labels labels = equation.output;
  int64_t terms = 1;
  for (const int label : equation.inputs[0]) {
    if (Contains(labels, label)) continue;
    labels.push_back(label);
    terms *= equation.extent.at(label);
  }
  Operand from = Arranged(x, Extents(labels, equation),
                          Picked(labels, StridesByLabel(equation.inputs[0], x.dims, x.strides())));
  if (!from.defined()) return {};
  const Shape dims = equation.OutputDims();
  if (terms == 1) {
    from.dims = dims;
    return from;
  }
  const Operand y = NewArray(DType::kFloat, dims, Layout::kPlain);
  AddStep("own:reduce", {from}, {y}, [=, rows = y.count()](const StepContext& c) {
    ParallelRanges(rows, kGrain / terms + 1, [&](int64_t begin, int64_t end) {
      Reduce(Reduction::kSum, c.at<const float>(from), c.at<float>(y), begin, end, terms, 1,
             nullptr);
    });
    return OkStatus();
  });
  return y;
}

Operand Lowering::EinsumOfTwo(const Unit& unit, const Equation& equation) {
  struct Term {
    ir::ValueRef value;
    Labels labels;
    LabelStrides strides;
    bool has(int label) const { return strides.contains(label); }
  };
  std::array<Term, 2> terms;
  for (size_t i = 0; i < 2; ++i) {
    const ir::ValueRef value = node(unit).inputs[i];
    // Of a constant, as it is stored: it may be packed without being brought in.
    const Layout layout = facts_.IsEvaluable(value) ? Layout::kPlain : Get(value).layout;
    const Shape& dims = fact(value).dims;
    terms[i] = {value, equation.inputs[i],
                StridesByLabel(equation.inputs[i], dims, StridesOf(dims, layout))};
  }
  Labels batch, rows, columns, sum;
  for (const int label : equation.output) {
    const bool both = terms[0].has(label) && terms[1].has(label);
    (both ? batch : terms[0].has(label) ? rows : columns).push_back(label);
  }
  // What is to be next to each other in the result is to be next to each other in the product.
  if (!rows.empty() && rows.back() == equation.output.back()) {
    std::swap(terms[0], terms[1]);
    std::swap(rows, columns);
  }
  for (const Term& term : {terms[1], terms[0]}) {
    for (const int label : term.labels) {
      if (equation.extent.at(label) == 1 || Contains(equation.output, label) ||
          Contains(sum, label))
        continue;
      if (!terms[0].has(label) || !terms[1].has(label)) return {};
      sum.push_back(label);
    }
  }
  const Shape y_dims = equation.OutputDims();
  if (sum.empty()) {
    const Operand a = Get(terms[0].value), b = Get(terms[1].value);
    if (!a.defined() || !b.defined()) return {};
    const Operand y = NewArray(DType::kFloat, y_dims, Layout::kPlain);
    const BinaryPlan plan = PlanBinary(y_dims, Picked(equation.output, terms[0].strides),
                                       Picked(equation.output, terms[1].strides), y.strides());
    AddBinary("own:binary", Binary::kMul, plan, a, b, y);
    return y;
  }

  std::vector<Labels> lead;  // two dims of batch are as many as kernels know other orders of
  if (batch.size() <= 2) {
    for (const int label : batch) lead.push_back({label});
  } else {
    lead.push_back(batch);
  }
  const auto grouped = [&](const Labels& first, const Labels& second) {
    std::vector<Labels> groups = lead;
    groups.push_back(first);
    groups.push_back(second);
    return groups;
  };
  const LabelStrides y_strides =
      StridesByLabel(equation.output, y_dims, StridesOf(y_dims, Layout::kPlain));
  const std::array<ProductArray, 3> arrays = {
      ArrayOf(grouped(rows, sum), equation, terms[0].strides),
      ArrayOf(grouped(sum, columns), equation, terms[1].strides),
      ArrayOf(grouped(rows, columns), equation, y_strides)};
  const double macs = static_cast<double>(ir::ElementCount(y_dims).value_or(0)) *
                      static_cast<double>(arrays[0].dims.back());
  const Work work = WorkOf(macs, false);
  const ThreadScope threads(work.threads);
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const ir::Tensor* weights = nullptr;
  if (batch.empty() && arrays[1].as_it_lies && facts_.IsEvaluable(terms[1].value))
    weights = facts_.Known(terms[1].value);

  // Arrays as they lie, where that leaves the kernel the one that plain arrays get.
  std::array<dnnl::memory::desc, 3> mds;
  for (size_t i = 0; i < 3; ++i) mds[i] = Describe(arrays[i].dims, DType::kFloat, arrays[i].plain);
  if (weights != nullptr) {
    mds[1] = dnnl::memory::desc(arrays[1].dims, dnnl::memory::data_type::f32,
                                dnnl::memory::format_tag::any);
  }
  dnnl::matmul::primitive_desc pd(CpuEngine(), mds[0], mds[1], mds[2], attr);
  std::array<bool, 3> lies{};
  for (size_t i = 0; i < 3; ++i) {
    if (!arrays[i].as_it_lies || (i == 1 && weights != nullptr)) continue;
    auto other = mds;
    other[i] = Describe(arrays[i].dims, DType::kFloat, *arrays[i].as_it_lies);
    const dnnl::matmul::primitive_desc direct(CpuEngine(), other[0], other[1], other[2], attr,
                                              /*allow_empty=*/true);
    if (!direct || std::string(direct.impl_info_str()) != pd.impl_info_str()) continue;
    pd = direct, mds = other, lies[i] = true;
  }

  std::array<int, 3> storages{};
  for (size_t i = 0; i < 2; ++i) {
    const Term& term = terms[i];
    if (i == 1 && weights != nullptr) {
      storages[i] = PackedWeights(unit, pd.weights_desc(), [&] {
        return PackedOnce(*weights, Describe(arrays[i].dims, DType::kFloat, *arrays[i].as_it_lies),
                          pd.weights_desc());
      });
      continue;
    }
    Operand x = Get(term.value);
    if (x.defined() && !lies[i])
      x = Arranged(x, Extents(arrays[i].labels, equation), Picked(arrays[i].labels, term.strides));
    if (!x.defined()) return {};
    storages[i] = x.storage;
  }
  const Operand product = NewArray(DType::kFloat, y_dims, Layout::kPlain);
  storages[2] = product.storage;
  std::vector<DnnlArgument> arguments = {{DNNL_ARG_SRC, mds[0], storages[0]},
                                         {DNNL_ARG_WEIGHTS, pd.weights_desc(), storages[1]},
                                         {DNNL_ARG_DST, mds[2], storages[2]}};
  AddScratchpad(pd.scratchpad_desc(), arguments);
  AddDnnl("onednn:matmul:f32", dnnl::matmul(pd), std::move(arguments), 1, work);
  if (lies[2]) return product;
  const Shape made = Extents(arrays[2].labels, equation);
  return Arranged(product, y_dims,
                  Picked(equation.output,
                         StridesByLabel(arrays[2].labels, made, StridesOf(made, Layout::kPlain))));
}

}  // namespace assize::engine
