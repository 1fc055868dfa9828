// Every kernel on random inputs and attributes: it answers or refuses, and never crashes. Run under
// the sanitizers this finds unchecked indices, overflow and division by zero. The seed of a failure
// is the op's name and the round.
#include <gtest/gtest.h>

#include <cstdlib>

#include "lib/reference/convert.h"
#include "lib/reference/families.h"
#include "lib/support/random.h"
#include "tests/reference/one_node.h"

namespace assize::reference {
namespace {

// More rounds find more: ASSIZE_ROUNDS=5000.
int Rounds() {
  const char* given = std::getenv("ASSIZE_ROUNDS");
  return given == nullptr ? 60 : std::atoi(given);
}

std::vector<const KernelRow*> AllRows() {
  std::vector<const KernelRow*> all;
  const auto add = [&](KernelRows rows) {
    for (const KernelRow& row : rows) all.push_back(&row);
  };
#define ASSIZE_ADD(Name) add(Name##Rows());
  ASSIZE_KERNEL_FAMILIES(ASSIZE_ADD)
#undef ASSIZE_ADD
  return all;
}

int64_t SomeInt(Philox& random) {
  static constexpr int64_t kOdd[] = {
      INT64_MIN,        INT64_MAX,          -1, 0, 1, 2, 3, int64_t{1} << 31,
      int64_t{1} << 62, -(int64_t{1} << 40)};
  if (random.NextBelow(4) == 0) return kOdd[random.NextBelow(std::size(kOdd))];
  return static_cast<int64_t>(random.NextBelow(7)) - 3;
}

std::vector<int64_t> SomeInts(Philox& random, bool tame) {
  std::vector<int64_t> out(random.NextBelow(6));
  for (int64_t& value : out)
    value = tame ? static_cast<int64_t>(random.NextBelow(3)) + 1 : SomeInt(random);
  return out;
}

ir::Tensor SomeTensor(Philox& random, bool tame) {
  static constexpr ir::DType kTypes[] = {
      ir::DType::kFloat,      ir::DType::kFloat,     ir::DType::kInt64,    ir::DType::kInt64,
      ir::DType::kInt32,      ir::DType::kUint8,     ir::DType::kInt8,     ir::DType::kBool,
      ir::DType::kDouble,     ir::DType::kFloat16,   ir::DType::kBfloat16, ir::DType::kUint64,
      ir::DType::kInt4,       ir::DType::kUint2,     ir::DType::kString,   ir::DType::kFloat8E4M3Fn,
      ir::DType::kFloat6E2M3, ir::DType::kFloat4E2M1};
  const ir::DType dtype = kTypes[tame ? 0 : random.NextBelow(std::size(kTypes))];
  ir::Shape dims(random.NextBelow(6));
  if (tame) dims.resize(3 + random.NextBelow(2));
  int64_t count = 1;
  for (int64_t& dim : dims) {
    dim = static_cast<int64_t>(random.NextBelow(4)) + (tame ? 1 : 0);
    count *= dim;
  }
  if (dtype == ir::DType::kString) {
    return ir::Tensor::Strings(dims, std::vector<std::string>(static_cast<size_t>(count), "a1 b"));
  }
  std::vector<double> values(static_cast<size_t>(count));
  for (double& value : values) {
    const uint64_t kind = random.NextBelow(12);
    value = kind == 0   ? 1e30
            : kind == 1 ? -1e30
            : kind == 2 ? std::numeric_limits<double>::quiet_NaN()
            : kind == 3 ? std::numeric_limits<double>::infinity()
                        : static_cast<double>(SomeInt(random));
  }
  return FromReals(dtype, dims, values);
}

std::vector<ir::Attribute> SomeAttributes(Philox& random, bool tame) {
  static const char* const kInts[] = {"axis",
                                      "group",
                                      "keepdims",
                                      "ceil_mode",
                                      "p",
                                      "k",
                                      "to",
                                      "dtype",
                                      "block_size",
                                      "blocksize",
                                      "num_groups",
                                      "num_outputs",
                                      "start",
                                      "end",
                                      "allowzero",
                                      "batch_dims",
                                      "size",
                                      "hidden_size",
                                      "layout",
                                      "sample_size",
                                      "q_num_heads",
                                      "kv_num_heads",
                                      "num_heads",
                                      "rotary_embedding_dim",
                                      "onesided",
                                      "inverse",
                                      "is_causal",
                                      "upper",
                                      "num_scan_inputs",
                                      "batch_axis",
                                      "time_axis",
                                      "storage_order",
                                      "count_include_pad",
                                      "output_dtype",
                                      "offset_group",
                                      "output_height",
                                      "output_width",
                                      "sampling_ratio",
                                      "align_corners",
                                      "antialias",
                                      "exclusive",
                                      "reverse",
                                      "maxsplit",
                                      "noop_with_empty_axes",
                                      "fmod",
                                      "saturate",
                                      "precision",
                                      "largest",
                                      "stash_type",
                                      "left_window_size",
                                      "targets"};
  static const char* const kLists[] = {"kernel_shape",   "strides",      "pads",
                                       "paddings",       "dilations",    "axes",
                                       "perm",           "split",        "output_shape",
                                       "output_padding", "shape",        "starts",
                                       "ends",           "pooled_shape", "ngram_counts",
                                       "ngram_indexes",  "pool_int64s",  "scan_input_axes",
                                       "value_ints",     "cats_int64s",  "keys_int64s",
                                       "values_int64s"};
  static const char* const kTexts[] = {
      "mode",         "auto_pad",     "direction",          "equation",
      "pattern",      "reduction",    "update_rule",        "coordinate_transformation_mode",
      "padding_mode", "nearest_mode", "case_change_action", "norm"};
  static const char* const kValues[] = {"constant",
                                        "reflect",
                                        "edge",
                                        "wrap",
                                        "SAME_UPPER",
                                        "SAME_LOWER",
                                        "VALID",
                                        "LEFT",
                                        "RIGHT",
                                        "bidirectional",
                                        "reverse",
                                        "ij,jk->ik",
                                        "...ij->...ji",
                                        "a[b",
                                        "(a|b)*1+",
                                        "none",
                                        "add",
                                        "mul",
                                        "linear",
                                        "cubic",
                                        "nearest",
                                        "align_corners",
                                        "tf_crop_and_resize",
                                        "border",
                                        "reflection",
                                        "zeros",
                                        "delta",
                                        "LOWER",
                                        "CRD",
                                        "TF",
                                        "L2",
                                        ""};
  std::vector<ir::Attribute> out;
  for (const char* name : kInts) {
    if (random.NextBelow(3) == 0)
      out.push_back(
          IntAttr(name, tame ? static_cast<int64_t>(random.NextBelow(3)) : SomeInt(random)));
  }
  for (const char* name : kLists) {
    if (random.NextBelow(3) == 0) out.push_back(IntsAttr(name, SomeInts(random, tame)));
  }
  for (const char* name : kTexts) {
    if (random.NextBelow(3) == 0)
      out.push_back(Attr(name, std::string(kValues[random.NextBelow(std::size(kValues))])));
  }
  if (random.NextBelow(3) == 0) out.push_back(Attr("epsilon", 0.0f));
  if (random.NextBelow(3) == 0) out.push_back(Attr("scale", -1e20f));
  if (random.NextBelow(3) == 0) out.push_back(Attr("ratio", 2.0f));
  return out;
}

TEST(Robustness, KernelsAnswerOrRefuseWhateverTheyAreGiven) {
  Limits limits;
  limits.max_tensor_bytes = 1 << 16;
  limits.max_loop_iterations = 100;
  const int rounds = Rounds();
  int answered = 0, refused = 0;
  for (const KernelRow* row : AllRows()) {
    uint64_t seed = 1469598103934665603u;
    for (const char* c = row->op; *c != '\0'; ++c)
      seed = (seed ^ static_cast<unsigned char>(*c)) * 1099511628211u;
    for (int round = 0; round < rounds; ++round) {
      SCOPED_TRACE(fmt::format("{} since {}, round {}", row->op, row->since, round));
      Philox random(seed, static_cast<uint64_t>(round));
      const bool tame = round % 2 == 0;  // shapes and values that get past the first checks
      OneNode spec;
      spec.op = row->op;
      spec.domain = row->domain;
      spec.opset = row->since + static_cast<int64_t>(random.NextBelow(4));
      spec.outputs = 1 + random.NextBelow(4);
      const size_t most = row->max_inputs < 0 ? 4 : static_cast<size_t>(row->max_inputs);
      const size_t least = static_cast<size_t>(row->min_inputs);
      const size_t count = least + (most > least ? random.NextBelow(most - least + 1) : 0);
      for (size_t i = 0; i < count; ++i) {
        const bool repeat =
            i > 0 && spec.inputs[0].defined() && random.NextBelow(2) == 0;  // equal shapes
        spec.inputs.push_back(repeat ? spec.inputs[0]
                                     : SomeTensor(random, tame && random.NextBelow(3) != 0));
        if (i >= least && random.NextBelow(4) == 0) spec.inputs.back() = ir::Tensor();
      }
      spec.attributes = SomeAttributes(random, tame);
      const auto result = RunNode(spec, limits);
      (result.ok() ? answered : refused) += 1;
      if (!result.ok()) {
        EXPECT_NE(result.status().code(), StatusCode::kInternal) << result.status();
      }
    }
  }
  // The random inputs reach past the checks often enough to mean something.
  EXPECT_GT(answered, 1000);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace assize::reference
