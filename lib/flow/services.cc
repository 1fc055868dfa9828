// The pass services over the engine and the datasets. Tests: tests/flow/services_test.cc.
#include "lib/flow/services.h"

#include <algorithm>

#include "lib/engine/engine.h"
#include "lib/flow/model_file.h"
#include "lib/onnx/onnx.h"
#include "lib/reference/reference.h"
#include "lib/support/files.h"

namespace assize::flow {
namespace {

// Rows per batch when the model leaves the choice to us: enough to fill two cores, little memory.
constexpr int64_t kBatchRows = 64;

struct TypePair {
  data::DType data;
  ir::DType ir;
};
constexpr TypePair kTypes[] = {
    {data::DType::kBool, ir::DType::kBool},  {data::DType::kI8, ir::DType::kInt8},
    {data::DType::kI16, ir::DType::kInt16},  {data::DType::kI32, ir::DType::kInt32},
    {data::DType::kI64, ir::DType::kInt64},  {data::DType::kU8, ir::DType::kUint8},
    {data::DType::kU16, ir::DType::kUint16}, {data::DType::kU32, ir::DType::kUint32},
    {data::DType::kU64, ir::DType::kUint64}, {data::DType::kF16, ir::DType::kFloat16},
    {data::DType::kF32, ir::DType::kFloat},  {data::DType::kF64, ir::DType::kDouble},
};

class SessionRunner final : public pass::Runner {
 public:
  explicit SessionRunner(std::shared_ptr<const engine::Program> program)
      : session_(std::move(program)) {}
  StatusOr<std::vector<ir::Tensor>> Run(const pass::Feeds& feeds) override {
    return session_.Run(feeds);
  }

 private:
  engine::Session session_;
};

class ReferenceRunner final : public pass::Runner {
 public:
  ReferenceRunner(ir::Model model, std::vector<std::string> fetch)
      : model_(std::move(model)), fetch_(std::move(fetch)) {}
  StatusOr<std::vector<ir::Tensor>> Run(const pass::Feeds& feeds) override {
    std::map<std::string, reference::RuntimeValue> values;
    for (const auto& [name, tensor] : feeds)
      values.emplace(name, reference::RuntimeValue::Of(tensor));
    AZ_ASSIGN_OR_RETURN(const auto results, reference::Run(model_, values, fetch_));
    std::vector<ir::Tensor> tensors;
    for (const reference::RuntimeValue& result : results) {
      if (!result.is_tensor()) return Unimplemented("a result is no tensor");
      tensors.push_back(result.tensor);
    }
    return tensors;
  }

 private:
  ir::Model model_;
  std::vector<std::string> fetch_;
};

}  // namespace

ir::Tensor ToTensor(const data::Array& array) {
  for (const TypePair& pair : kTypes) {
    if (pair.data == array.dtype)
      return ir::Tensor::View(pair.ir, array.shape, array.bytes, array.owner);
  }
  AZ_CHECK(false, "element type {} has no tensor type", data::DTypeName(array.dtype));
}

StatusOr<data::Array> ToArray(const ir::Tensor& tensor) {
  for (const TypePair& pair : kTypes) {
    if (pair.ir == tensor.dtype()) {
      return data::Array::View(pair.data, tensor.dims(), tensor.bytes(),
                               std::make_shared<const ir::Tensor>(tensor));
    }
  }
  return InvalidArgument("a {} tensor cannot be written to a NumPy file",
                         ir::NameOf(tensor.dtype()));
}

StatusOr<std::unique_ptr<pass::Runner>> EngineEvaluator::Prepare(
    const ir::Model& model, const std::vector<std::string>& fetch) {
  engine::CompileOptions options;
  options.fetch = fetch;
  if (max_memory_bytes_ > 0) options.max_memory_bytes = max_memory_bytes_;
  AZ_ASSIGN_OR_RETURN(std::shared_ptr<const engine::Program> program,
                      engine::Compile(model, options));
  return std::unique_ptr<pass::Runner>(std::make_unique<SessionRunner>(std::move(program)));
}

StatusOr<std::unique_ptr<pass::Runner>> ReferenceEvaluator::Prepare(
    const ir::Model& model, const std::vector<std::string>& fetch) {
  if (const std::vector<std::string> missing = NotExecutable(model); !missing.empty()) {
    return Unimplemented("the reference cannot run {}", fmt::join(missing, ", "));
  }
  return std::unique_ptr<pass::Runner>(std::make_unique<ReferenceRunner>(model, fetch));
}

DatasetView::DatasetView(const data::Dataset& dataset, std::vector<int64_t> rows,
                         int64_t fixed_batch)
    : dataset_(dataset), rows_(std::move(rows)), fixed_batch_(fixed_batch) {}

StatusOr<pass::Feeds> DatasetView::Batch(int64_t begin, int64_t end) const {
  if (begin < 0 || end < begin || end > rows()) {
    return OutOfRange("rows [{}, {}) of {}", begin, end, rows());
  }
  const std::span<const int64_t> wanted = std::span<const int64_t>(rows_).subspan(
      static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  AZ_ASSIGN_OR_RETURN(const auto arrays, dataset_.Batch(wanted));
  pass::Feeds feeds;
  for (const auto& [name, array] : arrays) feeds.emplace(name, ToTensor(array));
  return feeds;
}

int64_t DatasetView::batch_rows() const {
  return fixed_batch_ > 0 ? fixed_batch_ : std::min(kBatchRows, std::max<int64_t>(rows(), 1));
}

std::string DatasetView::digest() const { return Hex(dataset_.SelectionDigest(rows_)); }

Status FolderSink::Write(const std::string& name, std::span<const std::byte> bytes) {
  const std::string path = JoinPath(folder_, name);
  AZ_RETURN_IF_ERROR(MakeFolders(FolderOf(path)));
  return WriteFileAtomic(path, {bytes});
}

Status FolderSink::WriteModel(const std::string& name, const ir::Model& model) {
  const std::string path = JoinPath(folder_, name);
  AZ_RETURN_IF_ERROR(MakeFolders(FolderOf(path)));
  return onnx::ExportFile(model, path).status();
}

}  // namespace assize::flow
