// Importing models: map or seal, scan, parse, build. Tests: tests/onnx/.
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "lib/onnx/graph_codec.h"
#include "lib/onnx/onnx.h"
#include "lib/onnx/parse.h"
#include "lib/onnx/wire.h"

namespace assize::onnx {
namespace {

constexpr int64_t kMinIrVersion = 3;
constexpr int64_t kMaxIrVersion = 14;
constexpr uint64_t kProtobufLimit = INT32_MAX;  // 2 GiB - 1: what any protobuf reader takes

StatusOr<ir::Model> Build(const ::onnx::ModelProto& proto, TensorSource& source) {
  ir::Model model;
  if (!proto.has_ir_version() || proto.ir_version() < kMinIrVersion ||
      proto.ir_version() > kMaxIrVersion) {
    return Unimplemented("IR version {} is not supported, expected {} to {}", proto.ir_version(),
                         kMinIrVersion, kMaxIrVersion);
  }
  if (!proto.has_graph()) return InvalidArgument("no graph: this is no ONNX model");
  model.ir_version = proto.ir_version();
  AZ_ASSIGN_OR_RETURN(model.opset_imports,
                      ReadOpsets(proto.opset_import(), source.limits.max_opset));
  if (model.opset_imports.empty()) return InvalidArgument("no opset_import, expected at least one");
  model.producer_name = proto.producer_name();
  model.producer_version = proto.producer_version();
  model.domain = proto.domain();
  model.doc = proto.doc_string();
  if (proto.has_model_version()) model.model_version = proto.model_version();
  model.metadata = ReadPairs(proto.metadata_props());
  model.unknown_fields = proto.unknown_fields();
  for (const auto& training : proto.training_info()) {
    AppendField(model.unknown_fields, ::onnx::ModelProto::kTrainingInfoFieldNumber,
                training.SerializeAsString());
  }
  for (const auto& configuration : proto.configuration()) {
    AppendField(model.unknown_fields, ::onnx::ModelProto::kConfigurationFieldNumber,
                configuration.SerializeAsString());
  }
  AZ_ASSIGN_OR_RETURN(model.graph, ReadGraph(proto.graph(), source));
  for (const auto& function : proto.functions()) {
    AZ_ASSIGN_OR_RETURN(ir::Function read, ReadFunction(function, source));
    model.functions.push_back(std::move(read));
  }
  AZ_RETURN_IF_ERROR(CheckCalls(model, source.limits));
  return model;
}

StatusOr<ir::Model> ImportScanned(std::string_view bytes, std::shared_ptr<const void> owner,
                                  const std::string& origin, ExternalFiles& external,
                                  const ImportLimits& limits) {
  if (bytes.empty())
    return InvalidArgument("{}: the file is empty, expected an ONNX model", origin);
  if (bytes.size() > std::min(limits.max_model_bytes, kProtobufLimit)) {
    return ResourceExhausted("{}: {} bytes, the limit max_model_bytes is {}", origin, bytes.size(),
                             std::min(limits.max_model_bytes, kProtobufLimit));
  }
  AZ_ASSIGN_OR_RETURN(Scanned scanned, Scan(WireMessage::kModel, bytes, origin, limits));
  ::onnx::ModelProto proto;
  AZ_RETURN_IF_ERROR(ParseScanned(scanned, proto, origin));
  scanned.stripped = std::string();
  TensorSource source{scanned, external, std::move(owner), limits};
  auto model = Build(proto, source);
  if (!model.ok()) return Annotate(model.status(), origin);
  return model;
}

// Of a mapped file, which is not in memory afterwards: who needs weights reads them again.
Digest DigestOf(std::span<const std::byte> mapped) {
  constexpr size_t kPiece = size_t{16} << 20;
  Sha256Stream stream;
  for (size_t at = 0; at < mapped.size(); at += kPiece) {
    const auto piece = mapped.subspan(at, std::min(kPiece, mapped.size() - at));
    stream.Update(piece);
    DropPages(piece);
  }
  return stream.Finish();
}

}  // namespace

Status ParseScanned(const Scanned& scanned, google::protobuf::MessageLite& message,
                    const std::string& origin) {
  // The scan has bounded the nesting; protobuf's own limit of 100 would be in the way of 32
  // subgraphs with types.
  constexpr int kSpare = 8;
  google::protobuf::io::ArrayInputStream stream(scanned.stripped.data(),
                                                static_cast<int>(scanned.stripped.size()));
  google::protobuf::io::CodedInputStream input(&stream);
  input.SetRecursionLimit(scanned.max_nesting + kMaxGroupDepth + kSpare);
  if (!message.ParseFromCodedStream(&input) || !input.ConsumedEntireMessage()) {
    return InvalidArgument("{}: not a well-formed protobuf message", origin);
  }
  return OkStatus();
}

StatusOr<Imported> ImportFile(const std::string& path, const ImportOptions& options) {
  const uint64_t limit = std::min(options.limits.max_model_bytes, kProtobufLimit);
  auto file = options.sealed ? MappedFile::OpenSealed(path, limit) : MappedFile::Open(path, limit);
  if (file.status().code() == StatusCode::kResourceExhausted) {
    return ResourceExhausted("{}: larger than the limit max_model_bytes of {}", path, limit);
  }
  AZ_RETURN_IF_ERROR(file.status());
  const std::span<const std::byte> bytes = (*file)->bytes();
  ExternalFiles external(FolderOf(path), options);
  Imported imported;
  AZ_ASSIGN_OR_RETURN(imported.model,
                      ImportScanned({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                                    *file, path, external, options.limits));
  if (options.digests) {
    imported.file_digest = DigestOf(bytes);
  } else {
    DropPages(bytes);
  }
  imported.file_bytes = bytes.size();
  for (const auto& [location, data] : external.files()) {
    const Digest digest = options.digests ? DigestOf(data->bytes()) : Digest{};
    imported.external.push_back({location, digest, data->bytes().size()});
  }
  return imported;
}

StatusOr<ir::Model> ImportBytes(std::string_view bytes, const std::string& origin,
                                const std::string& folder, const ImportOptions& options) {
  ExternalFiles external(folder, options);
  return ImportScanned(bytes, nullptr, origin, external, options.limits);
}

}  // namespace assize::onnx
