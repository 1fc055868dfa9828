// Tests: tests/onnx/.
#include "lib/onnx/pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace assize::onnx {

void LetGo(std::span<const std::byte> bytes) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(bytes.data()) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(bytes.data()) + bytes.size()) / page * page;
  // Advice: where the system does not take it, the pages stay.
  if (begin < end) (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

Digest Sha256OfMapped(std::span<const std::byte> bytes) {
  constexpr size_t kPiece = size_t{16} << 20;
  Sha256Stream stream;
  for (size_t at = 0; at < bytes.size(); at += kPiece) {
    const auto piece = bytes.subspan(at, std::min(kPiece, bytes.size() - at));
    stream.Update(piece);
    LetGo(piece);
  }
  return stream.Finish();
}

}  // namespace assize::onnx
