// Untrusted models: whatever is accepted must export, come back equal, and export to the same
// bytes.
//
// The mutator knows the wire format: half of the time it changes the payload of one nested field
// and writes the lengths around it anew, so that most inputs get past the scan. Run:
// build/fuzz/tests/fuzz/onnx_fuzz.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "lib/ir/hash.h"
#include "lib/onnx/onnx.h"
#include "lib/onnx/wire.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

using assize::onnx::AppendField;
using assize::onnx::Cursor;
using assize::onnx::WireType;

void Require(bool holds) {
  if (!holds) std::abort();
}

// Splits a message into its fields; false when it is not one.
struct Piece {
  int number = 0;  // of a length-delimited field, else 0
  std::string_view whole, payload;
};

bool Split(std::string_view bytes, std::vector<Piece>& pieces) {
  Cursor cursor(bytes, 0);
  while (!cursor.done()) {
    const size_t begin = cursor.position();
    const auto tag = cursor.ReadTag();
    if (!tag.ok()) return false;
    Piece piece;
    if (tag->type == WireType::kBytes) {
      const auto payload = cursor.Bytes();
      if (!payload.ok()) return false;
      piece.number = tag->number;
      piece.payload = *payload;
    } else if (!cursor.SkipField(*tag, 0).ok()) {
      return false;
    }
    piece.whole = bytes.substr(begin, cursor.position() - begin);
    pieces.push_back(piece);
  }
  return !pieces.empty();
}

class Mutator {
 public:
  explicit Mutator(unsigned seed) : state_(seed * 2654435761u + 1) {}

  std::string Mutate(std::string_view bytes, int depth) {
    std::vector<Piece> pieces;
    if (depth > 12 || bytes.empty() || !Split(bytes, pieces)) return Scramble(bytes);
    const size_t chosen = Below(pieces.size());
    const int action = static_cast<int>(Below(8));
    std::string out;
    for (size_t i = 0; i < pieces.size(); ++i) {
      const Piece& piece = pieces[i];
      if (i != chosen) {
        out += piece.whole;
      } else if (action == 0) {
        continue;  // dropped
      } else if (action == 1) {
        out += piece.whole;
        out += pieces[Below(pieces.size())].whole;  // another one twice
      } else if (piece.number == 0) {
        out += Scramble(piece.whole);
      } else {
        AppendField(out, piece.number, Mutate(piece.payload, depth + 1));
      }
    }
    return out;
  }

 private:
  size_t Below(size_t n) {
    state_ = state_ * 1664525u + 1013904223u;
    return (state_ >> 8) % n;
  }
  std::string Scramble(std::string_view bytes) {
    std::vector<uint8_t> buffer(bytes.begin(), bytes.end());
    const size_t size = buffer.size();
    buffer.resize(size + 64);
    const size_t made = LLVMFuzzerMutate(buffer.data(), size, buffer.size());
    return {reinterpret_cast<const char*>(buffer.data()), made};
  }
  uint32_t state_;
};

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  if (seed % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
  const std::string changed = Mutator(seed).Mutate({reinterpret_cast<const char*>(data), size}, 0);
  const size_t made = std::min(changed.size(), max_size);
  std::memcpy(data, changed.data(), made);
  return made;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  assize::onnx::ImportOptions options;
  options.limits.max_items = 1'000'000;
  const auto model = assize::onnx::ImportBytes(bytes, "fuzz", "", options);
  (void)assize::onnx::ImportTensor(bytes, "fuzz");
  if (!model.ok()) {
    Require(!assize::Message(model.status()).empty());
    return 0;
  }
  const auto exported = assize::onnx::ExportBytes(*model);
  Require(exported.ok());
  const auto again = assize::onnx::ImportBytes(exported->model, "again", "", options);
  Require(again.ok());
  Require(assize::ir::StructuralHash(*again) == assize::ir::StructuralHash(*model));
  const auto twice = assize::onnx::ExportBytes(*again);
  Require(twice.ok() && twice->model == exported->model);
  return 0;
}
