// Exporting models: to bytes, or atomically to a file with its external data. Tests:
// tests/onnx/round_trip_test.cc.
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <cstring>

#include "lib/onnx/graph_codec.h"
#include "lib/onnx/onnx.h"

namespace assize::onnx {
namespace {

constexpr uint64_t kProtobufLimit = INT32_MAX;
constexpr char kDefaultLocation[] = "weights.bin";

void AddTensorBytes(const ir::Attribute& attribute, uint64_t& total);

void AddTensorBytes(const ir::Graph& graph, uint64_t& total) {
  for (const ir::ValueRef ref : graph.initializers()) {
    const ir::Value& value = graph.value(ref);
    if (value.initializer) total += value.initializer->tensor.bytes().size();
  }
  for (ir::NodeRef node = graph.first_node(); node; node = graph.next_node(node)) {
    for (const ir::Attribute& attribute : graph.node(node).attributes)
      AddTensorBytes(attribute, total);
  }
}

void AddTensorBytes(const ir::Attribute& attribute, uint64_t& total) {
  if (const auto* tensor = std::get_if<ir::NamedTensor>(&attribute.value))
    total += tensor->tensor.bytes().size();
  if (const auto* tensors = std::get_if<std::vector<ir::NamedTensor>>(&attribute.value)) {
    for (const ir::NamedTensor& tensor : *tensors) total += tensor.tensor.bytes().size();
  }
  if (const auto* box = std::get_if<ir::GraphBox>(&attribute.value)) AddTensorBytes(**box, total);
  if (const auto* boxes = std::get_if<std::vector<ir::GraphBox>>(&attribute.value)) {
    for (const ir::GraphBox& box : *boxes) AddTensorBytes(*box, total);
  }
}

void WriteModel(const ir::Model& model, const TensorTarget& target, ::onnx::ModelProto& proto) {
  proto.set_ir_version(model.ir_version);
  if (!model.producer_name.empty()) proto.set_producer_name(model.producer_name);
  if (!model.producer_version.empty()) proto.set_producer_version(model.producer_version);
  if (!model.domain.empty()) proto.set_domain(model.domain);
  if (!model.doc.empty()) proto.set_doc_string(model.doc);
  if (model.model_version) proto.set_model_version(*model.model_version);
  WriteOpsets(model.opset_imports, *proto.mutable_opset_import());
  WritePairs(model.metadata, *proto.mutable_metadata_props());
  *proto.mutable_unknown_fields() = model.unknown_fields;
  WriteGraph(model.graph, target, *proto.mutable_graph());
  for (const ir::Function& function : model.functions)
    WriteFunction(function, target, *proto.add_functions());
}

StatusOr<std::string> Serialize(const google::protobuf::MessageLite& message) {
  const size_t size = message.ByteSizeLong();
  if (size > kProtobufLimit) {
    return ResourceExhausted(
        "the model takes {} bytes without its large tensors, protobuf's limit is {}", size,
        kProtobufLimit);
  }
  std::string out;
  out.reserve(size);
  {
    google::protobuf::io::StringOutputStream stream(&out);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    if (!message.SerializeToCodedStream(&coded))
      return Internal("protobuf failed to serialize the model");
  }
  return out;
}

struct Laid {
  std::string model;
  ExternalLayout layout;
};

// `location`: one external file for everything that goes outside; "" lets tensors keep theirs.
StatusOr<Laid> Lay(const ir::Model& model, const ExportOptions& options,
                   const std::string& location) {
  uint64_t total = 0;
  AddTensorBytes(model.graph, total);
  for (const ir::Function& function : model.functions) AddTensorBytes(function.body, total);
  Laid laid;
  TensorTarget target;
  target.layout = &laid.layout;
  target.keep_external = options.keep_external;
  target.threshold_bytes = options.external_threshold_bytes;
  target.location = location;
  // A quarter of the limit is left for everything that is no tensor data.
  target.all_external = total > kProtobufLimit / 4 * 3;
  if (target.all_external && location.empty()) target.default_location = kDefaultLocation;
  ::onnx::ModelProto proto;
  WriteModel(model, target, proto);
  AZ_ASSIGN_OR_RETURN(laid.model, Serialize(proto));
  return laid;
}

std::vector<std::span<const std::byte>> PiecesOf(const ExternalLayout::File& file) {
  static constexpr std::byte kZeros[4096] = {};
  std::vector<std::span<const std::byte>> pieces;
  uint64_t at = 0;
  for (const auto& [offset, tensor] : file.pieces) {
    if (offset > at) pieces.push_back(std::span(kZeros).first(offset - at));
    pieces.push_back(tensor.bytes());
    at = offset + tensor.bytes().size();
  }
  return pieces;
}

// The file at `path` holds exactly these pieces.
bool SameContent(const std::string& path, const std::vector<std::span<const std::byte>>& pieces) {
  const auto file = MappedFile::Open(path, UINT64_MAX);
  if (!file.ok()) return false;
  std::span<const std::byte> rest = (*file)->bytes();
  for (const auto& piece : pieces) {
    if (piece.size() > rest.size() ||
        (!piece.empty() && std::memcmp(rest.data(), piece.data(), piece.size()) != 0)) {
      return false;
    }
    rest = rest.subspan(piece.size());
  }
  return rest.empty();
}

}  // namespace

StatusOr<Exported> ExportBytes(const ir::Model& model, const ExportOptions& options) {
  AZ_ASSIGN_OR_RETURN(Laid laid, Lay(model, options, ""));
  Exported exported;
  exported.model = std::move(laid.model);
  for (const auto& [location, file] : laid.layout.files()) {
    std::string bytes;
    bytes.reserve(file.size);
    for (const auto& piece : PiecesOf(file)) {
      bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    }
    exported.external.push_back({location, std::move(bytes)});
  }
  return exported;
}

StatusOr<std::vector<std::string>> ExportFile(const ir::Model& model, const std::string& path,
                                              const ExportOptions& options) {
  const std::string folder = FolderOf(path);
  const std::string name = BaseName(path);
  AZ_ASSIGN_OR_RETURN(Laid laid, Lay(model, options, ""));
  // A file of that name that holds something else belongs to another model (often the source): it
  // must survive, so the data goes to one file named after this model.
  bool taken = false;
  for (const auto& [location, file] : laid.layout.files()) {
    AZ_RETURN_IF_ERROR(CheckLocation(location));
    const std::string target = JoinPath(folder, location);
    taken =
        taken || location == name || (FileExists(target) && !SameContent(target, PiecesOf(file)));
  }
  if (taken) {
    AZ_ASSIGN_OR_RETURN(laid, Lay(model, options, name + ".data"));
  }
  std::vector<std::string> written;
  // Data first: a model on disk never refers to data that is not there.
  for (const auto& [location, file] : laid.layout.files()) {
    const std::string target = JoinPath(folder, location);
    AZ_RETURN_IF_ERROR(MakeFolders(FolderOf(target)));
    AZ_RETURN_IF_ERROR(WriteFileAtomic(target, PiecesOf(file)));
    written.push_back(location);
  }
  AZ_RETURN_IF_ERROR(WriteFileAtomic(path, laid.model));
  written.push_back(name);
  return written;
}

}  // namespace assize::onnx
