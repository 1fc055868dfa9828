// Sparse tensors made dense. Tests: tests/reference/executor_test.cc.
#pragma once

#include "lib/ir/attribute.h"
#include "lib/support/status.h"

namespace assize::reference {

// The dense form; indices are checked. ResourceExhausted above max_tensor_bytes (eight bytes an
// element at least).
StatusOr<ir::Tensor> Densify(const ir::SparseTensor& sparse, int64_t max_tensor_bytes);

}  // namespace assize::reference
