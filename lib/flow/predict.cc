// Running a model over rows. Tests: tests/flow/predict_test.cc.
#include "lib/flow/predict.h"

#include <algorithm>

#include "lib/engine/engine.h"
#include "lib/flow/model_file.h"
#include "lib/flow/services.h"

namespace assize::flow {
namespace {

// A batch of the model's own size needs that many rows: the last one is filled up with rows it has.
std::vector<int64_t> PaddedRows(std::span<const int64_t> rows, int64_t batch) {
  std::vector<int64_t> padded(rows.begin(), rows.end());
  while (static_cast<int64_t>(padded.size()) < batch) {
    padded.push_back(rows[padded.size() % rows.size()]);
  }
  return padded;
}

// Bytes per fed row bound the batch, so that rows of any size run in little memory.
int64_t BatchRows(const ir::Model& model, const data::Dataset& dataset) {
  if (const int64_t fixed = FixedBatch(model); fixed > 0) return fixed;
  constexpr int64_t kMostRows = 64;
  constexpr int64_t kBatchBytes = int64_t{8} << 20;
  int64_t row_bytes = 1;
  for (const data::Dataset::Input& input : dataset.inputs()) {
    row_bytes += input.raw.row_elements() * 4;
  }
  return std::clamp<int64_t>(kBatchBytes / row_bytes, 1, kMostRows);
}

Status RunBatches(engine::Session& session, const ir::Model& model, const data::Dataset& dataset,
                  std::span<const int64_t> rows, Progress& progress,
                  const std::function<Status(const std::vector<ir::Tensor>&, int64_t)>& take) {
  const auto batch = static_cast<size_t>(BatchRows(model, dataset));
  const bool fixed = FixedBatch(model) > 0;
  for (size_t begin = 0; begin < rows.size(); begin += batch) {
    AZ_RETURN_IF_ERROR(CheckInterrupted());
    const std::span<const int64_t> part = rows.subspan(begin, std::min(batch, rows.size() - begin));
    const std::vector<int64_t> fed = fixed ? PaddedRows(part, static_cast<int64_t>(batch))
                                           : std::vector<int64_t>(part.begin(), part.end());
    AZ_ASSIGN_OR_RETURN(const auto arrays, dataset.Batch(fed));
    pass::Feeds feeds;
    for (const auto& [name, array] : arrays) feeds.emplace(name, ToTensor(array));
    AZ_ASSIGN_OR_RETURN(const std::vector<ir::Tensor> outputs, session.Run(feeds));
    AZ_RETURN_IF_ERROR(take(outputs, static_cast<int64_t>(part.size())));
    progress.Advance(static_cast<int64_t>(begin + part.size()));
  }
  return OkStatus();
}

// One data set serves a model in float and its float16 twin: values are rounded to float16 where an
// input wants that, and widened where it wants float. Whoever says a type in the recipe means it.
Status FollowFloat16(data::Dataset& dataset, const ir::Model& model) {
  for (const ir::ValueRef ref : model.graph.inputs()) {
    const ir::Value& value = model.graph.value(ref);
    const bool half = value.type.dtype == ir::DType::kFloat16;
    if (value.is_initializer() || (!half && value.type.dtype != ir::DType::kFloat)) continue;
    for (const data::Dataset::Input& input : dataset.inputs()) {
      if (input.input != value.name || input.preprocessing.dtype) continue;
      AZ_ASSIGN_OR_RETURN(const data::FeedType type, dataset.TypeOf(input));
      if (type.dtype != (half ? data::DType::kF32 : data::DType::kF16)) continue;
      dataset.FeedAs(value.name, half ? data::DType::kF16 : data::DType::kF32);
      break;
    }
  }
  return OkStatus();
}

}  // namespace

Status BindToModel(data::Dataset& dataset, const ir::Model& model) {
  AZ_RETURN_IF_ERROR(dataset.BindInputs(FeedNames(model)));
  AZ_RETURN_IF_ERROR(FollowFloat16(dataset, model));
  std::vector<data::WantedInput> wanted;
  for (const ir::ValueRef ref : model.graph.inputs()) {
    const ir::Value& value = model.graph.value(ref);
    if (value.is_initializer()) continue;
    data::WantedInput want;
    want.name = value.name;
    want.dtype = std::string(ir::ShortNameOf(value.type.dtype));
    want.unknown_shape = !value.type.shape.has_value();
    if (value.type.shape) {
      for (const ir::Dim& dim : *value.type.shape) {
        want.dims.push_back(dim.value.value_or(-1));
        want.dim_names.push_back(dim.param);
      }
    }
    wanted.push_back(std::move(want));
  }
  return data::CheckFeed(dataset, wanted);
}

Status ForEachBatch(const ir::Model& model, const data::Dataset& dataset,
                    std::span<const int64_t> rows, const std::string& what, Progress& progress,
                    const std::function<Status(const std::vector<ir::Tensor>&, int64_t)>& take) {
  AZ_ASSIGN_OR_RETURN(std::shared_ptr<const engine::Program> program, engine::Compile(model));
  engine::Session session(std::move(program));
  progress.Start(what, static_cast<int64_t>(rows.size()));
  const Status status = RunBatches(session, model, dataset, rows, progress, take);
  progress.Finish();
  return status;
}

StatusOr<eval::Outputs> Predict(const ir::Model& model, const data::Dataset& dataset,
                                std::span<const int64_t> rows, const std::string& output,
                                const std::string& what, Progress& progress) {
  size_t index = 0;
  if (!output.empty()) {
    const auto& outputs = model.graph.outputs();
    while (index < outputs.size() && model.graph.value(outputs[index]).name != output) ++index;
    if (index == outputs.size()) return NotFound("the model has no output \"{}\"", output);
  }
  eval::OutputCollector collector;
  AZ_RETURN_IF_ERROR(
      ForEachBatch(model, dataset, rows, what, progress,
                   [&](const std::vector<ir::Tensor>& outputs, int64_t valid) -> Status {
                     AZ_ASSIGN_OR_RETURN(const data::Array array, ToArray(outputs[index]));
                     if (array.rows() < valid) {
                       return InvalidArgument(
                           "output {} holds {} rows for a batch of {}: it cannot be judged by row",
                           array.ToString(), array.rows(), valid);
                     }
                     return collector.Append(array, valid);
                   }));
  return collector.Take();
}

StatusOr<std::map<std::string, data::Array>> RunAll(const ir::Model& model,
                                                    const data::Dataset& dataset,
                                                    Progress& progress) {
  const std::vector<int64_t> rows = data::AllRows(dataset.rows());
  struct Gathered {
    data::DType dtype = data::DType::kF32;
    std::vector<int64_t> shape;
    std::vector<std::byte> bytes;
  };
  const auto& refs = model.graph.outputs();
  std::vector<Gathered> gathered(refs.size());
  AZ_RETURN_IF_ERROR(ForEachBatch(
      model, dataset, rows, "running", progress,
      [&](const std::vector<ir::Tensor>& outputs, int64_t valid) -> Status {
        for (size_t i = 0; i < outputs.size(); ++i) {
          const std::string& name = model.graph.value(refs[i]).name;
          AZ_ASSIGN_OR_RETURN(const data::Array array, ToArray(outputs[i]));
          if (array.shape.empty() || array.rows() < valid) {
            return InvalidArgument(
                "output \"{}\" is {} for a batch of {} rows: it has no row per sample", name,
                array.ToString(), valid);
          }
          Gathered& all = gathered[i];
          std::vector<int64_t> shape = array.shape;
          if (all.shape.empty()) {
            all.dtype = array.dtype;
            all.shape = shape;
            all.shape[0] = 0;
          }
          if (!std::equal(shape.begin() + 1, shape.end(), all.shape.begin() + 1, all.shape.end())) {
            return InvalidArgument(
                "output \"{}\" changes its row shape between batches: {}, then {}", name,
                data::ShapeText(all.shape), data::ShapeText(shape));
          }
          const auto kept = array.bytes.first(static_cast<size_t>(valid) * array.row_bytes());
          all.bytes.insert(all.bytes.end(), kept.begin(), kept.end());
          all.shape[0] += valid;
        }
        return OkStatus();
      }));
  std::map<std::string, data::Array> arrays;
  for (size_t i = 0; i < refs.size(); ++i) {
    AZ_ASSIGN_OR_RETURN(
        data::Array array,
        data::Array::FromBytes(gathered[i].dtype, gathered[i].shape, std::move(gathered[i].bytes)));
    arrays.emplace(model.graph.value(refs[i]).name, std::move(array));
  }
  return arrays;
}

}  // namespace assize::flow
