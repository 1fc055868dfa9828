// Sparse tensors made dense. Tests: tests/reference/executor_test.cc.
#include "lib/reference/sparse.h"

#include <vector>

#include "lib/reference/convert.h"

namespace assize::reference {

StatusOr<ir::Tensor> Densify(const ir::SparseTensor& sparse, int64_t max_tensor_bytes) {
  const auto count = ir::ElementCount(sparse.dims);
  if (!count || *count > max_tensor_bytes / 8) {
    return ResourceExhausted(
        "sparse tensor \"{}\" of shape {} is above the limit max_tensor_bytes ({})", sparse.name,
        ir::ShapeText(sparse.dims), max_tensor_bytes);
  }
  const std::vector<int64_t> indices = Ints(sparse.indices);
  const int64_t values = sparse.values.element_count();
  const auto rank = static_cast<int64_t>(sparse.dims.size());
  const bool linear = sparse.indices.rank() == 1;
  if (static_cast<int64_t>(indices.size()) != (linear ? values : values * rank)) {
    return InvalidArgument("sparse tensor \"{}\" has {} values and {} indices", sparse.name, values,
                           indices.size());
  }
  std::vector<int64_t> select(static_cast<size_t>(*count), -1);
  for (int64_t i = 0; i < values; ++i) {
    int64_t position = 0;
    if (linear) {
      position = indices[static_cast<size_t>(i)];
    } else {
      for (int64_t d = 0; d < rank; ++d) {
        const int64_t at = indices[static_cast<size_t>(i * rank + d)];
        const int64_t dim = sparse.dims[static_cast<size_t>(d)];
        if (at < 0 || at >= dim) {
          return OutOfRange("sparse tensor \"{}\": index {} at dim {} of size {}", sparse.name, at,
                            d, dim);
        }
        position = position * dim + at;
      }
    }
    if (position < 0 || position >= *count) {
      return OutOfRange("sparse tensor \"{}\": index {} of {} elements", sparse.name, position,
                        *count);
    }
    select[static_cast<size_t>(position)] = i;
  }
  return Select(sparse.values, sparse.dims, select);
}

}  // namespace assize::reference
