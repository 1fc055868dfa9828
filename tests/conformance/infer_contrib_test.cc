// Inference and the verifier on the com.microsoft cases: what inference says of the results is what
// ONNX Runtime made, and the verifier, which knows the ops by their schemas, has nothing to say.
// Catches a rule that reads the wrong input's type, and a schema row that refuses what runtimes
// accept.
#include <gtest/gtest.h>

#include "lib/analysis/infer.h"
#include "lib/onnx/onnx.h"
#include "lib/support/diagnostics.h"
#include "lib/support/files.h"
#include "lib/verify/verify.h"
#include "tests/conformance/contrib.h"

namespace assize::conformance {
namespace {

using InferContrib = ContribCases;

TEST_F(InferContrib, AgreesWithWhatTheRuntimeMade) {
  for (const Case& test_case : cases()) {
    SCOPED_TRACE(test_case.name);
    const auto imported = onnx::ImportFile(test_case.model);
    ASSERT_TRUE(imported.ok()) << imported.status();
    const ir::Model& model = imported->model;
    analysis::InferOptions options;
    options.ignore_declared = true;
    const auto types = analysis::InferTypes(model, options);
    ASSERT_TRUE(types.ok()) << types.status();
    for (size_t i = 0; i < model.graph.outputs().size(); ++i) {
      const ir::Type& made = model.graph.value(model.graph.outputs()[i]).type;
      const ir::Type& inferred = types->type(model.graph.outputs()[i]);
      ASSERT_TRUE(inferred.is_tensor());
      EXPECT_EQ(inferred.dtype, made.dtype) << i;
      ASSERT_TRUE(i > 0 || inferred.shape.has_value()) << "no shape of the first result";
      if (!inferred.shape) continue;
      ASSERT_EQ(inferred.shape->size(), made.shape->size()) << i;
      for (size_t d = 0; d < made.shape->size(); ++d) {
        const auto& dim = (*inferred.shape)[d].value;
        if (i > 0 && !dim) continue;
        EXPECT_EQ(dim, (*made.shape)[d].value) << "result " << i << " dim " << d;
      }
    }
    for (const Diagnostic& finding : verify::Verify(model))
      ADD_FAILURE() << finding.rule << " " << finding.place << ": " << finding.message;
  }
}

}  // namespace
}  // namespace assize::conformance
