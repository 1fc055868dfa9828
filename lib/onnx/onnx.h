// Import and export of ONNX files: the only room that sees ONNX's protobuf classes.
//
// Lossless: names, doc strings, metadata, functions, opset imports, unknown fields, external data.
// Untrusted bytes are scanned first (wire format, limits), then parsed. Every limit has a name; a
// refusal names it. Tests: tests/onnx/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/ir/model.h"
#include "lib/support/sha256.h"
#include "lib/support/status.h"

namespace assize::onnx {

struct ImportLimits {
  uint64_t max_model_bytes = uint64_t{1} << 30;      // of the protobuf file; hard limit 2 GiB - 1
  uint64_t max_external_bytes = uint64_t{64} << 30;  // of all external data files together
  int max_subgraph_depth = 32;
  int max_type_depth = 16;  // of sequences, optionals and maps in each other
  int max_functions = 10'000;
  int max_call_depth = 100;
  int max_rank = 1024;
  int64_t max_nodes = 10'000'000;
  int64_t max_items = 50'000'000;  // messages and strings: each costs memory once read
  int max_attributes = 10'000;     // of one node
  int64_t max_name_bytes = 1 << 20;
  int64_t max_opset = 28;  // of ai.onnx
};

struct ImportOptions {
  ImportLimits limits;
  bool sealed = false;  // copy the files into sealed memory first: what is hashed is what is used
  bool digests = true;  // off for who only runs the model: the digests stay zero
};

struct Imported {
  ir::Model model;
  Digest file_digest{};  // of the .onnx file's bytes
  uint64_t file_bytes = 0;
  struct External {
    std::string location;  // relative to the model's folder
    Digest digest{};
    uint64_t bytes = 0;
  };
  std::vector<External> external;  // files that loading touched, sorted by location
};

StatusOr<Imported> ImportFile(const std::string& path, const ImportOptions& options = {});
// From memory; external data is looked for in `folder` ("" refuses it). `origin` names the bytes in
// messages.
StatusOr<ir::Model> ImportBytes(std::string_view bytes, const std::string& origin,
                                const std::string& folder = "", const ImportOptions& options = {});

struct ExportOptions {
  // Tensors of at least this many bytes go to one external file beside the model when the protobuf
  // would pass 2 GiB - 1, or when the source kept them external.
  int64_t external_threshold_bytes = 1024;
  bool keep_external = true;
};

struct Exported {
  std::string model;  // protobuf bytes, deterministic
  struct External {
    std::string location;
    std::string bytes;
  };
  std::vector<External> external;
};
StatusOr<Exported> ExportBytes(const ir::Model& model, const ExportOptions& options = {});
// Writes model and external data atomically; returns the files written, relative to the folder of
// `path`.
StatusOr<std::vector<std::string>> ExportFile(const ir::Model& model, const std::string& path,
                                              const ExportOptions& options = {});

// A serialized TensorProto: one .pb file of ONNX's test data. External data is refused.
StatusOr<ir::NamedTensor> ImportTensor(std::string_view bytes, const std::string& origin);
std::string ExportTensor(const ir::NamedTensor& tensor);

// A value of ONNX's test data: the files carry no header, the declared type of the graph's input or
// output says whether a TensorProto, SequenceProto or OptionalProto is in them.
struct TestValue {
  ir::Type::Kind kind = ir::Type::Kind::kUnset;  // kTensor, kSequence or kOptional
  ir::NamedTensor tensor;                        // kTensor; of the others only the name
  std::vector<TestValue> elements;  // kSequence; kOptional: one, or none when it is empty
};
StatusOr<TestValue> ImportValue(std::string_view bytes, const ir::Type& declared,
                                const std::string& origin);

}  // namespace assize::onnx
