// Windows of convolutions and pooling: defaults, automatic padding, output sizes. Tests:
// tests/analysis/ops_test.cc.
#include <algorithm>

#include "lib/analysis/attributes.h"
#include "lib/analysis/ops.h"
#include "lib/analysis/ops_internal.h"

namespace assize::analysis {

using ir::Graph;
using ir::NodeRef;
using ops_internal::Open;
using ops_internal::ReadGroup;
using ops_internal::ReadWindow;

namespace {

// Sizes above this cannot be tensors; keeping to it makes all sums below free of overflow.
constexpr int64_t kMaxExtent = int64_t{1} << 40;

Status FillList(std::vector<int64_t>& list, size_t size, int64_t fallback, int64_t least,
                const char* name) {
  if (list.empty()) list.assign(size, fallback);
  if (list.size() != size) {
    return InvalidArgument("{} has {} numbers, expected {}", name, list.size(), size);
  }
  for (const int64_t v : list) {
    if (v < least || v > kMaxExtent) {
      return InvalidArgument("{} is {}, expected {} to {}", name, ir::ShapeText(list), least,
                             kMaxExtent);
    }
  }
  return OkStatus();
}

Status CheckSpatial(const Window& window, const std::vector<int64_t>& spatial) {
  const size_t rank = spatial.size();
  if (window.kernel_shape.size() != rank || window.strides.size() != rank ||
      window.dilations.size() != rank || window.pads.size() != 2 * rank) {
    return InvalidArgument("kernel_shape {} over {} spatial dims",
                           ir::ShapeText(window.kernel_shape), rank);
  }
  for (size_t i = 0; i < rank; ++i) {
    if (spatial[i] < 0 || spatial[i] > kMaxExtent ||
        window.kernel_shape[i] - 1 > kMaxExtent / window.dilations[i]) {
      return InvalidArgument("spatial dims {} or kernel {} are beyond {}", ir::ShapeText(spatial),
                             ir::ShapeText(window.kernel_shape), kMaxExtent);
    }
  }
  return OkStatus();
}

int64_t CeilDiv(int64_t a, int64_t b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }
int64_t FloorDiv(int64_t a, int64_t b) { return a >= 0 ? a / b : -CeilDiv(-a, b); }

}  // namespace

namespace ops_internal {

Window ReadWindow(AttributeReader& read) {
  Window window;
  window.kernel_shape = read.Ints("kernel_shape");
  window.strides = read.Ints("strides");
  window.dilations = read.Ints("dilations");
  window.pads = read.Ints("pads");
  const std::string pad = read.Text("auto_pad", "NOTSET");
  if (pad == "NOTSET" || pad.empty())
    window.auto_pad = AutoPad::kNotSet;
  else if (pad == "SAME_UPPER")
    window.auto_pad = AutoPad::kSameUpper;
  else if (pad == "SAME_LOWER")
    window.auto_pad = AutoPad::kSameLower;
  else if (pad == "VALID")
    window.auto_pad = AutoPad::kValid;
  else
    read.Fail(
        fmt::format("auto_pad is \"{}\", expected NOTSET, SAME_UPPER, SAME_LOWER or VALID", pad));
  return window;
}

int64_t ReadGroup(AttributeReader& read) {
  const int64_t group = read.Int("group", 1);
  if (group < 1) read.Fail(fmt::format("group is {}, expected at least 1", group));
  return group;
}

}  // namespace ops_internal

StatusOr<Window> Window::Filled(size_t rank) const {
  Window filled = *this;
  AZ_RETURN_IF_ERROR(FillList(filled.strides, rank, 1, 1, "strides"));
  AZ_RETURN_IF_ERROR(FillList(filled.dilations, rank, 1, 1, "dilations"));
  AZ_RETURN_IF_ERROR(FillList(filled.pads, 2 * rank, 0, -kMaxExtent, "pads"));
  if (!filled.kernel_shape.empty()) {
    AZ_RETURN_IF_ERROR(FillList(filled.kernel_shape, rank, 1, 1, "kernel_shape"));
  }
  return filled;
}

StatusOr<Window::Extent> Window::Apply(const std::vector<int64_t>& spatial) const {
  AZ_RETURN_IF_ERROR(CheckSpatial(*this, spatial));
  const size_t rank = spatial.size();
  Extent extent;
  extent.pads = pads;
  for (size_t i = 0; i < rank; ++i) {
    const int64_t reach = (kernel_shape[i] - 1) * dilations[i] + 1;
    if (auto_pad == AutoPad::kValid) {
      extent.pads[i] = extent.pads[i + rank] = 0;
    } else if (auto_pad != AutoPad::kNotSet) {
      const int64_t wanted = CeilDiv(spatial[i], strides[i]);
      const int64_t total = std::max<int64_t>(0, (wanted - 1) * strides[i] + reach - spatial[i]);
      const int64_t small = total / 2;
      extent.pads[i] = auto_pad == AutoPad::kSameUpper ? small : total - small;
      extent.pads[i + rank] = total - extent.pads[i];
      extent.output.push_back(wanted);
      continue;
    }
    const int64_t slack = spatial[i] + extent.pads[i] + extent.pads[i + rank] - reach;
    int64_t size = (ceil_mode ? CeilDiv(slack, strides[i]) : FloorDiv(slack, strides[i])) + 1;
    // With ceil_mode, a last window that starts in the end padding does not count.
    if (ceil_mode && (size - 1) * strides[i] >= spatial[i] + extent.pads[i]) --size;
    if (size < 0 || slack < 0) {
      return InvalidArgument(
          "a window of {} over dim {} of {} with pads {} and {} leaves {}, expected at least 1",
          reach, i + 2, spatial[i], extent.pads[i], extent.pads[i + rank], size);
    }
    extent.output.push_back(size);
  }
  return extent;
}

StatusOr<ConvOp> ConvOp::From(const Graph& graph, NodeRef ref, int64_t) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"Conv"}, {2, 3}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  ConvOp op{node.inputs[0],  node.inputs[1],  InputAt(node, 2),
            node.outputs[0], ReadGroup(read), ReadWindow(read)};
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

StatusOr<Window::Extent> ConvTransposeOp::Apply(const std::vector<int64_t>& spatial) const {
  AZ_RETURN_IF_ERROR(CheckSpatial(window, spatial));
  const size_t rank = spatial.size();
  std::vector<int64_t> extra = output_padding;
  AZ_RETURN_IF_ERROR(FillList(extra, rank, 0, 0, "output_padding"));
  // Files may give the shape with batch and channels in front.
  std::vector<int64_t> wanted = output_shape;
  if (wanted.size() == rank + 2) wanted.erase(wanted.begin(), wanted.begin() + 2);
  if (!wanted.empty()) AZ_RETURN_IF_ERROR(FillList(wanted, rank, 0, 0, "output_shape"));
  Window::Extent extent;
  extent.pads = window.pads;
  for (size_t i = 0; i < rank; ++i) {
    const int64_t reach = (window.kernel_shape[i] - 1) * window.dilations[i] + 1;
    if (spatial[i] > kMaxExtent / window.strides[i]) {
      return InvalidArgument("dim {} of {} times stride {} is beyond {}", i + 2, spatial[i],
                             window.strides[i], kMaxExtent);
    }
    const int64_t full = window.strides[i] * (spatial[i] - 1) + extra[i] + reach;
    const bool same =
        window.auto_pad == AutoPad::kSameUpper || window.auto_pad == AutoPad::kSameLower;
    if (!wanted.empty() || same) {
      const int64_t size = !wanted.empty() ? wanted[i] : spatial[i] * window.strides[i];
      const int64_t total = std::max<int64_t>(0, full - size);
      const int64_t small = total / 2;
      // SAME_UPPER puts the odd one at the end; every other mode with an output_shape at the
      // beginning.
      extent.pads[i] = window.auto_pad == AutoPad::kSameUpper ? small : total - small;
      extent.pads[i + rank] = total - extent.pads[i];
      extent.output.push_back(size);
      continue;
    }
    if (window.auto_pad == AutoPad::kValid) extent.pads[i] = extent.pads[i + rank] = 0;
    const int64_t size = full - extent.pads[i] - extent.pads[i + rank];
    if (size < 0) {
      return InvalidArgument(
          "a transposed window of {} over dim {} of {} with pads {} and {} leaves {}", reach, i + 2,
          spatial[i], extent.pads[i], extent.pads[i + rank], size);
    }
    extent.output.push_back(size);
  }
  return extent;
}

StatusOr<ConvTransposeOp> ConvTransposeOp::From(const Graph& graph, NodeRef ref, int64_t) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"ConvTranspose"}, {2, 3}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  ConvTransposeOp op{node.inputs[0],
                     node.inputs[1],
                     InputAt(node, 2),
                     node.outputs[0],
                     ReadGroup(read),
                     ReadWindow(read),
                     read.Ints("output_padding"),
                     read.Ints("output_shape")};
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

StatusOr<ConvIntegerOp> ConvIntegerOp::From(const Graph& graph, NodeRef ref, int64_t) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"ConvInteger"}, {2, 4}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  ConvIntegerOp op{node.inputs[0],  node.inputs[1],  InputAt(node, 2), InputAt(node, 3),
                   node.outputs[0], ReadGroup(read), ReadWindow(read)};
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

StatusOr<QLinearConvOp> QLinearConvOp::From(const Graph& graph, NodeRef ref, int64_t) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"QLinearConv"}, {8, 9}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  QLinearConvOp op{node.inputs[0],   node.inputs[1],  node.inputs[2],  node.inputs[3],
                   node.inputs[4],   node.inputs[5],  node.inputs[6],  node.inputs[7],
                   InputAt(node, 8), node.outputs[0], ReadGroup(read), ReadWindow(read)};
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

StatusOr<PoolOp> PoolOp::From(const Graph& graph, NodeRef ref, int64_t) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"MaxPool", "AveragePool", "LpPool"}, {1, 1}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  PoolOp op;
  op.kind = node.op_type == "MaxPool"  ? Kind::kMax
            : node.op_type == "LpPool" ? Kind::kLp
                                       : Kind::kAverage;
  op.x = node.inputs[0];
  op.y = node.outputs[0];
  op.indices = OutputAt(node, 1);
  op.window = ReadWindow(read);
  if (op.window.kernel_shape.empty()) read.Fail("kernel_shape is missing");
  op.window.ceil_mode = read.Int("ceil_mode", 0) != 0;
  op.count_include_pad = read.Int("count_include_pad", 0) != 0;
  op.column_major = read.Int("storage_order", 0) != 0;
  op.p = read.Int("p", 2);
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

}  // namespace assize::analysis
