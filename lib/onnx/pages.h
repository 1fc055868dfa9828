// Memory of a mapped file that nobody needs right now goes back to the system: reading it again
// brings it back. Tests: tests/onnx/.
#pragma once

#include <cstddef>
#include <span>

#include "lib/support/sha256.h"

namespace assize::onnx {

// Lets go of the whole pages of `bytes`, which must lie in a mapped file: a model whose weights
// were copied (they lie at odd offsets) would be in memory twice.
void LetGo(std::span<const std::byte> bytes);

// SHA-256 of a mapped file, which is not in memory afterwards.
Digest Sha256OfMapped(std::span<const std::byte> bytes);

}  // namespace assize::onnx
