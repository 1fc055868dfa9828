// Computes in 32-bit floats what the model computes in float16 or bfloat16.
//
//   before  y16 = Conv(x16, W16)      after  y16 = Cast(Conv(Cast(x16), W32))
//
// Shapes    any. Inputs and outputs of the graph keep their types, with a Cast at the border; Casts
// in between that
//           end up doing nothing are removed. Subgraphs and local functions change along.
// Needs     nothing. Where an unknown op hides the type of a value that other ops touch, the model
// stays as it is, with
//           a warning. Ops that hang on the 16 bits (BitCast, Cast to string) and unknown ops keep
//           them.
// Numerics  the weights keep their values; the roundings to 16 bits between the ops fall away, and
// overflow of float16
//           with them. So outputs move by those roundings, towards what the same model in float32
//           gives: criteria on data judge it. ONNX Runtime's CPU does the same for most ops, and
//           rounds after each.
// Not done  the way down. The file grows: a 16-bit weight takes twice the bytes (tables that only
// Gather reads stay
//           16-bit); quantize-static, for which this makes way, shrinks it.
// Source    lib/analysis/upcast_float16.h, which the engine uses as well.
// Tests     tests/passes/upcast_float16_test.cc
#include "lib/analysis/upcast_float16.h"

#include "lib/pass/pass.h"

namespace assize::passes {

class UpcastFloat16 final : public pass::ModelPass {
 public:
  pass::Descriptor Describe() const override {
    return {.summary = "Computes in 32-bit floats what was float16 or bfloat16",
            .judged_by_data = true};
  }

  Status Run(ir::Model& model, pass::Context& context) override {
    const StatusOr<analysis::UpcastCounts> counts = analysis::UpcastFloat16(model);
    if (absl::IsFailedPrecondition(counts.status())) {
      context.diagnostics->Report({Severity::kWarning,
                                   "AZ-CVT-0001",
                                   "upcast-float16",
                                   "left as it is: " + Message(counts.status()),
                                   {}});
      return OkStatus();
    }
    AZ_RETURN_IF_ERROR(counts.status());
    if (counts->tensors + counts->casts_added + counts->casts_removed > 0) {
      context.diagnostics->Report({Severity::kNote,
                                   "AZ-CVT-0002",
                                   "upcast-float16",
                                   fmt::format("the model was of 16-bit floats: {} of its tensors "
                                               "are float now, {} nodes still take 16 bits",
                                               counts->tensors, counts->nodes_kept),
                                   {}});
    }
    (*context.statistics)["tensors"] += counts->tensors;
    (*context.statistics)["casts added"] += counts->casts_added;
    (*context.statistics)["casts removed"] += counts->casts_removed;
    (*context.statistics)["nodes kept"] += counts->nodes_kept;
    return OkStatus();
  }
};

ASSIZE_DEFINE_PASS(UpcastFloat16);

}  // namespace assize::passes
