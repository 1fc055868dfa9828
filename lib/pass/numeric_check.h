// Runs a model before and after a pass on seeded random inputs and compares the outputs with a
// tolerance.
//
// The comparison is the pass's promise, checked on the very model it was applied to. A run that
// proves little (outputs of zeros, of one constant, or of NaN) is "mistrusted", one that cannot be
// made is "skipped" with the reason; neither is a success. Tests: tests/pass/numeric_check_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/ir/model.h"
#include "lib/pass/record.h"
#include "lib/pass/services.h"
#include "lib/support/status.h"
#include "lib/verify/tolerance.h"

namespace assize::pass {

// Outputs of a run on the seeded inputs. Keeps those of the last model, so that a pipeline of n
// passes needs n + 1 runs and not 2 n.
class NumericChecker {
 public:
  NumericChecker(Evaluator* evaluator, uint64_t seed, int64_t max_macs)
      : evaluator_(evaluator), seed_(seed), max_macs_(max_macs) {}

  // The record of the check. A violated tolerance is Internal, naming output, element, and both
  // values.
  StatusOr<NumericCheck> Check(const ir::Model& before, const Digest& before_hash,
                               const ir::Model& after, const Digest& after_hash,
                               const verify::Tolerance& tolerance);

 private:
  struct Outputs {
    std::optional<std::vector<ir::Tensor>> tensors;
    std::string reason;  // why there are none
    int64_t free_dim =
        0;  // what symbolic dims were bound to: the run after a pass must use the same
  };
  Outputs Evaluate(const ir::Model& model) const;
  Outputs EvaluateWith(const ir::Model& model, int64_t free_dim) const;

  Evaluator* evaluator_;
  uint64_t seed_;
  int64_t max_macs_;
  std::optional<Digest> last_hash_;
  Outputs last_;
};

// Random feeds for the graph's inputs: symbolic dims bound to `free_dim`, normal floats, small
// integers. Unimplemented for inputs that are no tensors of numbers.
StatusOr<Feeds> RandomFeeds(const ir::Model& model, uint64_t seed, int64_t free_dim);

// Compares results one by one; see NumericChecker::Check.
StatusOr<NumericCheck> CompareOutputs(const std::vector<std::string>& names,
                                      const std::vector<ir::Tensor>& before,
                                      const std::vector<ir::Tensor>& after,
                                      const verify::Tolerance& tolerance);

}  // namespace assize::pass
