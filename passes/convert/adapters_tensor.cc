// Adapters of ops that move and reduce data: attributes that became inputs, renamed ops.
// Tests: tests/passes/convert_opset_test.cc.
#include "lib/analysis/attributes.h"
#include "lib/analysis/ops.h"
#include "passes/convert/adapters.h"

namespace assize::passes::convert {
namespace {

using analysis::AttributeReader;
using ir::Tensor;

Tensor Ints(const std::vector<int64_t>& values) {
  return Tensor::Of<int64_t>({static_cast<int64_t>(values.size())}, values);
}

const ir::Node& NodeOf(const Site& site) { return site.edit.graph().node(site.node); }

void SetText(Site& site, std::string name, std::string text) {
  ir::Attribute attribute;
  attribute.name = std::move(name);
  attribute.value = std::move(text);
  site.edit.SetAttribute(site.node, std::move(attribute));
}

void SetInt(Site& site, std::string name, int64_t number) {
  ir::Attribute attribute;
  attribute.name = std::move(name);
  attribute.value = number;
  site.edit.SetAttribute(site.node, std::move(attribute));
}

// An INTS attribute becomes input `index`; absent ones leave the input away.
Status IntsToInput(Site& site, const char* name, size_t index) {
  AttributeReader read(site.edit.graph(), site.node);
  const std::optional<std::vector<int64_t>> values = read.MaybeInts(name);
  AZ_RETURN_IF_ERROR(read.status());
  if (!values) return OkStatus();
  SetInputAt(site, index, MakeConstant(site, name, Ints(*values)));
  site.edit.RemoveAttribute(site.node, name);
  return OkStatus();
}

Status AxesToInput(Site& site) { return IntsToInput(site, "axes", 1); }
Status SplitToInput(Site& site) { return IntsToInput(site, "split", 1); }

// Reduce*: an empty list of axes meant all of them, as no list does.
Status ReduceAxesToInput(Site& site) {
  AttributeReader read(site.edit.graph(), site.node);
  const std::optional<std::vector<int64_t>> axes = read.MaybeInts("axes");
  AZ_RETURN_IF_ERROR(read.status());
  if (axes && axes->empty()) {
    site.edit.RemoveAttribute(site.node, "axes");
    return OkStatus();
  }
  return AxesToInput(site);
}

Status SplitNumOutputs(Site& site) {
  if (!analysis::InputAt(NodeOf(site), 1)) {
    SetInt(site, "num_outputs", static_cast<int64_t>(NodeOf(site).outputs.size()));
  }
  return OkStatus();
}

Status SliceToInputs(Site& site) {
  AZ_RETURN_IF_ERROR(IntsToInput(site, "starts", 1));
  AZ_RETURN_IF_ERROR(IntsToInput(site, "ends", 2));
  return IntsToInput(site, "axes", 3);
}

Status TopKToInput(Site& site) {
  AttributeReader read(site.edit.graph(), site.node);
  const int64_t k = read.RequiredInt("k");
  AZ_RETURN_IF_ERROR(read.status());
  SetInputAt(site, 1, MakeConstant(site, "k", Ints({k})));
  site.edit.RemoveAttribute(site.node, "k");
  return OkStatus();
}

Status PadToInputs(Site& site) {
  AttributeReader read(site.edit.graph(), site.node);
  const float value = read.Float("value", 0);
  const std::vector<int64_t> pads = read.RequiredInts("pads");
  AZ_RETURN_IF_ERROR(read.status());
  // Made first: it may refuse, and then nothing is changed.
  std::optional<Tensor> constant;
  if (value != 0) {
    AZ_ASSIGN_OR_RETURN(constant, ScalarLike(site, analysis::InputAt(NodeOf(site), 0), value));
  }
  SetInputAt(site, 1, MakeConstant(site, "pads", Ints(pads)));
  site.edit.RemoveAttribute(site.node, "pads");
  if (constant) SetInputAt(site, 2, MakeConstant(site, "value", *constant));
  site.edit.RemoveAttribute(site.node, "value");
  return OkStatus();
}

Status ClipToInputs(Site& site) {
  AttributeReader read(site.edit.graph(), site.node);
  const std::optional<float> low = read.MaybeFloat("min");
  const std::optional<float> high = read.MaybeFloat("max");
  AZ_RETURN_IF_ERROR(read.status());
  const ir::ValueRef x = analysis::InputAt(NodeOf(site), 0);
  std::optional<Tensor> min, max;
  if (low) {
    AZ_ASSIGN_OR_RETURN(min, ScalarLike(site, x, *low));
  }
  if (high) {
    AZ_ASSIGN_OR_RETURN(max, ScalarLike(site, x, *high));
  }
  if (min) SetInputAt(site, 1, MakeConstant(site, "min", *min));
  if (max) SetInputAt(site, 2, MakeConstant(site, "max", *max));
  site.edit.RemoveAttribute(site.node, "min");
  site.edit.RemoveAttribute(site.node, "max");
  return OkStatus();
}

Status ScatterRenamed(Site& site) {
  site.edit.SetOp(site.node, "ScatterElements", NodeOf(site).domain);
  return OkStatus();
}

Status UpsampleScalesToInput(Site& site) {
  AttributeReader read(site.edit.graph(), site.node);
  const std::vector<float> scales = read.Floats("scales");
  AZ_RETURN_IF_ERROR(read.status());
  const Tensor tensor = Tensor::Of<float>({static_cast<int64_t>(scales.size())}, scales);
  SetInputAt(site, 1, MakeConstant(site, "scales", tensor));
  site.edit.RemoveAttribute(site.node, "scales");
  return OkStatus();
}

// Upsample and Resize 10 are one op, with the same modes.
Status UpsampleRenamed(Site& site) {
  site.edit.SetOp(site.node, "Resize", NodeOf(site).domain);
  return OkStatus();
}

// Resize 10 maps x_original = x_resized / scale and rounds down; 11 has to be told so. Where the
// nearest sample lies when it shrinks was never defined, and implementations differ.
Status ResizeToVersion11(Site& site) {
  AttributeReader read(site.edit.graph(), site.node);
  const std::string mode = read.Text("mode", "nearest");
  AZ_RETURN_IF_ERROR(read.status());
  const ir::ValueRef scales = analysis::InputAt(NodeOf(site), 1);
  if (mode == "nearest") {
    const auto constant = analysis::ConstantValue(site.edit.graph(), scales);
    if (!constant) return Refuse(site, "mode nearest with computed scales: they might shrink");
    for (const double scale : constant->ToDoubles()) {
      if (scale < 1)
        return Refuse(site,
                      "mode nearest with a scale below 1 had no defined meaning before opset 11");
    }
    SetText(site, "nearest_mode", "floor");
  }
  SetText(site, "coordinate_transformation_mode", "asymmetric");
  // roi is a required input in opset 11, used by one mode only.
  SetInputAt(site, 2, scales);
  SetInputAt(site, 1, MakeConstant(site, "roi", Tensor::Of<float>({0}, {})));
  return OkStatus();
}

// Opset 11 and 12 say "none" with an empty tensor, 13 with an omitted input.
Status ResizeToVersion13(Site& site) {
  const auto empty = [&](size_t index) {
    const auto constant =
        analysis::ConstantValue(site.edit.graph(), analysis::InputAt(NodeOf(site), index));
    return constant && constant->element_count() == 0;
  };
  AttributeReader read(site.edit.graph(), site.node);
  const std::string transformation = read.Text("coordinate_transformation_mode", "half_pixel");
  AZ_RETURN_IF_ERROR(read.status());
  if (empty(1) && transformation != "tf_crop_and_resize") SetInputAt(site, 1, {});
  if (empty(2) && analysis::InputAt(NodeOf(site), 3)) SetInputAt(site, 2, {});
  return OkStatus();
}

Status ScanBatch(Site& site) {
  return Refuse(site, "Scan of opset 8 runs over a batch, with a meaning of its own");
}

Status DftAxisToInput(Site& site) {
  AttributeReader read(site.edit.graph(), site.node);
  const int64_t axis = read.Int("axis", 1);
  AZ_RETURN_IF_ERROR(read.status());
  SetInputAt(site, 2, MakeConstant(site, "axis", Tensor::Scalar<int64_t>(axis)));
  site.edit.RemoveAttribute(site.node, "axis");
  return OkStatus();
}

Status GridSampleModes(Site& site) {
  AttributeReader read(site.edit.graph(), site.node);
  const std::string mode = read.Text("mode", "bilinear");
  AZ_RETURN_IF_ERROR(read.status());
  if (!read.Has("mode")) return OkStatus();  // both defaults mean linear
  if (mode == "bilinear") SetText(site, "mode", "linear");
  if (mode == "bicubic") SetText(site, "mode", "cubic");
  return OkStatus();
}

constexpr OpChange kChanges[] = {
    {"Clip", 11, ClipToInputs},
    {"DFT", 20, DftAxisToInput},
    {"GridSample", 20, GridSampleModes},
    {"Pad", 11, PadToInputs},
    {"ReduceL1", 18, ReduceAxesToInput},
    {"ReduceL2", 18, ReduceAxesToInput},
    {"ReduceLogSum", 18, ReduceAxesToInput},
    {"ReduceLogSumExp", 18, ReduceAxesToInput},
    {"ReduceMax", 18, ReduceAxesToInput},
    {"ReduceMean", 18, ReduceAxesToInput},
    {"ReduceMin", 18, ReduceAxesToInput},
    {"ReduceProd", 18, ReduceAxesToInput},
    {"ReduceSum", 13, ReduceAxesToInput},
    {"ReduceSumSquare", 18, ReduceAxesToInput},
    {"Resize", 11, ResizeToVersion11},
    {"Resize", 13, ResizeToVersion13},
    {"Scan", 9, ScanBatch},
    {"Scatter", 11, ScatterRenamed},
    {"Slice", 10, SliceToInputs},
    {"Split", 13, SplitToInput},
    {"Split", 18, SplitNumOutputs},
    {"Squeeze", 13, AxesToInput},
    {"TopK", 10, TopKToInput},
    {"Unsqueeze", 13, AxesToInput},
    {"Upsample", 9, UpsampleScalesToInput},
    {"Upsample", 10, UpsampleRenamed},
};

}  // namespace

std::span<const OpChange> TensorAdapters() { return kChanges; }

}  // namespace assize::passes::convert
