// What `bench` feeds a model: rows of a file, or seeded values that the model can take.
// Tests: tests/flow/bench_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/flow/user_data.h"
#include "lib/ir/model.h"
#include "lib/ir/tensor.h"
#include "lib/support/status.h"

namespace assize::flow {

struct BenchFeeds {
  std::map<std::string, ir::Tensor> feeds;
  int64_t batch = 1;
  std::vector<std::string> inputs;  // name and type of each
  std::string source;               // "seeded noise", or the file's name
};

// `batch` binds the first dim of each input (0: the model's own, else 1), `dims` other symbols.
// Floats are normal noise; integers that index a constant table lie within it, other integers are 1
// where the name says mask, else 0. InvalidArgument: a dim nobody gave a size, a batch that the
// model does not allow, a symbol it does not have.
StatusOr<BenchFeeds> MakeBenchFeeds(const ir::Model& model, int64_t batch,
                                    const std::map<std::string, int64_t>& dims,
                                    const UserData& data);

// OK when `model` has the inputs that `feeds` feed, of the same element types and fitting shapes.
Status SameInputs(const ir::Model& model, const std::map<std::string, ir::Tensor>& feeds);

}  // namespace assize::flow
