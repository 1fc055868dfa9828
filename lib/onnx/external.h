// External data: files beside the model that hold tensors' bytes. Read strictly, laid out
// deterministically.
//
// Reading: location, offset and length are checked before anything is opened; the file must lie
// beneath the model's folder without a symbolic link on the way, be regular and have one name only
// (OpenBeneath). Writing: tensors in the order they are met, aligned so that a loader can map them.
// Tests: tests/onnx/external_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/ir/tensor.h"
#include "lib/onnx/onnx.h"
#include "lib/support/files.h"

namespace assize::onnx {

// Where a tensor's bytes lie, as its external_data entries say.
struct ExternalReference {
  std::string location;
  uint64_t offset = 0;
  uint64_t length = 0;
};

// Checks the entries: known keys (location, offset, length, checksum), each once; decimal numbers;
// a plain relative location. `want` is the number of bytes that dims and type need: a length, when
// given, must equal it.
StatusOr<ExternalReference> ParseExternal(
    const std::vector<std::pair<std::string, std::string>>& entries, uint64_t want,
    bool& has_length);

// A plain relative file name: no "..", ".", empty component, backslash, drive letter, NUL or
// in-memory marker.
Status CheckLocation(const std::string& location);

class ExternalFiles {
 public:
  // `folder` "" refuses every file.
  ExternalFiles(std::string folder, const ImportOptions& options)
      : folder_(std::move(folder)), options_(options) {}
  // The bytes, and who keeps them mapped.
  StatusOr<std::pair<std::span<const std::byte>, std::shared_ptr<const void>>> Read(
      const std::vector<std::pair<std::string, std::string>>& entries, uint64_t want);
  const std::map<std::string, std::shared_ptr<const MappedFile>>& files() const { return files_; }

 private:
  StatusOr<std::shared_ptr<const MappedFile>> Open(const std::string& location);
  std::string folder_;
  const ImportOptions& options_;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;
  uint64_t total_ = 0;
};

// The external files of an export, before their bytes are gathered.
class ExternalLayout {
 public:
  struct File {
    std::vector<std::pair<uint64_t, ir::Tensor>> pieces;  // offset, tensor
    uint64_t size = 0;
  };
  // Appends the tensor's bytes to the file at `location`, returns the offset.
  uint64_t Place(const std::string& location, const ir::Tensor& tensor);
  const std::map<std::string, File>& files() const { return files_; }

 private:
  std::map<std::string, File> files_;
};

}  // namespace assize::onnx
