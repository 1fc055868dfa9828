// Sliding windows. Tests: tests/reference/layers_test.cc.
#include "lib/reference/ops/window.h"

#include <algorithm>

namespace assize::reference {
namespace {

// Sizes, strides and pads beyond this are refused, so that no sum or product below can overflow.
constexpr int64_t kMaxExtent = int64_t{1} << 31;

Status CheckList(std::string_view name, const std::vector<int64_t>& values, size_t rank,
                 int64_t least) {
  if (values.size() != rank) {
    return InvalidArgument("attribute \"{}\" has {} values, expected {}", name, values.size(),
                           rank);
  }
  for (const int64_t value : values) {
    if (value < least || value > kMaxExtent) {
      return InvalidArgument("attribute \"{}\" has value {}, expected {} to {}", name, value, least,
                             kMaxExtent);
    }
  }
  return OkStatus();
}

// What both directions read alike. Leaves pads empty when auto_pad decides them.
StatusOr<Window> ReadWindow(const OpContext& ctx, const ir::Shape& input,
                            std::vector<int64_t> kernel) {
  Window w;
  const size_t rank = input.size();
  w.input = input;
  const std::vector<int64_t> given = ctx.Ints("kernel_shape");
  if (kernel.empty()) {
    kernel = given;
  } else if (!given.empty() && given != kernel) {
    return InvalidArgument("attribute \"kernel_shape\" is {}, the weight's is {}",
                           ir::ShapeText(given), ir::ShapeText(kernel));
  }
  w.kernel = std::move(kernel);
  w.strides = ctx.Ints("strides", std::vector<int64_t>(rank, 1));
  w.dilations = ctx.Ints("dilations", std::vector<int64_t>(rank, 1));
  // An empty list is an absent one.
  if (w.strides.empty()) w.strides.assign(rank, 1);
  if (w.dilations.empty()) w.dilations.assign(rank, 1);
  AZ_RETURN_IF_ERROR(CheckList("kernel_shape", w.kernel, rank, 1));
  AZ_RETURN_IF_ERROR(CheckList("strides", w.strides, rank, 1));
  AZ_RETURN_IF_ERROR(CheckList("dilations", w.dilations, rank, 1));
  for (size_t d = 0; d < rank; ++d) {
    if (input[d] > kMaxExtent || w.kernel[d] > kMaxExtent / w.dilations[d]) {
      return InvalidArgument("window of size {} with dilation {} over {} is too large", w.kernel[d],
                             w.dilations[d], input[d]);
    }
  }
  return w;
}

int64_t Reach(const Window& w, size_t d) { return (w.kernel[d] - 1) * w.dilations[d] + 1; }

Status ReadPads(const OpContext& ctx, Window& w) {
  const size_t rank = w.rank();
  std::vector<int64_t> pads = ctx.Ints("pads");
  if (pads.empty()) pads.assign(2 * rank, 0);
  AZ_RETURN_IF_ERROR(CheckList("pads", pads, 2 * rank, 0));
  w.pads_begin.assign(pads.begin(), pads.begin() + static_cast<int64_t>(rank));
  w.pads_end.assign(pads.begin() + static_cast<int64_t>(rank), pads.end());
  return OkStatus();
}

StatusOr<std::string> AutoPad(const OpContext& ctx) {
  const std::string mode = ctx.String("auto_pad", "NOTSET");
  if (mode != "NOTSET" && mode != "SAME_UPPER" && mode != "SAME_LOWER" && mode != "VALID" &&
      !mode.empty()) {
    return InvalidArgument(
        "attribute \"auto_pad\" is \"{}\", expected NOTSET, SAME_UPPER, SAME_LOWER or VALID", mode);
  }
  return mode.empty() ? std::string("NOTSET") : mode;
}

void Split(Window& w, size_t d, int64_t total, bool upper) {
  w.pads_begin[d] = upper ? total / 2 : total - total / 2;
  w.pads_end[d] = total - w.pads_begin[d];
}

}  // namespace

std::pair<int64_t, int64_t> Window::Inside(size_t d, int64_t k) const {
  const int64_t offset = k * dilations[d] - pads_begin[d];  // input = o * stride + offset
  const int64_t s = strides[d];
  const int64_t first = offset >= 0 ? 0 : (-offset + s - 1) / s;
  const int64_t last = input[d] - 1 - offset;
  const int64_t end = last < 0 ? 0 : last / s + 1;
  return {std::min(first, output[d]),
          std::max(std::min(first, output[d]), std::min(end, output[d]))};
}

StatusOr<Window> WindowOf(const OpContext& ctx, const ir::Shape& input,
                          std::vector<int64_t> kernel) {
  AZ_ASSIGN_OR_RETURN(Window w, ReadWindow(ctx, input, std::move(kernel)));
  AZ_RETURN_IF_ERROR(ReadPads(ctx, w));
  AZ_ASSIGN_OR_RETURN(const std::string auto_pad, AutoPad(ctx));
  const bool ceil = ctx.Int("ceil_mode", 0) != 0;
  w.output.resize(w.rank());
  for (size_t d = 0; d < w.rank(); ++d) {
    if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
      w.output[d] = (input[d] + w.strides[d] - 1) / w.strides[d];
      const int64_t total =
          std::max<int64_t>(0, (w.output[d] - 1) * w.strides[d] + Reach(w, d) - input[d]);
      Split(w, d, total, auto_pad == "SAME_UPPER");
      continue;
    }
    if (auto_pad == "VALID") w.pads_begin[d] = w.pads_end[d] = 0;
    const int64_t span = input[d] + w.pads_begin[d] + w.pads_end[d] - Reach(w, d);
    if (span < 0) {
      return InvalidArgument(
          "window of {} (kernel {}, dilation {}) is larger than the padded input {} + {} + {}",
          Reach(w, d), w.kernel[d], w.dilations[d], input[d], w.pads_begin[d], w.pads_end[d]);
    }
    w.output[d] = span / w.strides[d] + (ceil && span % w.strides[d] != 0 ? 1 : 0) + 1;
    // With ceil_mode, a last window that starts in the end padding does not count.
    if (ceil && (w.output[d] - 1) * w.strides[d] >= input[d] + w.pads_begin[d]) --w.output[d];
  }
  return w;
}

StatusOr<Window> TransposedWindowOf(const OpContext& ctx, const ir::Shape& input,
                                    std::vector<int64_t> kernel) {
  AZ_ASSIGN_OR_RETURN(Window w, ReadWindow(ctx, input, std::move(kernel)));
  AZ_RETURN_IF_ERROR(ReadPads(ctx, w));
  AZ_ASSIGN_OR_RETURN(const std::string auto_pad, AutoPad(ctx));
  const size_t rank = w.rank();
  std::vector<int64_t> extra = ctx.Ints("output_padding");
  if (extra.empty()) extra.assign(rank, 0);
  AZ_RETURN_IF_ERROR(CheckList("output_padding", extra, rank, 0));
  std::vector<int64_t> wanted = ctx.Ints("output_shape");
  if (wanted.size() == rank + 2) wanted.erase(wanted.begin(), wanted.begin() + 2);
  if (!wanted.empty()) AZ_RETURN_IF_ERROR(CheckList("output_shape", wanted, rank, 1));
  std::vector<int64_t> out(rank);
  for (size_t d = 0; d < rank; ++d) {
    if (input[d] > kMaxExtent || (input[d] > 1 && w.strides[d] > kMaxExtent / (input[d] - 1))) {
      return InvalidArgument("stride {} over {} is too large", w.strides[d], input[d]);
    }
    const int64_t full = w.strides[d] * (input[d] - 1) + extra[d] + Reach(w, d);
    const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
    if (!wanted.empty() || same) {
      out[d] = wanted.empty() ? input[d] * w.strides[d] : wanted[d];
      // ONNX: SAME_UPPER puts the odd element at the end of the input's padding, else at the
      // beginning.
      const int64_t total = std::max<int64_t>(0, full - out[d]);
      Split(w, d, total, auto_pad == "SAME_UPPER");
    } else {
      if (auto_pad == "VALID") w.pads_begin[d] = w.pads_end[d] = 0;
      out[d] = full - w.pads_begin[d] - w.pads_end[d];
    }
    if (out[d] < 0) {
      return InvalidArgument("pads {} + {} are larger than the result {}", w.pads_begin[d],
                             w.pads_end[d], full);
    }
  }
  w.output = w.input;  // swapped: a tap reaches the output from an input position
  w.input = std::move(out);
  return w;
}

StatusOr<ir::Shape> SpatialDims(const ir::Tensor& x) {
  if (x.rank() < 3)
    return InvalidArgument("x is {}, expected [N, C, *S] with at least one spatial dim",
                           x.TypeText());
  return ir::Shape(x.dims().begin() + 2, x.dims().end());
}

}  // namespace assize::reference
