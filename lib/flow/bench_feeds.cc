// Sizes of symbolic dims and seeded values. Tests: tests/flow/bench_test.cc.
#include "lib/flow/bench_feeds.h"

#include <set>

#include "lib/flow/model_file.h"
#include "lib/flow/services.h"
#include "lib/ir/text.h"
#include "lib/support/random.h"

namespace assize::flow {
namespace {

constexpr uint64_t kSeed = 1;

// How the user names a dim: its symbol, or where it stands.
std::string DimName(const ir::Value& input, size_t axis, const ir::Dim& dim) {
  return dim.param.empty() ? fmt::format("{}:{}", input.name, axis) : dim.param;
}

// What the symbols of a model stand for.
class Sizes {
 public:
  Sizes(int64_t batch, const std::map<std::string, int64_t>& given)
      : asked_batch_(batch), given_(given) {}

  // In the order of inputs and axes. The first symbolic or fixed first dim settles the batch.
  StatusOr<ir::Shape> Of(const ir::Value& input) {
    if (!input.type.is_tensor() || !input.type.shape) {
      return InvalidArgument("input \"{}\" is {}; only tensors of known rank can be fed here",
                             input.name, ir::TypeText(input.type));
    }
    ir::Shape dims;
    for (size_t axis = 0; axis < input.type.shape->size(); ++axis) {
      const ir::Dim& dim = (*input.type.shape)[axis];
      AZ_ASSIGN_OR_RETURN(const int64_t size, SizeOf(input, axis, dim));
      dims.push_back(size);
    }
    return dims;
  }

  int64_t batch() const { return batch_; }
  // A dim that was given and that no input has.
  Status CheckAllUsed() const {
    for (const auto& [name, size] : given_) {
      if (used_.contains(name)) continue;
      return InvalidArgument("--dim {}={}: no input has a dim of that name; {}", name, size,
                             seen_.empty() ? std::string("all sizes are fixed")
                                           : fmt::format("there are: {}", fmt::join(seen_, ", ")));
    }
    return OkStatus();
  }

 private:
  StatusOr<int64_t> SizeOf(const ir::Value& input, size_t axis, const ir::Dim& dim) {
    if (dim.value) {
      if (axis == 0 && batch_ == 0) {
        if (asked_batch_ != 0 && asked_batch_ != *dim.value) {
          return InvalidArgument("--batch {}: the first dim of input \"{}\" {} is fixed at {}",
                                 asked_batch_, input.name, ir::TypeText(input.type), *dim.value);
        }
        batch_ = *dim.value;
      }
      return *dim.value;
    }
    const std::string name = DimName(input, axis, dim);
    seen_.insert(name);
    if (const auto found = given_.find(name); found != given_.end()) {
      used_.insert(name);
      if (axis == 0 && batch_ == 0) batch_ = found->second;
      bound_[name] = found->second;
      return found->second;
    }
    if (const auto found = bound_.find(name); found != bound_.end()) return found->second;
    if (axis == 0) {
      if (batch_ == 0) batch_ = asked_batch_ == 0 ? 1 : asked_batch_;
      if (!dim.param.empty()) bound_[name] = batch_;
      return batch_;
    }
    return InvalidArgument(
        "input \"{}\" is {}: the size of {} is not known; give it with --dim {}=N", input.name,
        ir::TypeText(input.type), name, name);
  }

  int64_t asked_batch_;
  const std::map<std::string, int64_t>& given_;
  std::map<std::string, int64_t> bound_;
  std::set<std::string> seen_, used_;
  int64_t batch_ = 0;
};

// Rows of the smallest constant table that the input's values index, or 0.
int64_t TableRows(const ir::Graph& graph, ir::ValueRef input) {
  int64_t rows = 0;
  for (const ir::NodeRef ref : graph.nodes()) {
    const ir::Node& node = graph.node(ref);
    if (node.op_type != "Gather" || node.inputs.size() != 2 || node.inputs[1] != input) continue;
    const ir::Tensor* table = graph.ConstantOf(node.inputs[0]);
    if (table == nullptr || table->dims().empty()) continue;
    const int64_t size =
        table->dims()[0];  // as token tables are indexed; a wrong axis is refused by the run
    rows = rows == 0 ? size : std::min(rows, size);
  }
  return rows;
}

template <typename T>
ir::Tensor Integers(const ir::Shape& dims, int64_t count, int64_t below, int64_t otherwise,
                    Philox& random) {
  std::vector<T> values(static_cast<size_t>(count), static_cast<T>(otherwise));
  if (below > 0) {
    for (T& value : values) value = static_cast<T>(random.NextBelow(static_cast<uint64_t>(below)));
  }
  return ir::Tensor::Of<T>(dims, values);
}

StatusOr<ir::Tensor> Noise(const ir::Graph& graph, ir::ValueRef ref, const ir::Shape& dims,
                           Philox& random) {
  const ir::Value& input = graph.value(ref);
  const auto count = ir::ElementCount(dims);
  if (!count || *count > (int64_t{1} << 30)) {
    return ResourceExhausted(
        "input \"{}\" would hold more than {} elements; use a smaller batch or --dim", input.name,
        int64_t{1} << 30);
  }
  const bool mask = input.name.find("mask") != std::string::npos;
  const int64_t below = TableRows(graph, ref);
  switch (input.type.dtype) {
    case ir::DType::kFloat: {
      std::vector<float> values(static_cast<size_t>(*count));
      for (float& value : values) value = static_cast<float>(random.NextNormal());
      return ir::Tensor::Of<float>(dims, values);
    }
    case ir::DType::kDouble: {
      std::vector<double> values(static_cast<size_t>(*count));
      for (double& value : values) value = random.NextNormal();
      return ir::Tensor::Of<double>(dims, values);
    }
    case ir::DType::kInt64:
      return Integers<int64_t>(dims, *count, below, mask ? 1 : 0, random);
    case ir::DType::kInt32:
      return Integers<int32_t>(dims, *count, below, mask ? 1 : 0, random);
    case ir::DType::kUint8:
      return Integers<uint8_t>(dims, *count, below > 0 ? std::min<int64_t>(below, 256) : 256, 0,
                               random);
    case ir::DType::kInt8:
      return Integers<int8_t>(dims, *count, below > 0 ? std::min<int64_t>(below, 128) : 128, 0,
                              random);
    case ir::DType::kString:
      return ir::Tensor::Strings(dims, std::vector<std::string>(static_cast<size_t>(*count)));
    default:
      return ir::Tensor::Zeros(input.type.dtype, dims);
  }
}

}  // namespace

StatusOr<BenchFeeds> MakeBenchFeeds(const ir::Model& model, int64_t batch,
                                    const std::map<std::string, int64_t>& dims,
                                    const UserData& data) {
  const ir::Graph& graph = model.graph;
  BenchFeeds made;
  if (data.given()) {
    if (!dims.empty()) {
      return InvalidArgument(
          "--dim {}={} together with data: the rows of {} have sizes of their own",
          dims.begin()->first, dims.begin()->second, data.path);
    }
    AZ_ASSIGN_OR_RETURN(const data::Dataset dataset, LoadUserData(data, model));
    if (dataset.rows() == 0) return InvalidArgument("{}: no rows to feed", data.path);
    const int64_t fixed = FixedBatch(model);
    if (fixed > 0 && batch != 0 && batch != fixed)
      return InvalidArgument("--batch {}: the model's batch is fixed at {}", batch, fixed);
    made.batch = fixed > 0 ? fixed : batch == 0 ? 1 : batch;
    std::vector<int64_t> rows(static_cast<size_t>(made.batch));
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int64_t>(i) % dataset.rows();
    AZ_ASSIGN_OR_RETURN(const auto arrays, dataset.Batch(rows));
    for (const auto& [name, array] : arrays) made.feeds.emplace(name, ToTensor(array));
    made.source = data.path;
  } else {
    Sizes sizes(batch, dims);
    Philox random(kSeed);
    for (const ir::ValueRef ref : graph.inputs()) {
      const ir::Value& input = graph.value(ref);
      if (input.is_initializer()) continue;
      AZ_ASSIGN_OR_RETURN(const ir::Shape shape, sizes.Of(input));
      AZ_ASSIGN_OR_RETURN(ir::Tensor tensor, Noise(graph, ref, shape, random));
      made.feeds.emplace(input.name, std::move(tensor));
    }
    AZ_RETURN_IF_ERROR(sizes.CheckAllUsed());
    made.batch = std::max<int64_t>(sizes.batch(), 1);
    made.source = "seeded noise";
  }
  for (const auto& [name, tensor] : made.feeds)
    made.inputs.push_back(name + " " + tensor.TypeText());
  return made;
}

Status SameInputs(const ir::Model& model, const std::map<std::string, ir::Tensor>& feeds) {
  const std::vector<std::string> names = FeedNames(model);
  for (const std::string& name : names) {
    const auto fed = feeds.find(name);
    if (fed == feeds.end()) {
      std::vector<std::string> known;
      for (const auto& [key, tensor] : feeds) known.push_back(key);
      return InvalidArgument("input \"{}\" is not fed; fed are: {}", name, fmt::join(known, ", "));
    }
    const ir::Value& input = model.graph.value(model.graph.FindValue(name));
    const ir::Tensor& tensor = fed->second;
    bool fits = input.type.is_tensor() && input.type.dtype == tensor.dtype();
    if (fits && input.type.shape) {
      fits = input.type.shape->size() == tensor.dims().size();
      for (size_t i = 0; fits && i < tensor.dims().size(); ++i) {
        const ir::Dim& dim = (*input.type.shape)[i];
        fits = !dim.value || *dim.value == tensor.dims()[i];
      }
    }
    if (!fits) {
      return InvalidArgument("input \"{}\" is {}, fed is {}", name, ir::TypeText(input.type),
                             tensor.TypeText());
    }
  }
  for (const auto& [name, tensor] : feeds) {
    if (std::find(names.begin(), names.end(), name) == names.end())
      return InvalidArgument("there is no input \"{}\"; its inputs are: {}", name,
                             fmt::join(names, ", "));
  }
  return OkStatus();
}

}  // namespace assize::flow
